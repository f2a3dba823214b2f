import { type ConfirmationBody, encodingParams, tableDigest } from '../../codec/index.ts'
import type { BlobId, Epoch, ObjectId, Persistence, ShardIndex } from '../../codec/types.ts'
import { ownerOf, shardsOf } from '../../node/storage/epochs/plan.ts'
import { isRegistered } from '../../node/storage/store/blob-state.ts'
import type { NodeRecords } from '../../node/storage/store/node-records.ts'
import type { Random } from '../support/random.ts'
import type { SimChain } from './chain.ts'
import type { Ledger, LedgerBlob } from './ledger.ts'
import type { SimNetwork } from './network.ts'
import type { SimNode } from './node.ts'
import type { Timeline } from './timeline.ts'

/** What must hold at any time, by its number. */
export const INVARIANTS: Readonly<Record<number, string>> = {
  1: 'a blob that is certified, paid for and not invalid is readable with f weight faulty',
  2: 'no read gives other bytes than the blob has',
  3: 'a node that reports an epoch has every sliver of its list on its disk',
  4: 'one report that counts for each member and epoch, none of others, none of the past',
  5: 'what is confirmed is durable, and stays until the blob ends or the shard was handed over',
  6: 'no certificate mixes epochs',
  7: 'a locked shard takes no write',
  8: 'a lost shard stays until its new owner has reported, or for two epochs',
  9: 'the cursor passes no event whose effect is not there, and waits for no recovery',
  10: 'nodes that have read the same events know the same blobs, and write the same table of them',
  11: 'once faults stop, nothing is missing within two epochs',
  12: 'nothing of an ended blob is on a disk two epochs later',
  14: 'no peer gets more than two batches at a time',
  15: 'every peer that lied is named, and nobody honest ever is',
  16: 'WAL is conserved',
  17: 'the chain goes on while 2f+1 weight is whole',
  18: 'nobody passes a storage challenge who has not committed to all that it is asked for',
  19: 'an honest node that is up long enough passes',
}

/** One does not hold. */
export class Broken extends Error {
  readonly invariant: number

  constructor(invariant: number, what: string) {
    super(`invariant ${invariant} (${INVARIANTS[invariant]}): ${what}`)
    this.invariant = invariant
  }
}

export interface InvariantsInit {
  chain: SimChain
  ledger: Ledger
  network: SimNetwork
  timeline: Timeline
  nodes: readonly SimNode[]
  random: Random
  epochMs: number
  /** whether somebody may not be relied on now */
  isImpaired: (node: SimNode) => boolean
}

/** Blobs, promises and nodes of a kind that are looked at in one step; all of them where there are no more. */
const LOOKS = 400
/** Pairs of a node and a blob that are compared in one step. */
const COMPARED = 20_000
const CURSOR_MS = 60_000
/** An epoch that is due: the jitter of those who turn it, and what a member needs to report when it has to rebuild. */
const LATE_MS = 20 * 60_000

/** Looks at a whole network from outside, without a word to it. */
export class Invariants {
  readonly checks = new Map<number, number>()
  readonly #init: InvariantsInit
  readonly #promised: (ConfirmationBody & { node: SimNode })[] = []
  readonly #digests = new Map<Epoch, string>()
  #epoch = 0
  #since = 0

  constructor(init: InvariantsInit) {
    this.#init = init
  }

