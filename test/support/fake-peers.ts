import { systemClock } from '../../base/clock.ts'
import type { Committee, CommitteeMember, NetworkConfig } from '../../chain/types/index.ts'
import type { EncodedBlob } from '../../codec/index.ts'
import type { BlobId, BlobMetadata, Epoch, ObjectId, ShardIndex, SliverRef } from '../../codec/types.ts'
import { type Owners, type OwnersFinder, ownersIn } from '../../node/client/download/owners.ts'
import { createPeerBook, type PeerBook } from '../../node/network/peer-book.ts'
import type { FetchedSliver, FetchOptions, FetchRequestItem, PeerAddress } from '../../protocols/index.ts'
import type { BlobStatus } from '../../protocols/ports.ts'

/** `count` members with equal shares of `nShards`; member i has the PeerId `peer-i`, and the first is number `first`. */
export function fakeCommittee(
  count: number,
  nShards: number,
  { epoch = 1, first = 0 }: { epoch?: number; first?: number } = {},
): Committee {
  const members = Array.from({ length: count }, (_, i) => first + i).map(
    (index): CommitteeMember => ({
      index,
      nodeId: `0x${String(index).padStart(64, '0')}` as ObjectId,
      name: `node-${index}`,
      networkAddress: '',
      networkPublicKey: Uint8Array.of(index),
      blsPublicKey: new Uint8Array(48),
      multiaddrs: [],
      shards: Array.from({ length: nShards }, (_, shard) => shard as ShardIndex).filter(
        shard => shard % count === index - first,
      ),
    }),
  )
  return { epoch: epoch as Epoch, nShards, members }
}

/** Members in the order of their index as long as nothing was learnt. */
export function fakeBook(): PeerBook {
  return createPeerBook({
    clock: systemClock,
    network: { peers: [] as unknown } as NetworkConfig,
    peerIdOf: key => `peer-${key[0]}`,
    random: () => 0,
  })
}

/** Of a network whose committee stays the same. */
export const fixedOwners = (committee: Committee, book: PeerBook = fakeBook()): Owners =>
  ownersIn({ current: committee }, 'current', book)
export const neverRenewed: Pick<OwnersFinder, 'renewed'> = { renewed: async () => undefined }

/** How a fake peer behaves; each may wait, fail or answer. */
export interface FakePeer {
  sliver?: (
    ref: SliverRef,
    signal: AbortSignal,
    onBytes: (bytes: number) => void,
  ) => Promise<Uint8Array | undefined>
  metadata?: (signal: AbortSignal, onBytes: (bytes: number) => void) => Promise<BlobMetadata | undefined>
  status?: (signal: AbortSignal) => Promise<BlobStatus>
}

export const honest = (blob: EncodedBlob): FakePeer => ({
  sliver: async ref => blob.sliver(ref),
  metadata: async () => blob.metadata,
  status: async () => ({ kind: 'known', certified: true, endEpoch: 9 as Epoch, deletable: true }),
})
export const unreachable: FakePeer = {}
/** Takes requests and never answers. */
export const silent: FakePeer = {
  sliver: (_, signal) => untilAborted(signal),
  metadata: untilAborted,
  status: untilAborted,
}
export const ignorant: FakePeer = {
  sliver: async () => undefined,
  metadata: async () => undefined,
  status: async () => ({ kind: 'nonexistent' }),
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

/** The reading half of PeerClient over fake peers, and what was asked of whom. */
export function fakePeers(peers: readonly FakePeer[]) {
  const asked: { peer: number; items: number }[] = []
  const of = (address: PeerAddress): number => Number(address.peerId.slice('peer-'.length))
  const never = new AbortController().signal
  const fail = () => Promise.reject(new Error('unreachable'))
  return {
    asked,
    async *fetch<Item extends FetchRequestItem>(
      address: PeerAddress,
      items: readonly Item[],
      { signal = never, onBytes = () => {} }: FetchOptions = {},
    ): AsyncIterable<FetchedSliver<Item> & FetchRequestItem> {
      asked.push({ peer: of(address), items: items.length })
      const { sliver = fail } = peers[of(address)]!
      for (const item of items) {
        const bytes = await sliver(item.ref, signal, onBytes)
        signal.throwIfAborted()
        onBytes(bytes?.length ?? 0)
        yield { item, blobId: item.blobId, ref: item.ref, bytes }
      }
    },
    metadata: (
      address: PeerAddress,
      _: BlobId,
      {
        signal = never,
        onBytes = () => {},
      }: { signal?: AbortSignal; onBytes?: (bytes: number) => void } = {},
    ) => (peers[of(address)]!.metadata ?? fail)(signal, onBytes),
    blobStatus: (address: PeerAddress, _: BlobId, { signal = never }: { signal?: AbortSignal } = {}) =>
      (peers[of(address)]!.status ?? fail)(signal),
  }
}
