import { blobIdFromBytes, parseObjectId, sliverLength } from '../../../codec/index.ts'
import type {
  BlobId,
  BlobMetadata,
  Certificate,
  Epoch,
  ShardIndex,
  SliverPairIndex,
  SliverRef,
} from '../../../codec/types.ts'
import { openBytes } from '../../../node/storage/store/open-bytes.ts'
import {
  type AddressSource,
  type CertificateSink,
  type ChallengeJudge,
  type Custody,
  type InconsistencyJudge,
  type NodeInfo,
  ProtocolError,
  type PunchAnswerer,
  type ReachProber,
  type RecoverySource,
  type ShardSource,
  type SliverStore,
  type SnapshotSource,
  type StatusSource,
} from '../../../protocols/index.ts'

export const NETWORK = parseObjectId(`0x${'ab'.repeat(32)}`)
export const OTHER_NETWORK = parseObjectId(`0x${'cd'.repeat(32)}`)
export const EPOCH = 3 as Epoch

export const blobId = (byte: number): BlobId => blobIdFromBytes(new Uint8Array(32).fill(byte))
export const primary = (pair: number): SliverRef => ({ pair: pair as SliverPairIndex, axis: 'primary' })
export const secondary = (pair: number): SliverRef => ({ pair: pair as SliverPairIndex, axis: 'secondary' })
/** The range of all bytes of a sliver. */
export const WHOLE = { offset: 0, length: null }
export const keyOf = (id: BlobId, { pair, axis }: SliverRef): string => `${id} ${axis} ${pair}`

export function metadataOf(id: BlobId, unencodedLength: number, nShards = 10): BlobMetadata {
  return {
    blobId: id,
    encodingType: 'RS2',
    unencodedLength,
    nShards,
    hashes: new Uint8Array(64 * nShards).fill(7),
  }
}

/** Bytes of the length that a sliver must have; content differs per sliver. */
export function sliverBytes(metadata: BlobMetadata, { pair, axis }: SliverRef): Uint8Array {
  const bytes = new Uint8Array(sliverLength(metadata.nShards, metadata.unencodedLength, axis))
  return bytes.fill(pair * 2 + (axis === 'primary' ? 1 : 2))
}

export interface FakeNode {
  slivers: SliverStore & { readonly stored: Map<string, Uint8Array> }
  custody: Custody
  status: StatusSource
  certificates: CertificateSink & { readonly received: Certificate[] }
  /** what is left of a shard, whoever asks; a test may put another */
  shards: ShardSource
  /** knows no blob; a test may put another */
  recovery: RecoverySource
  /** knows no blob; a test may put another */
  judge: InconsistencyJudge
  /** knows no round; a test may put another */
  challenges: ChallengeJudge
  /** has none; a test may put another */
  snapshots: SnapshotSource
  /** knows nobody; a test may put another */
  addresses: AddressSource
  /** reaches nobody; a test may put another */
  reach: ReachProber
  /** agrees to everything, and meets nobody; a test may put another */
  punching: PunchAnswerer
  /** sessions opened and not closed */
  readonly openSessions: number
  /** what the node wants of each blob */
  wanted: SliverRef[]
}

/** All ports in memory. */
export function fakeNode(): FakeNode {
  const stored = new Map<string, Uint8Array>()
  const received: Certificate[] = []
  const known = new Map<BlobId, BlobMetadata>()
  let open = 0
  const node: FakeNode = {
    wanted: [primary(0), secondary(0), primary(1), secondary(1)],
    get openSessions() {
      return open
    },
    slivers: {
      stored,
      has: async (id, ref) => stored.has(keyOf(id, ref)),
      holds: async (id, ref) => stored.has(keyOf(id, ref)),
      get: async (id, ref) => stored.get(keyOf(id, ref)),
      async open(id, ref, options) {
        const bytes = await node.slivers.get(id, ref, options)
        return bytes && openBytes(bytes)
      },
      put: async (id, ref, bytes) => void stored.set(keyOf(id, ref), bytes.slice()),
      list: async () => [],
      delete: async () => {},
    },
    custody: {
      async open({ metadata }) {
        open++
        const wanted = node.wanted.filter(ref => !stored.has(keyOf(metadata.blobId, ref)))
        return {
          epoch: EPOCH,
          wanted,
          async receive(ref) {
            const parts: Uint8Array[] = []
            return {
              write: part => void parts.push(part.slice()),
              async accept() {
                const bytes = Buffer.concat(parts)
                if (!sliverBytes(metadata, ref).every((byte, i) => byte === bytes[i])) {
                  throw new ProtocolError('SLIVER_MISMATCH', { details: { pair: ref.pair, axis: ref.axis } })
                }
                stored.set(keyOf(metadata.blobId, ref), Uint8Array.from(bytes))
              },
              close: async () => {},
            }
          },
          async confirm() {
            known.set(metadata.blobId, metadata)
            return { message: new Uint8Array(43).fill(1), signature: new Uint8Array(96).fill(2) }
          },
          close: () => void open--,
        }
      },
    },
    status: {
      blobStatus: async id =>
        known.has(id)
          ? {
              kind: 'known',
              certified: true,
              initialCertifiedEpoch: EPOCH,
              endEpoch: 9 as Epoch,
              deletable: true,
            }
          : { kind: 'nonexistent' },
      metadata: async id => known.get(id),
      nodeInfo: async () => INFO,
    },
    shards: {
      page: async () => ({ blobs: [], end: true }),
      open: (id, ref, options) => node.slivers.open(id, ref, options),
    },
    recovery: {
      async open({ blobs }) {
        const count = 'Ids' in blobs ? blobs.Ids.length : blobs.Prefixes.length
        const unknown = { status: 'unknown' } as const
        return { blobs: Array.from({ length: count }, () => unknown), async *symbols() {} }
      },
    },
    judge: {
      async open({ metadata: { blobId } }) {
        throw new ProtocolError('NOT_REGISTERED', { details: { blobId } })
      },
    },
    snapshots: { heads: () => [], page: async () => undefined },
    challenges: {
      async open(details) {
        throw new ProtocolError('NO_ROUND', { details })
      },
    },
    addresses: { records: () => [] },
    reach: { probe: async ({ ports }) => ports.map(() => false) },
    punching: { open: async () => ({ candidates: [], go: async () => undefined, close: () => undefined }) },
    certificates: {
      received,
      certified: async certificate => void received.push(certificate),
    },
  }
  return node
}

export const INFO: NodeInfo = {
  nodeId: parseObjectId('0x5'),
  network: NETWORK,
  version: '1.2.3',
  epoch: EPOCH,
  shards: [1 as ShardIndex, 4 as ShardIndex],
  storedBlobs: 7,
  storedBytes: 2 ** 40,
}
