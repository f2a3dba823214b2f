import { blobIdToBytes } from '../../codec/index.ts'
import type { BlobId } from '../../codec/types.ts'
import { shardsOf } from '../../node/storage/epochs/plan.ts'
import type { Random } from '../support/random.ts'
import type { SimChain } from './chain.ts'
import { type Impairment, Impairments } from './impairments.ts'
import type { Invariants } from './invariants.ts'
import type { Ledger } from './ledger.ts'
import type { Lie, SimNetwork } from './network.ts'
import type { SimNode } from './node.ts'
import type { Timeline } from './timeline.ts'
import type { Trace } from './trace.ts'

export interface FaultsInit {
  chain: SimChain
  ledger: Ledger
  network: SimNetwork
  nodes: readonly SimNode[]
  /** the first so many were there from the beginning; the others may join */
  founders: number
  timeline: Timeline
  trace: Trace
  random: Random
  epochMs: number
  invariants: Invariants
  /** There are storage challenges to be lied in. */
  hasChallenges: boolean
  onError: (error: unknown) => void
}

export const FAULTS = [
  'killed',
  'power lost',
  'disk wiped',
  'bits rot',
  'disk full',
  'history pruned',
  'BLS key renewed',
  'network key renewed',
  'partition',
  'liar: slivers',
  'liar: symbols',
  'liar: metadata',
  'liar: empty',
  'liar: silent',
  'liar: signs',
  'liar: holds back',
  'stake moved',
  'joined',
  'left',
  'RPC: lag',
  'RPC: down',
  'RPC: broke',
  'a clock jumps',
  'the clock of the chain jumps',
  'weather',
  'all restarted',
] as const

type Fault = (typeof FAULTS)[number]

/** Blobs times shards, above which no whole disk is lost. */
const LARGE = 10_000_000

/** What goes wrong, by chance. */
export class Faults {
  readonly #init: FaultsInit
  readonly #counts = new Map<Fault, number>()
  readonly #impaired: Impairments
  #joined: number

  constructor(init: FaultsInit) {
    this.#init = init
    this.#impaired = new Impairments(init.chain)
    this.#joined = init.founders
  }

  get counts(): Record<string, number> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  isImpaired(node: SimNode): boolean {
    return this.#impaired.has(node)
  }

  /** Too many may not be relied on now. */
  get isOver(): boolean {
    return this.#impaired.isOver
  }

  /** Begins some faults in a step; they end by themselves, in this step or in a later one. */
  act(stepMs: number): void {
    const { random } = this.#init
    for (let i = 0; i < 2; i++) if (random.chance(0.6)) this.#one(stepMs)
  }

  /** Ends what would be too much, and sees who is whole again. */
  async look(): Promise<void> {
    await this.#impaired.look()
    for (const [node, kind] of this.#impaired.ending) {
      if (!this.isOver) break
      await this.#mend(node, kind)
    }
  }

  /** Ends all of them. */
  async end(): Promise<void> {
    const { nodes, network } = this.#init
    for (const [node, kind] of this.#impaired.ending) await this.#mend(node, kind)
    for (const { init } of nodes) Object.assign(init.rpc.faults, { lagMs: 0, isDown: false, isBroke: false })
    for (const node of nodes) node.rpcWellSince = this.#init.timeline.ms
    Object.assign(network.weather, { latencyMs: 40, loss: 0 })
  }

  #one(stepMs: number): void {
    const { random } = this.#init
    const kinds: (() => void)[] = [
      () => this.#kill(stepMs),
      () => this.#kill(stepMs),
      () => this.#wipe(stepMs),
      () => this.#rot(),
      () => this.#fill(),
      () => this.#prune(),
      () => this.#renewBlsKey(),
      () => this.#renewNetworkKey(),
      () => this.#cut(),
      () => this.#lie(),
      () => this.#moveStake(),
      () => this.#moveStake(),
      () => this.#joinOrLeave(),
      () => this.#rpc(stepMs),
      () => this.#clock(),
      () => this.#weather(),
      () => this.#restartAll(stepMs),
    ]
    random.pick(kinds)()
  }

