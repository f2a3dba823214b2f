import { open, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Epoch } from '../../codec/types.ts'
import { until } from '../e2e/support/epochs.ts'
import { SKEW_FILE } from '../e2e/support/skewed-clock.ts'
import { packFilesIn } from '../support/pack-accounts.ts'
import type { Events } from './events.ts'
import { CUT_FILE } from './links.ts'
import type { ChaosNetwork } from './network.ts'
import type { Act } from './plan.ts'

/** More than a node needs to get back what it has lost, on a machine that may be busy. */
const WHOLE_MS = 120_000

type Fault = Extract<Act, { node: number }>

interface Flip {
  node: number
  epoch: Epoch
}

/**
 * What is wrong with a network at a time: never more than f weight. A node counts from the fault until it has everything back, a
 * flipped bit for one shard until all of the disk was looked at.
 */
export class Faults {
  readonly #network: ChaosNetwork
  readonly #events: Events
  readonly #stopping = new AbortController()
  /** faulty nodes, and when their faults are over */
  readonly #open = new Map<number, Promise<void>>()
  /** of nodes that are well: links between two, and wrong clocks */
  readonly #harmless = new Set<Promise<void>>()
  /** nodes whose wallets are empty */
  readonly #broke = new Map<number, Promise<void>>()
  #flips: Flip[] = []

  constructor(network: ChaosNetwork, events: Events) {
    this.#network = network
    this.#events = events
  }

