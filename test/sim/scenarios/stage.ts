import assert from 'node:assert/strict'
import type { BlobId, Epoch } from '../../../codec/types.ts'
import { shardsOf } from '../../../node/storage/epochs/plan.ts'
import { tellFailures } from '../../support/tell-failures.ts'
import { found } from '../founding.ts'
import type { SimNode } from '../node.ts'
import type { RoundTerms } from '../rounds.ts'
import { World } from '../world.ts'

export interface StageInit {
  nodes?: number
  /** registered besides, without a stake, and not started */
  joiners?: number
  shards?: number
  /** that are there from the beginning */
  blobs?: number
  /** rounds of storage challenges; none when absent */
  challenges?: RoundTerms
}

const SEED = 1
const STAKE = 100
const MINUTE = 60_000
const EPOCHS = 20

/** For a `describe`: opens a test's stage; of one in which a test fails is told what had happened. */
export function stages(): (init?: StageInit) => Promise<Stage> {
  const told = tellFailures()
  return async init => told(await Stage.open(init))
}

/** A world in which nothing goes wrong but what a scenario does; all invariants are looked at whenever time has passed. */
export class Stage implements AsyncDisposable {
  readonly world: World
  readonly members: readonly SimNode[]
  readonly joiners: readonly SimNode[]
  readonly #random

  private constructor({ nodes = 5, joiners = 1, shards = 10, challenges }: StageInit) {
    this.world = new World({ seed: SEED, nodes, joiners, shards, challenges })
    this.members = this.world.nodes.slice(0, nodes)
    this.joiners = this.world.nodes.slice(nodes)
    this.#random = this.world.random.fork('stage')
    this.world.network.weather.loss = 0
  }

  static async open(init: StageInit = {}): Promise<Stage> {
    const stage = new Stage(init)
    const { world, members } = stage
    world.chain.begin(members.map(() => STAKE))
    await found(world, stage.#random, { blobs: init.blobs ?? 10, epochs: EPOCHS })
    await world.starting(members)
    await world.advance(MINUTE)
    return stage
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.world.close()
  }

  /** Of what happened the last, and how the nodes stand. */
  async describe(): Promise<string> {
    const { trace } = this.world
    return `seed ${SEED}\n${trace.last.join('\n')}\n${await this.world.describe()}`
  }

  get epoch(): Epoch {
    return this.world.chain.epoch
  }

  get blobIds(): BlobId[] {
    const { ledger } = this.world
    return ledger.blobs.filter(blob => ledger.isOwed(blob, this.epoch)).map(({ blobId }) => blobId)
  }

  /** Moves all of a node's stake to another one, from the epoch after the next on. */
  restake(from: SimNode, to: SimNode): void {
    this.world.chain.unstake(from.nodeId)
    this.world.chain.stake(to.nodeId, STAKE)
  }

  hasReported({ nodeId }: SimNode, epoch: number = this.epoch): boolean {
    return this.world.chain.reports.has(`${nodeId} ${epoch}`)
  }

  shardsOf({ nodeId }: SimNode): readonly number[] {
    return shardsOf(this.world.chain.now.current, nodeId)
  }

  /** Lets minutes pass until something holds. */
  async until(what: string, holds: () => Promise<boolean> | boolean, minutes = 45): Promise<void> {
    for (let i = 0; i < minutes; i++) {
      if (await holds()) return
      await this.pass(1)
    }
    assert.fail(`not within ${minutes} min: ${what}`)
  }

  async pass(minutes: number): Promise<void> {
    for (let i = 0; i < minutes; i++) {
      await this.world.advance(MINUTE)
      await this.world.invariants.step()
    }
  }

  /** Until the next epoch has begun. */
  async begun(): Promise<Epoch> {
    const { epoch } = this
    await this.until(`the end of epoch ${epoch}`, () => this.epoch > epoch)
    return this.epoch
  }

  /** Until the next epoch has begun, and these of its members have reported, or all. */
  async turned(who?: readonly SimNode[]): Promise<Epoch> {
    const epoch = await this.begun()
    await this.reported(who)
    return epoch
  }

  async reported(who?: readonly SimNode[]): Promise<void> {
    const { epoch } = this
    const members = who ?? this.world.nodes.filter(node => this.shardsOf(node).length > 0)
    await this.until(`reports of ${epoch}`, () => members.every(node => this.hasReported(node, epoch)))
  }

  /** Stores a blob; what comes to nothing is thrown. */
  async store({ epochs = 9, by = 0 } = {}): Promise<BlobId> {
    const data = this.world.anyData(this.#random)
    await this.world.know(data)
    const client = this.world.clients[by]!
    return (await this.#during(client.store(data, { epochs, deletable: true }))).blobId
  }

  /** Reads every blob that is owed, with no attempt more; each must give its bytes. Gives the ms that the slowest has taken. */
  async readAll(by = 0): Promise<number> {
    const { timeline } = this.world
    let slowestMs = 0
    for (const blobId of this.blobIds) {
      const before = timeline.ms
      const data = await this.#during(this.world.clients[by]!.read(blobId))
      assert.deepEqual(Buffer.from(data), Buffer.from(this.world.data.get(blobId)!))
      slowestMs = Math.max(slowestMs, timeline.ms - before)
    }
    return slowestMs
  }

  /** Until every sliver is with the owner of its shard, and nobody has a note of any that is missing. */
  async whole(minutes = 45): Promise<void> {
    let lacking: string[] = []
    await this.until(
      'all is there',
      async () => {
        lacking = await this.world.invariants.missing()
        return lacking.length === 0
      },
      minutes,
    )
    await this.world.invariants.readable()
  }

  /** Bytes of slivers and symbols that travel meanwhile. */
  async bytesOf(run: () => Promise<unknown>): Promise<number> {
    const before = this.world.network.bytes
    await run()
    return this.world.network.bytes - before
  }

  /** Nobody was found to have lied. */
  expectNobodyNamed(): void {
    assert.equal(this.world.accusations, 0)
  }

  async #during<T>(promise: Promise<T>): Promise<T> {
    let isOver = false
    const end = (): void => {
      isOver = true
    }
    promise.then(end, end)
    for (let i = 0; !isOver; i++) {
      assert.ok(i < 60_000, 'a client waits for ten minutes')
      await this.world.advance(10)
    }
    return await promise
  }
}
