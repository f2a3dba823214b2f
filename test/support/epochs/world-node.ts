import assert from 'node:assert/strict'
import type { ChainEvent, Committees, FollowOptions } from '../../../chain/types/index.ts'
import type { BlobId, Epoch, ObjectId, ShardIndex } from '../../../codec/types.ts'
import { networkPublicKeyFromSeed, peerIdTextOf } from '../../../node/network/peer-id.ts'
import { memorySliverStore } from '../../../node/storage/store/memory-sliver-store.ts'
import { createMetadataStore, type MetadataStore } from '../../../node/storage/store/metadata-store.ts'
import type { EpochsWorld } from '../epochs-world.ts'
import { memoryRecords } from '../memory-records.ts'
import { compose, type Running } from './compose-node.ts'
import type { Manners } from './manners.ts'
import { N } from './names.ts'

/** What of one node outlives it, and what of it runs. */
export class WorldNode {
  readonly nodeId: ObjectId
  /** of its network key */
  peerId: string
  readonly records = memoryRecords()
  readonly slivers = memorySliverStore(N)
  readonly world: EpochsWorld
  manners: Manners = {}
  /** the committees that its RPC shows; the chain's own when undefined */
  shown: (() => Committees) | undefined
  /** its RPC fails */
  chainDown = false
  /** how long its RPC takes for each answer, and each event */
  rpcMs = 0
  /** its transactions that turn epochs fail with this */
  noTurn: Error | undefined
  /** transactions that turn epochs, and whether they were the first */
  readonly turned: { what: string; first: boolean }[] = []
  /** reports fail with this */
  noReport: ((epoch: Epoch) => Error | undefined) | undefined
  /** those whom it found lying */
  readonly accused: string[] = []
  /** warnings and errors in its log, as JSON */
  readonly said: string[] = []
  /** slivers that were brought to it by others, each time */
  readonly got: { from: ObjectId; blobId: BlobId; shard: ShardIndex; by: 'page' | 'fetch' }[] = []
  /** slivers that it got back or made anew */
  recovered = 0
  /** pages of blob tables that others sent it */
  readonly pages: { from: ObjectId; page: number }[] = []
  /** members whose blob table it found to be another than its own */
  differing = 0
  /** called before each write, and after; what never resolves kills the node */
  onWrite: ((when: 'before' | 'after', what: string) => Promise<void> | void) | undefined
  /** awaited before an event reaches it */
  beforeEvent: ((event: ChainEvent) => Promise<void> | void) | undefined
  running: Running | undefined
  #cut = new AbortController()

  constructor(world: EpochsWorld, nodeId: ObjectId, peerId: string) {
    this.world = world
    this.nodeId = nodeId
    this.peerId = peerId
  }

  get metadata(): MetadataStore {
    return createMetadataStore(this.records, N)
  }

  async start(): Promise<void> {
    assert.equal(this.running, undefined)
    this.running = await compose(this)
  }

  async stop(): Promise<void> {
    const { running } = this
    this.running = undefined
    await running?.stop()
  }

  /** From here on nothing that it does reaches its disk, or anybody. */
  kill(): void {
    this.running?.die()
    this.running = undefined
  }

  /** Its subscription to the chain breaks. */
  loseEvents(): void {
    this.#cut.abort()
    this.#cut = new AbortController()
  }

  async *follow(options: FollowOptions): AsyncIterable<ChainEvent> {
    const cut = this.#cut.signal
    if (this.chainDown) throw new Error('the chain does not answer')
    for await (const event of this.world.chain.follow({
      ...options,
      signal: AbortSignal.any([options.signal, cut]),
    })) {
      await this.beforeEvent?.(event)
      await this.rpc()
      yield event
    }
    if (cut.aborted) throw new Error('the subscription broke')
  }

  async rpc(): Promise<void> {
    if (this.rpcMs > 0) await this.world.clock.sleep(this.rpcMs)
  }

  /** From here on it has another network key, and address, as its record on chain says. */
  async renewNetworkKey(seed: number): Promise<void> {
    const key = await networkPublicKeyFromSeed(new Uint8Array(32).fill(seed))
    this.world.chain.setNetworkKey(this.nodeId, key)
    this.peerId = peerIdTextOf(key)!
  }

  /** Whether it can do its part in a change: nothing keeps it from hearing of it, or from telling the chain. */
  get isAble(): boolean {
    const { running, chainDown, shown, noReport, beforeEvent } = this
    return (
      running !== undefined && !chainDown && [shown, noReport, beforeEvent].every(one => one === undefined)
    )
  }

  /** The state that it shows. */
  async state(): Promise<string> {
    return (await this.running!.upkeep.view()).state
  }
}
