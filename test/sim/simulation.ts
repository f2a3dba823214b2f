import { Faults } from './faults.ts'
import { found } from './founding.ts'
import { Broken } from './invariants.ts'
import { SimFailure, type SimOptions, type SimResult } from './options.ts'
import { Workload } from './workload.ts'
import { World } from './world.ts'

const STEPS_PER_EPOCH = 12
/** Blobs times shards, above which it is not counted after every step who has what. */
const LARGE = 1_000_000
const LIES = 10

/** Runs a network through epochs and faults; throws SimFailure. */
export async function simulate(options: SimOptions): Promise<SimResult> {
  const simulation = new Simulation(options)
  const { world } = simulation
  try {
    return await simulation.run()
  } catch (error) {
    throw new SimFailure(options, simulation.steps, world.trace, await world.describe(), error)
  } finally {
    await world.close()
  }
}

class Simulation {
  steps = 0
  readonly world: World
  readonly #options: SimOptions
  readonly #faults: Faults
  readonly #workload: Workload

  constructor(options: SimOptions) {
    this.#options = options
    this.world = new World(options)
    const { world } = this
    this.#faults = new Faults({
      chain: world.chain,
      ledger: world.ledger,
      network: world.network,
      nodes: world.nodes,
      founders: options.nodes,
      timeline: world.timeline,
      trace: world.trace,
      random: world.random.fork('faults'),
      epochMs: world.epochMs,
      invariants: world.invariants,
      hasChallenges: options.challenges !== undefined,
      onError: error => world.fail(error),
    })
    world.isImpaired = node => this.#faults.isImpaired(node)
    world.isOver = () => this.#faults.isOver
    this.#workload = new Workload({
      world,
      random: world.random.fork('clients'),
      uploads: options.uploads,
      steps: STEPS_PER_EPOCH * options.epochs * 0.9,
      mayFail: () => this.#faults.isOver,
    })
  }

  async run(): Promise<SimResult> {
    const { world } = this
    const { nodes, epochs, blobs, uploads, path } = this.#options
    const random = world.random.fork('world')
    world.chain.begin(Array.from({ length: nodes }, () => Math.round(100 * 4 ** random.next())))
    if (path === undefined) await found(world, random, { blobs: blobs - uploads, epochs })
    await world.starting(world.nodes.slice(0, nodes))
    await world.advance(30_000)
    while (world.chain.epoch < 1 + epochs) {
      await this.#step(true)
      if (this.steps > 4 * STEPS_PER_EPOCH * epochs + 100) throw new Broken(17, 'the epochs do not turn')
    }
    await this.#settle()
    return await this.#result()
  }

  async #step(isFaulty: boolean): Promise<void> {
    const { world } = this
    this.steps++
    const stepMs = (world.epochMs / STEPS_PER_EPOCH) * world.random.between(0.5, 1.5)
    world.trace.note(`step ${this.steps}`)
    if (isFaulty) this.#faults.act(stepMs)
    this.#workload.step(this.steps, stepMs)
    await world.advance(stepMs)
    if (this.#options.sabotage && this.steps === STEPS_PER_EPOCH)
      for (const node of world.nodes) await node.disk.wipe()
    await this.#faults.look()
    const isSeldom = this.#options.shards * this.#options.blobs > LARGE
    if (!this.#faults.isOver && (!isSeldom || this.steps % STEPS_PER_EPOCH === 0))
      await world.invariants.readable()
    await world.invariants.step()
    if (this.steps % STEPS_PER_EPOCH === 0) this.#options.onProgress?.(this.#progress())
  }

  #progress(): string {
    const { stored, right } = this.#workload.counts
    const { chain, network } = this.world
    const memory = Math.round(process.memoryUsage().rss / 2 ** 20)
    return `step ${this.steps}, epoch ${chain.epoch}: ${stored} stored, ${right} read, ${network.requests} requests, ${memory} MiB`
  }

  /** Faults end, and within two epochs nothing is missing. */
  async #settle(): Promise<void> {
    const { world } = this
    await this.#faults.end()
    const until = world.chain.epoch + 2
    while (world.chain.epoch < until) {
      await this.#step(false)
      if (this.steps > 10_000) throw new Broken(17, 'the epochs do not turn')
    }
    // the members' reports of the last one, and what was stored meanwhile
    for (let i = 0; i < STEPS_PER_EPOCH / 2; i++) await world.advance(60_000)
    const lacking = await world.invariants.missing()
    if (lacking.length > 0)
      throw new Broken(11, `${lacking.length} are missing: ${lacking.slice(0, 3).join(', ')}`)
    for (const node of world.nodes) {
      const lies = world.network.told.filter(({ liar, lie }) => liar === node.name && lie === 'slivers')
      if (lies.length >= LIES && !world.accused.has(node.nodeId))
        throw new Broken(15, `${node.name} lied ${lies.length} times, and nobody has named it`)
    }
  }

  async #result(): Promise<SimResult> {
    const { chain, ledger, invariants, network, timeline, trace, accusations, challenges } = this.world
    const { stored, right, again, deleted } = this.#workload.counts
    const owed = ledger.blobs.filter(blob => ledger.isOwed(blob, chain.epoch)).length
    const readable = await invariants.readable()
    return {
      digest: trace.digest,
      events: trace.count,
      epochs: chain.epoch,
      virtualMs: timeline.ms,
      steps: this.steps,
      blobs: ledger.blobs.length,
      uploads: { stored, failed: this.#workload.failed },
      reads: { right, again },
      deleted,
      faults: this.#faults.counts,
      accused: accusations,
      requests: network.requests,
      bytes: network.bytes,
      checks: Object.fromEntries([...invariants.checks].sort(([a], [b]) => a - b)),
      lost: owed - readable,
      ...(challenges && {
        challenges: {
          opened: challenges.rounds.opened,
          ...challenges.rounds.settled,
          ...challenges.watch.counts,
        },
      }),
    }
  }
}
