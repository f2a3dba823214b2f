import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { equalBytes } from '../../base/bytes.ts'
import type { Clock } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import { pairOfShard, shardOfPair } from '../../codec/index.ts'
import type { BlobId, ObjectId, ShardIndex, SliverRef } from '../../codec/types.ts'
import type { NodeParts } from '../../node/storage/compose-node.ts'
import { type BlobRecords, createBlobRecords } from '../../node/storage/store/blob-records.ts'
import { fullDisk } from '../../node/storage/store/disk-error.ts'
import { damagedKey, sliverKey } from '../../node/storage/store/keys.ts'
import { indexingMissing } from '../../node/storage/store/missing-index.ts'
import { createNodeRecords, type NodeRecords } from '../../node/storage/store/node-records.ts'
import { type NodeStore, openNodeStore } from '../../node/storage/store/node-store.ts'
import type { Records } from '../../node/storage/store/records.ts'
import { createRoundRecords } from '../../node/storage/store/round-records.ts'
import type { ScrubOptions } from '../../node/storage/store/shard-slivers.ts'
import { createTableRecords } from '../../node/storage/store/table-records.ts'
import { packFilesIn } from '../support/pack-accounts.ts'
import { LayeredRecords, SharedRecords } from './layered-records.ts'
import { readOnce } from './read-once.ts'
import type { Timeline } from './timeline.ts'
import { TokenMetadata, TokenStore } from './token-store.ts'
import type { TokenBlobs } from './tokens.ts'

export interface OpenDisk {
  clock: Clock
  /** What stands before the parts. */
  guard: (parts: NodeParts) => NodeParts
  /** Its node takes part in storage challenges. */
  challenges: boolean
}

/** What of a node outlives it. */
export interface Disk {
  open(init: OpenDisk): Promise<NodeParts>
  /** What was not synced is lost; no more than a process when its disk cannot tell. */
  losePower(): void
  wipe(): Promise<void>
  close(): Promise<void>
  /** There is no room from here on, or there is again. */
  isFull: boolean
  /** Something of these blobs decays, each in one of these shards; how many. */
  rot(blobIds: readonly BlobId[], shards: readonly ShardIndex[]): Promise<number>
  /** Whether anything has decayed that its node has not found yet. */
  isRotten(): Promise<boolean>
  /** Of these shards and blobs, those of which both slivers were not written and right; for all blobs the same shards. */
  unwritten(blobIds: readonly BlobId[], shards: readonly ShardIndex[]): Promise<string[]>
  /** The same with what has decayed. */
  lacking(blobIds: readonly BlobId[], shards: readonly ShardIndex[]): Promise<string[]>
  /** Of a blob's slivers of a shard: 1 the primary, 2 the secondary, 3 both, where they are right. */
  right(blobId: BlobId, shard: ShardIndex): Promise<number>
  /** The same of one shard for many blobs. */
  rights(blobIds: readonly BlobId[], shard: ShardIndex): Promise<Uint8Array>
  hasAny(blobId: BlobId): Promise<boolean>
  readonly blobs: Pick<BlobRecords, 'get' | 'cursor'>
  readonly node: Pick<NodeRecords, 'shards' | 'missing'>
}

/** More than anybody needs, or nothing. */
const room = (isFull: boolean) => ({
  freeBytes: isFull ? 0 : 2 ** 50,
  reservedBytes: 0,
  takesUploads: !isFull,
})

async function expectRoom({ isFull }: Disk): Promise<void> {
  if (isFull) throw fullDisk('the disk of a simulation')
}

/** Slivers as tokens, records over those that all share. */
export class TokenDisk implements Disk {
  isFull = false
  readonly #all: TokenBlobs
  readonly #shared: SharedRecords
  store: TokenStore
  metadata: TokenMetadata
  records: LayeredRecords
  #indexed: Records

