import { randomBytes } from 'node:crypto'
import { silentLog } from '../../../../base/log.ts'
import { type Codec, createCodec, type EncodedBlob, loadBls, shardOfPair } from '../../../../codec/index.ts'
import type { SliverRef } from '../../../../codec/types.ts'
import { createCommitteeTracker } from '../../../../node/network/committees.ts'
import { createHttpFace, type HttpFace, type HttpFaceInit } from '../../../../node/storage/api/index.ts'
import { createCustody } from '../../../../node/storage/custody/custody.ts'
import { createOpenUploads, type OpenUploads } from '../../../../node/storage/custody/open-uploads.ts'
import { createPieces, type Pieces } from '../../../../node/storage/custody/pieces.ts'
import { createConfirmationSigner } from '../../../../node/storage/custody/signer.ts'
import { type BlobInfo, createBlobInfo } from '../../../../node/storage/events/blob-info.ts'
import { createBlobRecords } from '../../../../node/storage/store/blob-records.ts'
import { memorySliverStore } from '../../../../node/storage/store/memory-sliver-store.ts'
import { createMetadataStore, type MetadataStore } from '../../../../node/storage/store/metadata-store.ts'
import { openRecords } from '../../../../node/storage/store/records.ts'
import type { SliverStore } from '../../../../protocols/ports.ts'
import { FakeChain } from '../../../support/fake-chain.ts'
import { temporaryFolder } from '../../../support/temporary.ts'

export const N = 10

/** One node of four behind real HTTP, with real services, on a chain in memory. */
export interface TestNode {
  chain: FakeChain
  codec: Codec
  /** encoded for the network's shards */
  blob: EncodedBlob
  blobs: BlobInfo
  slivers: SliverStore
  metadata: MetadataStore
  pieces: Pieces
  uploads: OpenUploads
  publicKey: Uint8Array
  /** this node's slivers of a blob */
  ours(blob?: EncodedBlob): SliverRef[]
  /** A face with other settings; closed with the rest. */
  face(init?: Partial<HttpFaceInit>): Promise<string>
  close(): Promise<void>
}

export async function startTestNode({ registrationWaitMs = 100 } = {}): Promise<TestNode> {
  const folder = await temporaryFolder()
  const records = await openRecords(folder.path)
  const codec = createCodec({ threads: 0 })
  const blob = await codec.encode(randomBytes(5000), N)
  const bls = await loadBls()
  const secret = bls.generateSecret()
  const publicKey = bls.publicKey(secret)
  const member = (i: number) => ({
    name: String(i),
    blsPublicKey: publicKey,
    networkPublicKey: Uint8Array.of(0, ...randomBytes(32)),
    multiaddrs: [],
  })
  const chain = new FakeChain(N, [0, 1, 2, 3].map(member))
  const state = createBlobRecords(records)
  const uploads = createOpenUploads(state)
  const blobs = createBlobInfo({ chain, records: state, log: silentLog() })
  const slivers = memorySliverStore()
  const metadata = createMetadataStore(records, N)
  const { nodeId, shards } = chain.committee.members[1]!
  const services = {
    nodeId,
    codec,
    slivers,
    metadata,
    expectRoom: async () => {},
    blobs,
    committees: createCommitteeTracker(chain),
    uploads,
    log: silentLog(),
  }
  const limits = { registrationWaitMs }
  const custody = createCustody({ ...services, signer: createConfirmationSigner(bls, secret) }, limits)
  const pieces = createPieces({ ...services, nShards: N, custody }, limits)
  const status = {
    nodeInfo: async () => ({
      nodeId,
      network: chain.network.systemObjectId,
      version: 'test',
      epoch: (await chain.committees()).epoch,
      shards,
      storedBlobs: 0,
      storedBytes: 0,
    }),
  }
  blobs.start()
  const faces: HttpFace[] = []
  return {
    chain,
    codec,
    blob,
    blobs,
    slivers,
    metadata,
    pieces,
    uploads,
    publicKey,
    ours(of = blob) {
      const { blobId } = of.metadata
      const pairs = Array.from({ length: N }, (_, pair) => pair as SliverRef['pair'])
      return pairs
        .filter(pair => shards.includes(shardOfPair(pair, blobId, N)))
        .flatMap(pair => (['primary', 'secondary'] as const).map(axis => ({ pair, axis })))
    },
    async face(init = {}) {
      const face = createHttpFace({ pieces, status, host: '127.0.0.1', port: 0, ...init })
      await face.start()
      faces.push(face)
      return face.url
    },
    async close() {
      await Promise.all(faces.map(face => face.stop()))
      await blobs.stop()
      await records.close()
      await codec.close()
      await folder.remove()
    },
  }
}