  /** Begins a fault as soon as it may; it ends by itself. */
  async inflict(act: Fault): Promise<void> {
    if (act.kind === 'part') return this.#part(act)
    if (act.kind === 'skew') return this.#skew(act)
    if (act.kind === 'broke') return this.#empty(act)
    if (act.kind === 'flip') return await this.#flip(act)
    await this.#dropFlips()
    // a bit is found when epochs turn, which they do not while a fault waits
    if (!(await this.#network.isWithinF([act.node], this.#flips.length)))
      return this.#events.add(`left out: node ${act.node} and flipped bits are more than f`)
    await this.room(act.node)
    this.#events.count(act.kind)
    const over = this.#run(act).catch(error => {
      this.#events.fail(`node ${act.node} after ${act.kind}: ${(error as Error).message}`)
    })
    this.#open.set(act.node, over)
    void over.then(() => this.#open.delete(act.node))
  }

  /** Waits until what is wrong, and one node more, is no more than f in every committee that counts. */
  async room(node?: number): Promise<void> {
    const isRoom = async () => {
      if (node !== undefined && this.#open.has(node)) return false
      await this.#dropFlips()
      const nodes = node === undefined ? this.#open.keys() : [...this.#open.keys(), node]
      return await this.#network.isWithinF(nodes, this.#flips.length)
    }
    await until(`there is room for a fault of ${node ?? 'none'}`, isRoom, WHOLE_MS)
  }

  /** All of those that are not faulty have what they must have. */
  async othersWhole(): Promise<void> {
    const heard = await this.#network.height()
    for (const node of this.#network.indices) {
      const isWhole = async () => this.#open.has(node) || (await this.#network.isWhole(node, heard))
      await until(`node ${node} is whole`, isWhole, WHOLE_MS)
    }
  }

  /** All of those that are not faulty have told the chain that they have their shards. */
  async othersReported(): Promise<void> {
    const heard = await this.#network.height()
    for (const node of this.#network.indices) {
      const hasReported = async () => this.#open.has(node) || (await this.#network.hasReported(node, heard))
      await until(`node ${node} has reported`, hasReported, WHOLE_MS)
    }
  }

  /** Resolves when a node can pay. */
  async solvent(node: number): Promise<void> {
    await this.#broke.get(node)
  }

  /** Resolves when they are over by themselves, and everybody is whole. */
  async over(): Promise<void> {
    await Promise.all([...this.#open.values(), ...this.#harmless])
    await this.othersWhole()
  }

  /** Ends all of them, and resolves when everybody is whole. */
  async end(): Promise<void> {
    this.#stopping.abort()
    await this.over()
  }

  async #run(act: Fault): Promise<void> {
    const { node } = act
    await this.#done(act)
    await this.#network.devnet.nodes[node]!.start()
    // what was stored without it
    const heard = await this.#network.height()
    await until(`node ${node} is whole`, () => this.#network.isWhole(node, heard), WHOLE_MS)
    this.#events.add(`node ${node} is whole again after ${act.kind}`)
  }

  async #done(act: Fault): Promise<void> {
    const { node } = act
    const one = this.#network.devnet.nodes[node]!
    if (act.kind === 'kill') return await this.#network.kill(node)
    if (act.kind === 'wipe') return await this.#network.wipe(node)
    if (act.kind === 'hang') {
      one.kill('SIGSTOP')
      await this.#rest(act.ms)
      one.kill('SIGCONT')
    } else if (act.kind === 'crash') {
      const file = join(this.#network.folderOf(node), 'crash-at')
      await writeFile(file, act.points.join('\n'))
      await this.#rest(act.ms)
      await rm(file)
    } else if (act.kind === 'deaf') {
      await this.#cut(node, [this.#network.chainPort], act.ms)
    } else if (act.kind === 'cut') {
      const ports = this.#network.indices.map(i => this.#network.portOf(i))
      await this.#cut(node, ports, act.ms)
    }
  }

  /** Both go on, and reach all others. */
  #part({ node, other, ms }: Fault & { kind: 'part' }): void {
    this.#events.count('part')
    const over = Promise.all([
      this.#cut(node, [this.#network.portOf(other)], ms),
      this.#cut(other, [this.#network.portOf(node)], ms),
    ]).then(() => undefined)
    this.#doesNoHarm(over)
  }

  /** Nothing that a node does for others is about its own time. */
  #skew({ node, byMs, ms }: Fault & { kind: 'skew' }): void {
    this.#events.count('skew')
    const file = join(this.#network.folderOf(node), SKEW_FILE)
    const over = writeFile(file, String(byMs))
      .then(() => this.#rest(ms))
      .then(() => rm(file, { force: true }))
    this.#doesNoHarm(over)
  }

  /** It goes on serving; the chain hears of it once it has something to pay with again. */
  #empty({ node, ms }: Fault & { kind: 'broke' }): void {
    if (this.#broke.has(node)) {
      this.#events.add('left out: its wallet is empty already')
      return
    }
    this.#events.count('broke')
    const over = this.#network
      .withoutSui(node, () => this.#rest(ms))
      .catch(error => this.#events.fail(`node ${node} without SUI: ${(error as Error).message}`))
      .finally(() => this.#broke.delete(node))
    this.#broke.set(node, over)
    this.#doesNoHarm(over)
  }

  #doesNoHarm(over: Promise<void>): void {
    this.#harmless.add(over)
    void over.finally(() => this.#harmless.delete(over))
  }

  async #cut(node: number, ports: readonly number[], ms: number): Promise<void> {
    const file = join(this.#network.folderOf(node), CUT_FILE)
    await writeFile(file, ports.join('\n'))
    await this.#rest(ms)
    await rm(file, { force: true })
  }

  async #flip({ node, pack, at }: Fault & { kind: 'flip' }): Promise<void> {
    if (this.#open.has(node)) return this.#events.add('left out: the node is faulty already')
    await this.#dropFlips()
    if (!(await this.#network.isWithinF(this.#open.keys(), this.#flips.length + 1)))
      return this.#events.add('left out: that would be more than f')
    const folder = join(this.#network.storeOf(node), 'slivers')
    const files = (await packFilesIn(folder)).filter(name => !name.endsWith('.tmp'))
    if (files.length === 0) return this.#events.add('left out: there is no pack')
    const { epoch } = await this.#network.epochs.timing()
    if (!(await flipIn(join(folder, files[Math.floor(pack * files.length)]!), at))) return
    this.#events.count('flip')
    this.#flips.push({ node, epoch })
  }

  /** Of those whose disks were looked at since. */
  async #dropFlips(): Promise<void> {
    const left = []
    for (const flip of this.#flips) {
      const scrub = (await this.#network.health(flip.node))?.scrub
      if (scrub === undefined || scrub.epoch <= flip.epoch || !scrub.over) left.push(flip)
    }
    this.#flips = left
  }

  async #rest(ms: number): Promise<void> {
    await pause(ms, undefined, { signal: this.#stopping.signal }).catch(() => undefined)
  }
}

/** False where the file has gone meanwhile. */
async function flipIn(path: string, at: number): Promise<boolean> {
  try {
    const { size } = await stat(path)
    const file = await open(path, 'r+')
    try {
      const offset = Math.floor(at * size)
      const byte = Buffer.alloc(1)
      await file.read(byte, 0, 1, offset)
      byte[0]! ^= 0x10
      await file.write(byte, 0, 1, offset)
      return true
    } finally {
      await file.close()
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}
