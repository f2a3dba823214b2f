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
  type CertificateSink,
  type Custody,
  type NodeInfo,
  ProtocolError,
  type SliverStore,
  type StatusSource,
} from '../../../protocols/index.ts'

export const NETWORK = parseObjectId(`0x${'ab'.repeat(32)}`)
export const OTHER_NETWORK = parseObjectId(`0x${'cd'.repeat(32)}`)
export const EPOCH = 3 as Epoch

export const blobId = (byte: number): BlobId => blobIdFromBytes(new Uint8Array(32).fill(byte))
export const primary = (pair: number): SliverRef => ({ pair: pair as SliverPairIndex, axis: 'primary' })
export const secondary = (pair: number): SliverRef => ({ pair: pair as SliverPairIndex, axis: 'secondary' })
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
          async accept(ref, bytes) {
            if (!sliverBytes(metadata, ref).every((byte, i) => byte === bytes[i])) {
              throw new ProtocolError('SLIVER_MISMATCH', { args: { pair: ref.pair, axis: ref.axis } })
            }
            stored.set(keyOf(metadata.blobId, ref), bytes.slice())
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