  /** Nothing that it has promised so far holds: its disk has failed. */
  wiped(node: SimNode): void {
    for (let i = this.#promised.length - 1; i >= 0; i--)
      if (this.#promised[i]!.node === node) this.#promised.splice(i, 1)
  }

  /** Every owed blob of which so many shards are with those who can be relied on. */
  async readable(isWhole = false): Promise<number> {
    const { chain, ledger, nodes, isImpaired } = this.#init
    const { previous, current } = chain.now
    const needed = encodingParams(chain.nShards).primarySymbols
    const owed = ledger.blobs.filter(blob => ledger.isOwed(blob, chain.epoch))
    const owners = new Map<ShardIndex, Set<SimNode>>()
    const byId = new Map(nodes.map(node => [node.nodeId, node]))
    for (const committee of [previous, current])
      for (const { nodeId, shards } of committee?.members ?? []) {
        const node = byId.get(nodeId)!
        if (isImpaired(node) || !node.isRunning) continue
        for (const shard of shards) owners.set(shard, (owners.get(shard) ?? new Set()).add(node))
      }
    const ids = owed.map(({ blobId }) => blobId)
    const counts = new Uint32Array(owed.length)
    for (const [shard, some] of owners) {
      const any = new Uint8Array(owed.length)
      for (const node of some) {
        const rights = await node.disk.rights(ids, shard)
        for (let i = 0; i < any.length; i++) any[i]! |= rights[i]! & 1
      }
      for (let i = 0; i < any.length; i++) counts[i]! += any[i]!
    }
    for (const [i, { blobId }] of owed.entries()) {
      this.checked(1)
      if (counts[i]! < needed) {
        if (isWhole) return i
        throw new Broken(1, `${blobId} has ${counts[i]} shards of ${needed} that are needed`)
      }
    }
    return owed.length
  }

  read(blobId: BlobId, isRight: boolean): void {
    this.checked(2)
    if (!isRight) throw new Broken(2, `a read of ${blobId} gave other bytes`)
  }

  #node(nodeId: ObjectId): SimNode {
    return this.#init.nodes.find(one => one.nodeId === nodeId)!
  }

  /** What a node must have for an epoch and lacks, by blob and shard. What has decayed since it was written was there. */
  async lacking(nodeId: ObjectId, epoch: Epoch): Promise<string[]> {
    const { chain, ledger } = this.#init
    return await this.#node(nodeId).disk.unwritten(
      ledger.owed(epoch, epoch),
      shardsOf(chain.now.current, nodeId),
    )
  }

  /** Before a report counts. What was found to have decayed since the node decided to report was there: it did not lack that. */
  async reporting(nodeId: ObjectId, epoch: Epoch, lacked: readonly string[]): Promise<void> {
    const { ledger } = this.#init
    this.checked(3)
    const lacking = await this.lacking(nodeId, epoch)
    // what has ended meanwhile may have gone
    const still = lacking.filter(text => {
      const blob = ledger.of(text.split(' ')[0] as BlobId)!
      return lacked.includes(text) && ledger.isOwed(blob, epoch, epoch)
    })
    const { name } = this.#node(nodeId)
    if (still.length > 0) throw new Broken(3, `${name} reports ${epoch} and lacks ${still.slice(0, 3)}`)
  }

  reported(): void {
    this.checked(4)
  }

  stranger(nodeId: ObjectId, epoch: Epoch): void {
    const { name } = this.#node(nodeId)
    throw new Broken(4, `${name} reports ${epoch}, of which it is no member`)
  }

  async signed(node: SimNode, body: ConfirmationBody): Promise<void> {
    this.#promised.push({ node, ...body })
    const state = await node.disk.blobs.get(body.blobId)
    if (isRegistered(state, body.persistence, body.epoch)) return
    throw new Broken(5, `${node.name} signs for ${body.blobId} and has not heard that it is registered`)
  }