  constructor(all: TokenBlobs, shared: SharedRecords) {
    this.#all = all
    this.#shared = shared
    this.store = new TokenStore(all)
    this.metadata = new TokenMetadata(all)
    this.records = new LayeredRecords(shared)
    this.#indexed = indexingMissing(this.records)
  }

  get blobs(): BlobRecords {
    return readOnce(createBlobRecords(this.#indexed), this.records, this.#all)
  }

  get node(): NodeRecords {
    return createNodeRecords(this.#indexed)
  }

  async isRotten(): Promise<boolean> {
    return this.store.isRotten
  }

  async rot(blobIds: readonly BlobId[], shards: readonly ShardIndex[]): Promise<number> {
    for (const [i, blobId] of blobIds.entries())
      this.store.rot(shards[i % shards.length]!, this.#all.of(blobId)!)
    return blobIds.length
  }

  async open({ guard, challenges }: OpenDisk): Promise<NodeParts> {
    const { store, metadata, records } = this
    let damaged: (blobId: BlobId) => void = () => undefined
    store.onDamaged = async blobId => {
      const noted = { type: 'put' as const, key: damagedKey(blobId), value: new Uint8Array() }
      await this.#indexed.commit([noted], { sync: true })
      damaged(blobId)
    }
    // slivers and metadata are synced with all records that were written before
    store.onSync = () => records.synced()
    metadata.onSync = () => records.synced()
    return guard({
      slivers: store,
      shards: store,
      metadata,
      blobs: this.blobs,
      node: this.node,
      tables: createTableRecords(this.#indexed),
      ...(challenges && { rounds: createRoundRecords(this.#indexed) }),
      usage: () => ({ blobs: metadata.count, slivers: 0, bytes: 0 }),
      expectRoom: () => expectRoom(this),
      expectRoomForUpkeep: () => expectRoom(this),
      disk: async () => room(this.isFull),
      onDamaged(listener) {
        damaged = listener
      },
    })
  }

  losePower(): void {
    this.records.losePower()
  }

  async wipe(): Promise<void> {
    this.store = new TokenStore(this.#all)
    this.metadata = new TokenMetadata(this.#all)
    // one that begins anew has none of what all others began with
    this.records = new LayeredRecords(new SharedRecords(new Map(), this.#shared))
    this.#indexed = indexingMissing(this.records)
  }

  async close(): Promise<void> {}

  async lacking(blobIds: readonly BlobId[], shards: readonly ShardIndex[]): Promise<string[]> {
    return this.#without(blobIds, shards, shard => this.store.rightOf(shard))
  }

  async unwritten(blobIds: readonly BlobId[], shards: readonly ShardIndex[]): Promise<string[]> {
    return this.#without(blobIds, shards, shard => this.store.writtenOf(shard))
  }

  #without(
    blobIds: readonly BlobId[],
    shards: readonly ShardIndex[],
    of: (shard: ShardIndex) => (index: number) => number,
  ): string[] {
    const lacking: string[] = []
    for (const shard of shards) {
      const right = of(shard)
      for (const at of this.#all.positions(blobIds)) {
        if (right(at) === 3 && this.metadata.hasAt(at)) continue
        lacking.push(`${this.#all.all[at]!.blobId} of ${shard}`)
      }
    }
    return lacking
  }

  async right(blobId: BlobId, shard: ShardIndex): Promise<number> {
    return this.store.rightOf(shard)(this.#all.of(blobId)!.index)
  }

  async rights(blobIds: readonly BlobId[], shard: ShardIndex): Promise<Uint8Array> {
    return this.store.rights(shard, this.#all.positions(blobIds))
  }

  async hasAny(blobId: BlobId): Promise<boolean> {
    const blob = this.#all.of(blobId)!
    return this.store.hasAny(blob) || this.metadata.hasBlob(blob)
  }
}

export interface RealDiskInit {
  path: string
  network: ObjectId
  nShards: number
  timeline: Timeline
  /** the right sliver */
  sliver: (blobId: BlobId, ref: SliverRef) => Uint8Array
}

/** The node's own store, Level and files, each call of which is over before anything else goes on. */
export class RealDisk implements Disk {
  isFull = false
  readonly #init: RealDiskInit
  #store: NodeStore | undefined
  #records: Records | undefined
  /** what has decayed and was not found yet, by name */
  readonly #rotten = new Map<string, [BlobId, SliverRef]>()

  constructor(init: RealDiskInit) {
    this.#init = init
  }

  get blobs(): BlobRecords {
    return this.#open.blobs
  }

  get node(): NodeRecords {
    return this.#open.node
  }

  /** One sliver: in which order more of them are found is up to the names of files, and so to chance. */
  async rot(blobIds: readonly BlobId[], shards: readonly ShardIndex[]): Promise<number> {
    for (const blobId of blobIds)
      for (const shard of shards) {
        const ref = { pair: pairOfShard(shard, blobId, this.#init.nShards), axis: 'primary' as const }
        if (!(await this.#flip(blobId, ref))) continue
        this.#rotten.set(nameOf(blobId, ref), [blobId, ref])
        return 1
      }
    return 0
  }

  async isRotten(): Promise<boolean> {
    for (const [name, [blobId, ref]] of this.#rotten)
      if (this.#store !== undefined && !(await this.#store.slivers.has(blobId, ref)))
        this.#rotten.delete(name)
    return this.#rotten.size > 0
  }

  /** A bit of a sliver, where it lies on the disk; false where it does not. */
  async #flip(blobId: BlobId, ref: SliverRef): Promise<boolean> {
    if (this.#store === undefined || !(await this.#store.slivers.has(blobId, ref))) return false
    const bytes = this.#init.sliver(blobId, ref)
    const folder = join(this.#init.path, 'slivers')
    for (const name of await packFilesIn(folder)) {
      const path = join(folder, name)
      const pack = await readFile(path)
      const at = pack.indexOf(bytes)
      if (at < 0) continue
      pack[at + (bytes.length >> 1)]! ^= 1
      await writeFile(path, pack)
      return true
    }
    const key = sliverKey(blobId, ref)
    const record = Uint8Array.from((await this.#records?.get(key)) ?? [])
    if (Buffer.from(record).indexOf(bytes) < 0) return false
    record[record.length - 1 - (bytes.length >> 1)]! ^= 1
    await this.#records!.commit([{ type: 'put', key, value: record }])
    return true
  }

  get #open(): NodeStore {
    if (this.#store === undefined) throw new Error('the store is not open')
    return this.#store
  }

  async open({ clock, guard, challenges }: OpenDisk): Promise<NodeParts> {
    const { timeline, path, network, nShards } = this.#init
    let damaged: (blobId: BlobId) => void = () => {}
    const onDamaged = ({ blobId, ref }: { blobId: BlobId; ref: SliverRef }): void => {
      this.#rotten.delete(nameOf(blobId, ref))
      timeline.outside(() => damaged(blobId))
    }
    const store = await timeline.real(async () => {
      await this.#store?.close()
      const wrapRecords = (own: Records): Records => {
        this.#records = own
        return own
      }
      const init = { path, network, nShards, clock, log: silentLog() }
      this.#store = await openNodeStore({ ...init, onDamaged, wrapRecords })
      return this.#store
    })
    const slivers = inTurn(timeline, store.slivers)
    return guard({
      slivers,
      shards: slivers,
      metadata: inTurn(timeline, store.metadata),
      blobs: inTurn(timeline, store.blobs),
      node: inTurn(timeline, store.node),
      tables: inTurn(timeline, store.tables),
      ...(challenges && { rounds: inTurn(timeline, store.rounds) }),
      usage: store.usage,
      expectRoom: () => expectRoom(this),
      expectRoomForUpkeep: () => expectRoom(this),
      disk: () => timeline.real(() => store.disk()),
      onDamaged(listener) {
        damaged = listener
      },
    })
  }

  losePower(): void {}

  async wipe(): Promise<void> {
    await this.close()
    this.#rotten.clear()
    await rm(this.#init.path, { recursive: true, force: true })
  }

  async close(): Promise<void> {
    const store = this.#store
    this.#store = undefined
    await store?.close()
  }

  lacking(blobIds: readonly BlobId[], shards: readonly ShardIndex[]): Promise<string[]> {
    return this.#without(blobIds, shards, false)
  }

  unwritten(blobIds: readonly BlobId[], shards: readonly ShardIndex[]): Promise<string[]> {
    return this.#without(blobIds, shards, true)
  }

  right(blobId: BlobId, shard: ShardIndex): Promise<number> {
    return this.#right(blobId, shard, false)
  }

  async #without(
    blobIds: readonly BlobId[],
    shards: readonly ShardIndex[],
    isRottenRight: boolean,
  ): Promise<string[]> {
    const lacking: string[] = []
    for (const blobId of blobIds) {
      const hasMetadata = (await this.#open.metadata.get(blobId)) !== undefined
      for (const shard of shards)
        if (!hasMetadata || (await this.#right(blobId, shard, isRottenRight)) !== 3)
          lacking.push(`${blobId} of ${shard}`)
    }
    return lacking
  }

  async #right(blobId: BlobId, shard: ShardIndex, isRottenRight: boolean): Promise<number> {
    if (this.#store === undefined) return 0
    const pair = pairOfShard(shard, blobId, this.#init.nShards)
    let right = 0
    for (const [axis, bit] of [['primary', 1] as const, ['secondary', 2] as const]) {
      // a look would tell the node of it
      if (this.#rotten.has(nameOf(blobId, { pair, axis }))) {
        if (isRottenRight) right |= bit
        continue
      }
      const bytes = await this.#store.slivers.get(blobId, { pair, axis })
      if (bytes !== undefined && equalBytes(bytes, this.#init.sliver(blobId, { pair, axis }))) right |= bit
    }
    return right
  }

  async rights(blobIds: readonly BlobId[], shard: ShardIndex): Promise<Uint8Array> {
    const rights = new Uint8Array(blobIds.length)
    for (const [i, blobId] of blobIds.entries()) rights[i] = await this.right(blobId, shard)
    return rights
  }

  async hasAny(blobId: BlobId): Promise<boolean> {
    const { slivers, metadata } = this.#open
    return (await slivers.list(blobId)).length > 0 || (await metadata.get(blobId)) !== undefined
  }
}

const nameOf = (blobId: BlobId, { axis, pair }: SliverRef): string => `${blobId} ${axis} ${pair}`

/** The shard that a sliver is of. */
export const shardOf = (blobId: BlobId, { pair }: SliverRef, nShards: number): ShardIndex =>
  shardOfPair(pair, blobId, nShards)

/** Each method in its turn; what is given step by step is gathered first. */
function inTurn<T extends object>(timeline: Timeline, store: T): T {
  return new Proxy(store, {
    get: (target, name) => {
      const value = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => {
        if (name === 'list' && args.length === 0) return gathered(timeline, value.bind(target))
        // at once: what waits for time would be waited for by time
        if (args.length > 0 && (name === 'scrub' || name === 'scrubUntold')) {
          const options = { ...(args.pop() as ScrubOptions), pace: async () => undefined }
          return gathered(timeline, () => value.call(target, ...args, options))
        }
        return timeline.real(async () => await value.apply(target, args))
      }
    },
  })
}

async function* gathered<T>(timeline: Timeline, list: () => AsyncIterable<T>): AsyncGenerator<T> {
  const all = await timeline.real(async () => {
    const found: T[] = []
    for await (const one of list()) found.push(one)
    return found
  })
  yield* all
}
