import { systemClock } from '../../../../base/clock.ts'
import type { Committee, CommitteeMember, Committees, NetworkConfig } from '../../../../chain/types/index.ts'
import { type Codec, type EncodedBlob, pairOfShard } from '../../../../codec/index.ts'
import type { Axis, BlobId, BlobMetadata, Epoch, ObjectId, ShardIndex } from '../../../../codec/types.ts'
import { createMemberIndex } from '../../../../node/network/member-index.ts'
import { createPeerBook } from '../../../../node/network/peer-book.ts'
import { peerIdTextOf } from '../../../../node/network/peer-id.ts'
import { type Budget, createBudget, upkeepLimits } from '../../../../node/storage/budget.ts'
import { createPeerPauses, type PeerPauses } from '../../../../node/storage/recovery/peer-pauses.ts'
import {
  createRecoverAccounts,
  type RecoverAccounts,
} from '../../../../node/storage/recovery/recover-accounts.ts'
import { createSymbolSource } from '../../../../node/storage/recovery/symbol-source.ts'
import { blobHex } from '../../../../node/storage/store/keys.ts'
import { memorySliverStore } from '../../../../node/storage/store/memory-sliver-store.ts'
import type { ShardedSliverStore } from '../../../../node/storage/store/shard-slivers.ts'
import { type PeerAddress, type PeerClient, ProtocolError } from '../../../../protocols/index.ts'

export const EPOCH = 3 as Epoch
const AXES: readonly Axis[] = ['primary', 'secondary']

/** How a peer misbehaves: it gives nothing, or alters symbols (of these blobs), which proofs then show. */
export interface Fault {
  silent?: boolean
  alter?: (blobId: BlobId | undefined) => boolean
  /** gives no proofs */
  hides?: boolean
}

/** Storage nodes with stores in memory that answer each other without a network; node 0 is the one that recovers. */
export interface World {
  committees: Committees
  members: readonly CommitteeMember[]
  stores: readonly ShardedSliverStore[]
  blobs: Map<BlobId, BlobMetadata>
  faults: Map<number, Fault>
  /** requests of `recover`, by who was asked */
  asked: { peer: number; targets: number; blobs: number; proofs: boolean; bytes: number }[]
  peers: Pick<PeerClient, 'recover' | 'fetch'>
  book: ReturnType<typeof createPeerBook>
  pauses: PeerPauses
  budget: Budget
  /** What a member answers from, when it has heard of an epoch. */
  sourceOf(
    member: number,
    options?: { groupBytes?: number; epoch?: Epoch; accounts?: RecoverAccounts },
  ): ReturnType<typeof createSymbolSource>
  /** Gives every node its slivers of a blob, and tells the chain's word of it. */
  add(blob: EncodedBlob): Promise<BlobMetadata>
  /** What node 0 lacks of the slivers of its shards. */
  lacking(blobId: BlobId): Promise<string[]>
  wipe(member: number, blobId?: BlobId): Promise<void>
}

export interface WorldInit {
  codec: Codec
  nShards: number
  members: number
}