  certified(epoch: Epoch): void {
    this.checked(6)
    if (epoch !== this.#init.chain.epoch) throw new Broken(6, `a certificate of ${epoch}`)
  }

  async writing(
    node: SimNode,
    shards: readonly ShardIndex[],
    { shards: read }: Pick<NodeRecords, 'shards'>,
  ): Promise<void> {
    this.checked(7)
    const records = await read()
    const locked = shards.find(shard => records.get(shard)?.state === 'locked')
    if (locked !== undefined) throw new Broken(7, `${node.name} writes to shard ${locked}`)
  }

  removing(node: SimNode, shard: ShardIndex): void {
    this.checked(8)
    const { chain } = this.#init
    const { epoch } = chain
    let lost = epoch as number
    const owns = (at: number): boolean => {
      const committee = chain.past.get(at as Epoch)
      return committee !== undefined && ownerOf(committee, shard) === node.nodeId
    }
    while (lost > 0 && !owns(lost)) lost--
    if (lost === epoch) throw new Broken(8, `${node.name} removes its shard ${shard}`)
    // lost in the epoch after the last that it was its
    const age = epoch - (lost + 1)
    const received = Array.from({ length: age + 1 }, (_, i) => (lost + 1 + i) as Epoch).some(at => {
      const committee = chain.past.get(at)
      const owner = committee && ownerOf(committee, shard)
      return owner !== undefined && chain.reports.has(`${owner} ${at}`)
    })
    if (lost > 0 && age < (received ? 1 : 2))
      throw new Broken(8, `${node.name} removes shard ${shard}, which it lost in ${lost + 1}, in ${epoch}`)
  }

  /** Everything else, after a step. */
  async step(): Promise<void> {
    await this.#promises()
    await this.#cursors()
    await this.#ended()
    this.#tables()
    this.#batches()
    this.#money()
    this.#epochs()
  }

  async #promises(): Promise<void> {
    const { chain, ledger } = this.#init
    const { epoch } = chain
    for (const { node, blobId, epoch: at, persistence } of this.#some(this.#promised)) {
      const blob = ledger.of(blobId)!
      const isKept = (): boolean => this.#isKept(blob, persistence)
      if (!isKept()) continue
      const committee = chain.past.get(at)!
      const now = new Set(shardsOf(chain.now.current, node.nodeId))
      const shards = shardsOf(committee, node.nodeId).filter(shard => now.has(shard))
      this.checked(5)
      for (const shard of shards) {
        // given up and got back meanwhile
        if (!this.#always(node, shard, at)) continue
        if ((await node.disk.right(blobId, shard)) === 3) continue
        if (!isKept()) continue
        throw new Broken(5, `${node.name} has signed for ${blobId} in ${at}, and lacks shard ${shard}`)
      }
    }
    for (let i = this.#promised.length - 1; i >= 0; i--)
      if (this.#promised[i]!.epoch + 3 < epoch) this.#promised.splice(i, 1)
  }

  /** Whether what was promised for is still paid for. */
  #isKept({ objects }: LedgerBlob, persistence: Persistence): boolean {
    const { chain } = this.#init
    const live = [...objects].filter(([, { endEpoch }]) => endEpoch > chain.epoch)
    if (persistence.kind === 'deletable') return live.some(([objectId]) => objectId === persistence.objectId)
    return live.some(([, { isDeletable }]) => !isDeletable)
  }

  #always(node: SimNode, shard: ShardIndex, since: Epoch): boolean {
    const { chain } = this.#init
    for (let at = since; at <= chain.epoch; at++)
      if (ownerOf(chain.past.get(at)!, shard) !== node.nodeId) return false
    return true
  }

  async #cursors(): Promise<void> {
    const { chain, ledger, nodes, timeline } = this.#init
    const old = chain.at(timeline.ms - CURSOR_MS).events
    const looked = this.#some(nodes.filter(({ isRunning }) => isRunning))
    const blobsOfEach = Math.min(LOOKS, Math.ceil(COMPARED / Math.max(1, looked.length)))
    for (const node of looked) {
      const { faults } = node.init.rpc
      const cursor = Number((await node.disk.blobs.cursor()) ?? 0)
      const isSettled = timeline.ms - node.startedAt > 3 * CURSOR_MS && !faults.isDown && faults.lagMs === 0
      this.checked(9)
      if (isSettled && node.rpcWellSince + 3 * CURSOR_MS < timeline.ms && cursor < old)
        throw new Broken(9, `${node.name} is at event ${cursor}, and ${old} are a minute old`)
      if (cursor !== chain.events.length) continue
      for (const blob of this.#some(ledger.blobs, blobsOfEach)) {
        this.checked(10)
        await this.#sameState(node, blob)
      }
    }
  }