  #kill(stepMs: number): void {
    const { random } = this.#init
    const node = this.#victim()
    if (node === undefined) return
    const isPower = random.chance(0.3)
    this.#impaired.begin(node, 'killed')
    this.#later(stepMs, async () => {
      this.#count(isPower ? 'power lost' : 'killed')
      node.kill()
      if (isPower) node.disk.losePower()
    })
    this.#within(random.chance(0.2) ? 2.5 : 0.3, () => this.#mend(node, 'killed'), stepMs)
  }

  #wipe(stepMs: number): void {
    const { chain, ledger } = this.#init
    // a hundred million symbols, to get one back
    if (ledger.blobs.length * chain.nShards > LARGE) {
      this.#rot()
      return
    }
    const node = this.#victim()
    if (node === undefined) return
    this.#impaired.begin(node, 'wiped')
    this.#impaired.begin(node, 'killed')
    this.#later(stepMs, async () => {
      this.#count('disk wiped')
      node.kill()
      await this.#init.timeline.real(() => node.wipe())
      this.#init.invariants.wiped(node)
    })
    this.#within(0.2, () => this.#mend(node, 'killed'), stepMs)
  }

  /** Bits of a hundredth of its slivers, of one at least; of a thousandth when each takes a thousand symbols. */
  #rot(): void {
    const { random, chain, ledger, invariants } = this.#init
    const node = this.#victim()
    if (node === undefined) return
    const shards = shardsOf(chain.now.current, node.nodeId)
    const owed = ledger.blobs.filter(blob => ledger.isOwed(blob, chain.epoch))
    if (shards.length === 0 || owed.length === 0) return
    const share = owed.length * chain.nShards > LARGE ? 1 / 1_000 : 1 / 100
    const count = Math.ceil(owed.length * shards.length * share)
    const blobIds: BlobId[] = Array.from({ length: count }, () => random.pick(owed).blobId)
    const owned = random.shuffled(shards)
    // nothing of it may be relied on from now on
    this.#impaired.begin(node, 'rotten')
    invariants.wiped(node)
    const rotting = this.#init.timeline.real(() => node.disk.rot(blobIds, owned))
    rotting.then(rotten => {
      if (rotten > 0) this.#count('bits rot')
    }, this.#init.onError)
  }

  #fill(): void {
    const node = this.#victim()
    if (node === undefined) return
    this.#count('disk full')
    this.#impaired.begin(node, 'full')
    node.disk.isFull = true
    this.#within(1, () => this.#mend(node, 'full'))
  }

  /** All that is older than the table that was written last: who was away takes that. */
  #prune(): void {
    const { chain } = this.#init
    if (chain.epoch < 3) return
    this.#count('history pruned')
    chain.pruneBefore(chain.epoch - 1)
  }

  #renewBlsKey(): void {
    const { random, nodes } = this.#init
    this.#count('BLS key renewed')
    random.pick(nodes).renewBlsKey(random.bytes(32))
  }

  #renewNetworkKey(): void {
    const { random, nodes } = this.#init
    const node = random.pick(nodes)
    if (node.peerIds.length > 1) return
    this.#count('network key renewed')
    node.renewNetworkKey(Uint8Array.from([0, ...random.bytes(32)]))
  }

  #cut(): void {
    const { random, network } = this.#init
    const nodes: SimNode[] = []
    for (let i = 0; i < 1 + random.int(4); i++) {
      const node = this.#victim()
      if (node === undefined) break
      this.#impaired.begin(node, 'cut')
      nodes.push(node)
    }
    if (nodes.length === 0) return
    this.#count('partition')
    network.cut(nodes.flatMap(({ peerIds }) => peerIds))
    for (const node of nodes) this.#within(0.5, () => this.#mend(node, 'cut'))
  }

  #lie(): void {
    const { random } = this.#init
    const node = this.#victim()
    if (node === undefined) return
    const lies: (Lie | 'holds back')[] = ['slivers', 'symbols', 'metadata', 'empty', 'silent']
    if (this.#init.hasChallenges) lies.push('signs', 'holds back')
    const lie = random.pick(lies)
    this.#count(`liar: ${lie}`)
    this.#impaired.begin(node, 'lies')
    if (lie === 'holds back') this.#holdBack(node)
    else node.lies.add(lie)
    node.everLied = true
    this.#within(1.5, () => this.#mend(node, 'lies'))
  }

  /** Slivers of a share of all blobs, or of all of them. */
  #holdBack(node: SimNode): void {
    const { random } = this.#init
    const below = random.pick([13, 64, 256])
    const as = random.pick(['nothing', 'garbage'] as const)
    node.holdsBack = { isOf: (blobId, { pair }) => (blobIdToBytes(blobId)[31]! + 7 * pair) % 256 < below, as }
  }

  #moveStake(): void {
    const { chain, random, nodes } = this.#init
    const members = nodes.slice(0, this.#joined).filter(node => !this.isImpaired(node))
    if (members.length === 0) return
    this.#count('stake moved')
    chain.stake(random.pick(members).nodeId, 1 + Math.floor(200 * random.next()))
  }

  #joinOrLeave(): void {
    const { chain, random, nodes, onError } = this.#init
    const staked = nodes.filter(({ nodeId }) => chain.stakeOf(nodeId) > 0n)
    if (random.chance(0.5) && this.#joined < nodes.length) {
      const node = nodes[this.#joined++]!
      this.#count('joined')
      node.start().catch(onError)
      chain.stake(node.nodeId, 100 + random.int(200))
      return
    }
    const leaving = random.pick(staked)
    // as many as are needed stay
    if (staked.length < 0.7 * this.#init.founders || this.isImpaired(leaving) || staked.length <= 4) return
    this.#count('left')
    chain.unstake(leaving.nodeId)
  }

  #rpc(stepMs: number): void {
    const { random, nodes, timeline } = this.#init
    const node = random.pick(nodes)
    const { faults } = node.init.rpc
    const kind = random.pick(['lag', 'down', 'broke'] as const)
    this.#count(`RPC: ${kind}`)
    if (kind === 'lag') faults.lagMs = random.between(1_000, 30_000)
    else if (kind === 'down') faults.isDown = true
    else faults.isBroke = true
    timeline.after(random.next() * 2 * stepMs, () => {
      Object.assign(faults, { lagMs: 0, isDown: false, isBroke: false })
      node.rpcWellSince = timeline.ms
    })
  }

  #clock(): void {
    const { random, nodes, chain, invariants } = this.#init
    if (random.chance(0.1)) {
      this.#count('the clock of the chain jumps')
      chain.aheadMs += 3_600_000
      invariants.jumped(3_600_000)
      return
    }
    this.#count('a clock jumps')
    random.pick(nodes).init.skew.offsetMs += random.between(-600_000, 600_000)
  }

  #weather(): void {
    const { random, network } = this.#init
    this.#count('weather')
    network.weather.latencyMs = random.between(5, 200)
    network.weather.loss = random.chance(0.3) ? random.between(0, 0.03) : 0.002
  }

  /** All at once, with what they have. */
  #restartAll(stepMs: number): void {
    const { random, nodes, onError } = this.#init
    if (!random.chance(0.2)) return
    this.#later(stepMs, async () => {
      this.#count('all restarted')
      const running = nodes.filter(({ isRunning }) => isRunning)
      for (const node of running) node.kill()
      for (const node of running) node.start().catch(onError)
    })
  }

  async #mend(node: SimNode, kind: Impairment): Promise<void> {
    const { network, onError } = this.#init
    if (!this.#impaired.has(node, kind)) return
    if (kind === 'killed') {
      // one whose kill is still to come is killed before
      node.kill()
      node.start().catch(onError)
    }
    if (kind === 'cut') network.heal(node.peerIds)
    if (kind === 'lies') {
      node.lies.clear()
      node.holdsBack = undefined
    }
    if (kind === 'full') node.disk.isFull = false
    this.#impaired.end(node, kind)
  }

  #victim(): SimNode | undefined {
    return this.#impaired.victim(this.#init.nodes.slice(0, this.#joined), this.#init.random)
  }

  #later(stepMs: number, act: () => Promise<void>): void {
    const { timeline, random, onError } = this.#init
    timeline.after(random.next() * stepMs, () => act().catch(onError))
  }

  /** At some time within so many epochs. */
  #within(epochs: number, act: () => Promise<void>, afterMs = 0): void {
    const { timeline, random, epochMs, onError } = this.#init
    timeline.after(afterMs + random.next() * epochs * epochMs, () => act().catch(onError))
  }

  #count(what: Fault): void {
    this.#init.trace.note(`fault: ${what}`)
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1)
  }
}
