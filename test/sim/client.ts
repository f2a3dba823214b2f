import { silentLog } from '../../base/log.ts'
import { anySignal } from '../../base/wait.ts'
import type { Wallet } from '../../chain/types/index.ts'
import type { BlobCodec, Bls } from '../../codec/index.ts'
import type { BlobId, ObjectId } from '../../codec/types.ts'
import { createAccuse } from '../../node/client/accuse.ts'
import { readWhole } from '../../node/client/download/download.ts'
import { createOwnersFinder } from '../../node/client/download/owners.ts'
import type { StoreResult } from '../../node/client/types.ts'
import { createEncode } from '../../node/client/upload/encoding.ts'
import { prepareSource } from '../../node/client/upload/source.ts'
import { createUncertifiedBlobs } from '../../node/client/upload/uncertified-blobs.ts'
import { upload } from '../../node/client/upload/upload.ts'
import { UploadSlots } from '../../node/client/upload/upload-slots.ts'
import { createCommitteeTracker } from '../../node/network/committees.ts'
import { createPeerBook } from '../../node/network/peer-book.ts'
import type { Random } from '../support/random.ts'
import type { SimNetwork } from './network.ts'
import type { SimRpc } from './rpc.ts'
import type { SkewedClock } from './timeline.ts'

export interface SimClientInit {
  name: string
  owner: ObjectId
  network: SimNetwork
  rpc: SimRpc
  codec: BlobCodec
  bls: Bls
  random: Random
  time: SkewedClock
  onAccused: (liar: ObjectId, what: string) => void
}

export interface SimClient {
  readonly rpc: SimRpc
  store(data: Uint8Array, options: { epochs: number; deletable: boolean }): Promise<StoreResult>
  read(blobId: BlobId): Promise<Uint8Array>
}

const NOTHING = (): void => undefined

/** The client's services for storing and reading, on the parts of a simulation. */
export function createSimClient(init: SimClientInit): SimClient {
  const { name, network, rpc, codec, bls, random, time } = init
  const { clock } = time
  const chain = rpc.coordinator()
  const peers = network.peersOf({ self: () => name, name })
  const committees = createCommitteeTracker(chain)
  const peerIdOf = (key: Uint8Array) => network.peerIdOf(key)
  const book = createPeerBook({ network: chain.network, peerIdOf, clock, random: random.next })
  const log = silentLog()
  const metrics = { request: NOTHING, bytes: NOTHING, upload: NOTHING, download: NOTHING }
  const liar = (nodeId: string, what: string): void => init.onAccused(nodeId as ObjectId, what)
  const accuse = createAccuse({ book, log, metrics: { liar } })
  const owners = createOwnersFinder({ peers, book, committees, clock })
  const shared = { peers, book, accuse, codec, owners, clock, random: random.next, log, metrics }
  const wallet = { address: init.owner, signer: {} } as Wallet
  const uploads = {
    ...shared,
    chain,
    writer: chain.writer(wallet),
    committees,
    bls: async () => bls,
    encode: createEncode(codec, undefined),
    slots: new UploadSlots({ limit: 64, clock }),
    leases: {
      take: async () => ({ waited: false, mayResume: async () => true, async [Symbol.asyncDispose]() {} }),
    },
    uncertified: createUncertifiedBlobs(clock),
  }
  return {
    rpc,
    async store(data, options) {
      const { signal } = new AbortController()
      const maxBytes = async (): Promise<number> => data.length
      await using source = await prepareSource(data, {
        disk: undefined,
        signal,
        aboveBytes: 2 ** 30,
        maxBytes,
      })
      return await upload(uploads, source, { options: { ...options, signal }, again: false })
    },
    async read(blobId) {
      const signal = anySignal()
      await committees.get({})
      const { data } = await owners.ask(blobId, { signal }, of => readWhole(shared, of, blobId, { signal }))
      return data
    },
  }
}