  async #sameState(node: SimNode, blob: LedgerBlob): Promise<void> {
    const { chain } = this.#init
    const live = [...blob.objects].filter(([, { endEpoch }]) => endEpoch > chain.epoch)
    const state = await node.disk.blobs.get(blob.blobId)
    for (const [objectId, { endEpoch, certified }] of live) {
      const known = state?.registrations.find(one => one.objectId === objectId)
      if (known?.endEpoch !== endEpoch || known.certified !== certified)
        throw new Broken(10, `${node.name} does not know ${blob.blobId} as it is`)
    }
  }

  #tables(): void {
    for (const node of this.#init.nodes) {
      for (const head of node.services?.served.snapshots.heads() ?? []) {
        const { epoch } = head
        const text = Buffer.from(tableDigest(this.#init.chain.network.systemObjectId, head)).toString('hex')
        const first = this.#digests.get(epoch) ?? text
        this.#digests.set(epoch, first)
        this.checked(10)
        if (first !== text) throw new Broken(10, `${node.name} has another table of ${epoch}`)
      }
    }
  }

  async #ended(): Promise<void> {
    const { chain, ledger, nodes, timeline } = this.#init
    const { epoch } = chain
    const began = chain.beganAt(epoch - 1)
    const gone = ledger.blobs.filter(blob => {
      const end = ledger.endedIn(blob, epoch)
      return end !== undefined && end > 0 && end + 2 <= epoch
    })
    if (gone.length === 0 || began === undefined) return
    const running = nodes.filter(
      node => node.isRunning && node.startedAt < began && node.rpcWellSince < began && timeline.ms > began,
    )
    for (const node of this.#some(running)) {
      for (const { blobId } of this.#some(gone)) {
        this.checked(12)
        if (await node.disk.hasAny(blobId)) throw new Broken(12, `${node.name} still has ${blobId}`)
      }
    }
  }

  #batches(): void {
    for (const kind of ['recover', 'page']) {
      this.checked(14)
      const most = this.#init.network.most.get(kind) ?? 0
      if (most > 2) throw new Broken(14, `${most} requests of ${kind} at a time`)
    }
  }

  #money(): void {
    const { model } = this.#init.chain
    this.checked(16)
    if (model.held !== model.supply)
      throw new Broken(16, `${model.supply} FROST, of which ${model.held} are held`)
  }

  #epochs(): void {
    const { chain, epochMs } = this.#init
    this.checked(17)
    if (chain.epoch !== this.#epoch) {
      this.#epoch = chain.epoch
      this.#since = chain.nowMs
    }
    // the members report, and from then on it lasts
    const late = chain.nowMs - this.#since - 2 * epochMs
    if (late > LATE_MS) throw new Broken(17, `epoch ${chain.epoch} does not end`)
  }

  /** The clock of the chain has jumped. */
  jumped(ms: number): void {
    this.#since += ms
  }

  async missing(): Promise<string[]> {
    const { chain, nodes, ledger } = this.#init
    const { epoch, current } = chain.now
    const lacking: string[] = []
    const ids = ledger.blobs.filter(blob => ledger.isOwed(blob, epoch)).map(({ blobId }) => blobId)
    for (const node of nodes) {
      const shards = shardsOf(current, node.nodeId)
      if (shards.length === 0) continue
      this.checked(11)
      lacking.push(...(await node.disk.lacking(ids, shards)).map(what => `${node.name}: ${what}`))
      const noted = await node.disk.node.missing({ limit: 10 })
      lacking.push(...noted.map(([blobId]) => `${node.name} has a note of ${blobId}`))
    }
    return lacking
  }

  accused(by: string, liar: SimNode, what: string): void {
    this.checked(15)
    if (liar.everLied) return
    throw new Broken(15, `${by} names ${liar.name} for a ${what}`)
  }

  checked(invariant: number): void {
    this.checks.set(invariant, (this.checks.get(invariant) ?? 0) + 1)
  }

  #some<T>(list: readonly T[], length = LOOKS): readonly T[] {
    if (list.length <= length) return list
    const { random } = this.#init
    return Array.from({ length }, () => random.pick(list))
  }
}