/** Member i has every shard that is i modulo the members. */
export function createWorld({ codec, nShards, members: count }: WorldInit): World {
  const members = Array.from({ length: count }, (_, index): CommitteeMember => {
    const networkPublicKey = new Uint8Array(33)
    networkPublicKey.set([index & 0xff, index >> 8, 1], 1)
    return {
      index,
      nodeId: `0x${String(index).padStart(64, '0')}` as ObjectId,
      name: `node-${index}`,
      networkAddress: '',
      networkPublicKey,
      blsPublicKey: new Uint8Array(48),
      multiaddrs: [],
      shards: Array.from({ length: nShards }, (_, shard) => shard as ShardIndex).filter(
        shard => shard % count === index,
      ),
    }
  })
  const current: Committee = { epoch: EPOCH, nShards, members }
  const committees = { epoch: EPOCH, state: 'done', current } as unknown as Committees
  const stores = members.map(() => memorySliverStore(nShards))
  const blobs = new Map<BlobId, BlobMetadata>()
  const faults = new Map<number, Fault>()
  const asked: World['asked'] = []
  const book = createPeerBook({
    clock: systemClock,
    network: { peers: [] as unknown } as NetworkConfig,
    peerIdOf: peerIdTextOf,
    random: () => 0,
  })
  const indexOf = ({ peerId }: PeerAddress): number =>
    members.findIndex(({ networkPublicKey }) => peerIdTextOf(networkPublicKey) === peerId)
  const owned = { objectId: '0x1' as ObjectId, deletable: false, certified: true, endEpoch: 9 as Epoch }
  const index = createMemberIndex()
  const unlimited = createRecoverAccounts({
    members: index,
    nShards,
    storedBytes: () => 2 ** 40,
    clock: systemClock,
  })
  const sourceOf: World['sourceOf'] = (member, { groupBytes, epoch = EPOCH, accounts = unlimited } = {}) =>
    createSymbolSource(
      {
        nShards,
        codec,
        accounts,
        committees: () => committees,
        members: index,
        epoch: () => epoch,
        slivers: stores[member]!,
        metadata: { get: async blobId => blobs.get(blobId) },
        blobs: {
          get: async blobId =>
            blobs.has(blobId) ? { registrations: [owned], initialCertifiedEpoch: 1 as Epoch } : undefined,
          beginningWith: async (prefix, limit) => {
            const hex = Buffer.from(prefix).toString('hex')
            return [...blobs.keys()].filter(blobId => blobHex(blobId).startsWith(hex)).slice(0, limit)
          },
        },
      },
      groupBytes,
    )
  const me = peerIdTextOf(members[0]!.networkPublicKey)!

  const peers: World['peers'] = {
    async *recover(address, query, { signal = new AbortController().signal }) {
      const member = indexOf(address)
      const { silent = false, hides = false, alter = () => false } = faults.get(member) ?? {}
      const named = 'Ids' in query.blobs ? query.blobs.Ids : query.blobs.Prefixes
      const count = { peer: member, targets: query.targets.length, blobs: named.length, bytes: 0 }
      asked.push({ ...count, proofs: query.proofs })
      if (silent || (hides && query.proofs)) throw new ProtocolError('TIMEOUT')
      const { blobs: statuses, symbols } = await sourceOf(member).open(query, { peer: me, signal })
      const found = [...statuses.keys()].filter(i => statuses[i]!.status === 'found')
      let at = 0
      for await (const cells of symbols()) {
        for (const data of cells) {
          const blob = found[Math.floor(at / query.sources.length)]!
          const source = at++ % query.sources.length
          if (data === undefined) continue
          const given = data.slice()
          if (alter('Ids' in query.blobs ? query.blobs.Ids[blob] : undefined)) given[0]! ^= 1
          asked.at(-1)!.bytes += given.length
          yield { blob, source, data: given }
        }
      }
      return statuses
    },
    async *fetch(address, items) {
      const member = indexOf(address)
      const { silent = false } = faults.get(member) ?? {}
      if (silent) throw new ProtocolError('TIMEOUT')
      for (const item of items)
        yield { ...item, item, bytes: await stores[member]!.get(item.blobId, item.ref) }
    },
  }

  const refs = (member: number, blobId: BlobId) =>
    members[member]!.shards.flatMap(shard =>
      AXES.map(axis => ({ pair: pairOfShard(shard, blobId, nShards), axis })),
    )
  return {
    committees,
    members,
    stores,
    blobs,
    faults,
    asked,
    peers,
    book,
    pauses: createPeerPauses({ clock: systemClock, random: () => 0 }),
    budget: createBudget(upkeepLimits(2), systemClock),
    sourceOf,
    async add(blob) {
      const { metadata } = blob
      blobs.set(metadata.blobId, metadata)
      for (const [i, store] of stores.entries()) {
        const of = refs(i, metadata.blobId).map(ref => ({
          blobId: metadata.blobId,
          ref,
          bytes: blob.sliver(ref),
        }))
        if (of.length > 0) await store.putMany(of)
      }
      return metadata
    },
    async lacking(blobId) {
      const has = new Set((await stores[0]!.list(blobId)).map(({ axis, pair }) => `${axis}/${pair}`))
      return refs(0, blobId)
        .map(({ axis, pair }) => `${axis}/${pair}`)
        .filter(ref => !has.has(ref))
    },
    async wipe(member, blobId) {
      for (const id of blobId === undefined ? blobs.keys() : [blobId]) await stores[member]!.delete(id)
    },
  }
}
