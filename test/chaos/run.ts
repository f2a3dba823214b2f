import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Epoch } from '../../codec/types.ts'
import { until } from '../e2e/support/epochs.ts'
import { Random } from '../support/random.ts'
import { Clients } from './clients.ts'
import { Events } from './events.ts'
import { Faults } from './faults.ts'
import { ChaosNetwork } from './network.ts'
import { planOf, type Step, tell } from './plan.ts'

export interface ChaosInit {
  seed: number | string
  nodes: number
  /** whether wallets are emptied, too */
  wallets?: boolean
  /** No step begins later than that, the network's own start included; then all must become whole. */
  ms: number
  say: (line: string) => void
}

export interface ChaosReport {
  failures: string[]
  /** of faults, requests and epochs */
  counts: Record<string, number>
  /** blobs that were stored, and those of them that had not ended */
  stored: number
  live: number
}

/** More than can be done: each takes 0.1 s at least. */
const STEPS_PER_S = 2
const LIMIT_MS = 120_000

/** Runs a plan on a network of processes. What fails is in the report, and in a folder that is kept. */
export async function runChaos({ seed, nodes, wallets, ms, say }: ChaosInit): Promise<ChaosReport> {
  const plan = planOf({ seed, nodes, wallets, steps: Math.ceil((ms / 1000) * STEPS_PER_S) })
  for (const [i, step] of plan.entries()) say(`step ${i}: ${tell(step)}`)
  const startMs = performance.now()
  const events = new Events(say)
  const dir = await mkdtemp(join(tmpdir(), 'floe-chaos-'))
  const network = await ChaosNetwork.start({ nodes, dir, events })
  let at = 'none'
  let report: ChaosReport | undefined
  try {
    const random = new Random(seed)
    const clients = new Clients({ devnet: network.devnet, events, random, epoch: 1 as Epoch })
    const chaos = new Chaos({ network, clients, events })
    clients.start()
    try {
      for (const [i, step] of plan.entries()) {
        await pause(step.pauseMs)
        if (performance.now() - startMs > ms || events.failures.length > 0) break
        at = `${i}: ${tell(step)}`
        events.add(`step ${at}`)
        await chaos.take(step)
      }
      at = 'the end'
      await chaos.settle()
    } finally {
      await clients.stop()
    }
    await chaos.expectAll()
    report = {
      failures: events.failures,
      counts: events.counts,
      stored: clients.stored.length,
      live: clients.live().length,
    }
  } catch (error) {
    events.fail(`step ${at}: ${(error as Error).message}`)
  } finally {
    await network.close()
  }
  for (const wrong of await network.checkDisks()) events.fail(wrong)
  report ??= { failures: events.failures, counts: events.counts, stored: 0, live: 0 }
  if (events.failures.length === 0) await rm(dir, { recursive: true, force: true, maxRetries: 3 })
  else tellFailure({ seed, at, dir, events, say })
  return report
}

function tellFailure(of: {
  seed: number | string
  at: string
  dir: string
  events: Events
  say: (line: string) => void
}) {
  const { seed, at, dir, events, say } = of
  say(`FAILED with seed ${seed}, at step ${at}; everything is in ${dir}`)
  for (const failure of events.failures) say(`  ${failure}`)
  say('The last events:')
  for (const line of events.last()) say(line)
}

/** Does what a plan says, and looks whether all is well in the end. */
class Chaos {
  readonly #network: ChaosNetwork
  readonly #clients: Clients
  readonly #events: Events
  readonly #faults: Faults

  constructor(init: { network: ChaosNetwork; clients: Clients; events: Events }) {
    this.#network = init.network
    this.#clients = init.clients
    this.#events = init.events
    this.#faults = new Faults(init.network, init.events)
  }

  async take(step: Step): Promise<void> {
    const { epochs } = this.#network
    switch (step.kind) {
      case 'select':
        await this.#faults.othersReported()
        return await epochs.select()
      case 'begin':
        await this.#faults.room()
        this.#clients.epoch++
        await epochs.begin()
        return this.#events.count('epoch')
      case 'done':
        return await epochs.done()
      case 'stake':
        return await epochs.stake(step.node, BigInt(step.wal))
      case 'return':
        return await epochs.stake(step.node, 1_000n)
      case 'leave':
        await this.#faults.solvent(step.node)
        return await this.#network.leave(step.node)
      case 'poor':
        return await this.#poor()
      case 'storm':
        return await this.#storm()
      default:
        return await this.#faults.inflict(step)
    }
  }

  /** Ends what is wrong; two epochs later nobody lacks anything, and all disks were looked at. */
  async settle(): Promise<void> {
    const { epochs, indices } = this.#network
    await this.#faults.end()
    for (let turns = 0; turns < 2; turns++) {
      if ((await epochs.timing()).state.kind === 'sync') await epochs.done()
      await epochs.select()
      this.#clients.epoch++
      await epochs.begin()
      await epochs.done()
      await this.#faults.othersWhole()
    }
    const { epoch } = await epochs.timing()
    for (const node of indices) {
      const isLookedAt = async () => {
        const scrub = (await this.#network.health(node))?.scrub
        return scrub?.epoch === epoch && scrub.over
      }
      await until(`the disk of node ${node} was looked at`, isLookedAt, LIMIT_MS)
    }
    await this.#faults.othersWhole()
  }

  /** Every live blob can be read, and every sliver of it is where the chain says. */
  async expectAll(): Promise<void> {
    const { epochs, indices } = this.#network
    await this.#clients.readAll()
    for (const node of indices) {
      for (const { blobId } of this.#clients.live()) {
        const { has, of } = await epochs.kept(node, blobId)
        if (has !== of) this.#events.fail(`node ${node} has ${has} of ${of} slivers of ${blobId}`)
      }
      assert.equal((await this.#network.health(node))?.table.differing, 0)
    }
  }

  async #poor(): Promise<void> {
    this.#events.count('poor')
    const refused = (): Promise<void> => this.#clients.expectNoStore()
    await this.#clients.poverty.last(() => this.#network.withoutWal(refused))
  }

  async #storm(): Promise<void> {
    const { devnet, indices } = this.#network
    // one that starts for the first time would not be started again
    await this.#faults.over()
    this.#events.count('storm')
    await this.#clients.storm.last(async () => {
      await Promise.all(indices.map(node => this.#network.kill(node)))
      await Promise.all(devnet.nodes.map(node => node.start()))
      await this.#faults.othersWhole()
    })
  }
}
