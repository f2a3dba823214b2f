import { encodedSize, pieceOf, pieceShape, sliverSymbols, storageUnits } from '../../codec/index.ts'
import type { Axis, BlobId, BlobMetadata, ObjectId, ShardIndex, SliverRef } from '../../codec/types.ts'
import { pointsOf, questionOf } from '../../node/storage/challenge/draw.ts'
import { LEAF_AXES, leafIndex, refOf } from '../../node/storage/challenge/holdings.ts'
import { type LeafHash, leafHasher } from '../../node/storage/challenge/leaves.ts'
import { shardsOf } from '../../node/storage/epochs/plan.ts'
import { blobHex } from '../../node/storage/store/keys.ts'
import type { SimChain } from './chain.ts'
import { Broken } from './invariants.ts'
import type { Ledger } from './ledger.ts'
import type { SimNode } from './node.ts'
import type { SimRound, SimRounds } from './rounds.ts'
import type { Timeline } from './timeline.ts'
import type { TreeFiles } from './tree-files.ts'

export interface RoundWatchInit {
  chain: SimChain
  ledger: Ledger
  rounds: SimRounds
  trees: TreeFiles
  timeline: Timeline
  nodes: readonly SimNode[]
  /** of a blob, whoever has it */
  sizeOf: (blobId: BlobId) => number
  sliverOf: (blobId: BlobId, ref: SliverRef) => Uint8Array
  isImpaired: (node: SimNode) => boolean
  /** Too many may not be relied on now. */
  isOver: () => boolean
  checked: (invariant: number) => void
  holding: (act: () => void) => void
}

interface OwedBlob extends Pick<BlobMetadata, 'nShards' | 'unencodedLength'> {
  blobId: BlobId
  rank: number
  units: number
}

interface AskedSliver {
  blob: OwedBlob
  shard: ShardIndex
  axis: Axis
}

/** What a node has committed to. */
interface Committed {
  hash: LeafHash
  /** in order */
  shards: readonly ShardIndex[]
  leaves: Uint8Array
}

interface Watched {
  round: SimRound
  owed: readonly OwedBlob[]
  /** whose state has changed since: a node is excused for what has ended, whatever comes then */
  ended: Set<BlobId>
  openedMs: number
  aheadMs: number
  /** of each that has committed, what is asked and has no right leaf */
  lacking: Map<ObjectId, readonly AskedSliver[]>
  drawnMs: number | undefined
  /** since when a member has been well without a break, in ms of the timeline */
  well: Map<SimNode, number>
  /** Too much went wrong for anybody to be expected to pass. */
  isVoid: boolean
}

const LOOK_MS = 10_000
/** Well for so long before the end of the time for it, a node has committed; or has passed. */
const ENOUGH_MS = 180_000

/** Looks at rounds of challenges from outside: by what a node has committed to, and the draw, it is known who passes. */
export class RoundWatch {
  readonly #init: RoundWatchInit
  #now: Watched | undefined
  /** nodes of which it was expected that they pass, and of which it is known that they could not */
  readonly counts = { due: 0, lacking: 0 }

  constructor(init: RoundWatchInit) {
    this.#init = init
    const { rounds } = init
    rounds.onOpened = round => this.#opened(round)
    rounds.onDrawn = round => this.#drawn(round)
    rounds.onPassed = (_, nodeId, signers) => init.holding(() => this.#passed(nodeId, signers))
  }

  /** The ledger has heard of a blob. */
  changed(blobId: BlobId): void {
    const { ledger, chain } = this.#init
    const blob = ledger.of(blobId)
    if (this.#now === undefined || blob === undefined) return
    if (!ledger.isOwed(blob, chain.epoch, chain.epoch)) this.#now.ended.add(blobId)
  }

  /** Of what a node owes by units, the share of which it has committed to a right leaf; undefined before it has committed. */
  shareOf(node: SimNode): number | undefined {
    const now = this.#now
    const committed = now && this.#committedBy(now.round, node)
    if (now === undefined || committed === undefined) return undefined
    let [held, all] = [0, 0]
    for (const blob of now.owed)
      for (const shard of committed.shards)
        for (const axis of LEAF_AXES) {
          // as likely as it has symbols
          const weight = blob.units * sliverSymbols(blob.nShards, axis)
          all += weight
          if (this.#isRight(committed, { blob, shard, axis })) held += weight
        }
    return held / all
  }

  #opened(round: SimRound): void {
    const { chain, ledger, timeline, sizeOf } = this.#init
    const { nShards } = chain
    const ids = [...ledger.owed(round.epoch, round.epoch)]
    const sorted = ids.map(blobId => [blobHex(blobId), blobId] as const).sort(([a], [b]) => (a < b ? -1 : 1))
    const owed = sorted.map(([, blobId], rank): OwedBlob => {
      const unencodedLength = sizeOf(blobId)
      const units = storageUnits(encodedSize(nShards, unencodedLength))
      return { blobId, rank, units, nShards, unencodedLength }
    })
    const now: Watched = {
      ...{ round, owed, ended: new Set(), openedMs: timeline.ms, aheadMs: chain.aheadMs },
      ...{ lacking: new Map(), drawnMs: undefined, well: new Map(), isVoid: false },
    }
    this.#now = now
    this.#look(now)
    const commitMs = round.commitUntilMs - chain.nowMs
    timeline.after(commitMs, () => this.#init.holding(() => this.#committed(now, commitMs)))
    timeline.after(round.passUntilMs - chain.nowMs, () => this.#init.holding(() => this.#over(now)))
  }

  /** Who is well, and since when. */
  #look(now: Watched): void {
    const { chain, timeline, nodes, isImpaired, isOver } = this.#init
    if (this.#now !== now || chain.nowMs > now.round.passUntilMs) return
    now.isVoid ||= chain.aheadMs !== now.aheadMs || isOver() || chain.epoch !== now.round.epoch
    for (const node of nodes) {
      const { faults } = node.init.rpc
      const isWell =
        node.services !== undefined &&
        !isImpaired(node) &&
        node.holdsBack === undefined &&
        !(faults.isDown || faults.isBroke || faults.lagMs > 0)
      if (!isWell) {
        now.well.delete(node)
        continue
      }
      const since = now.well.get(node) ?? timeline.ms
      now.well.set(node, Math.max(since, node.startedAt, node.rpcWellSince))
    }
    timeline.after(LOOK_MS, () => this.#look(now))
  }

  #isWellFor(now: Watched, node: SimNode, ms: number): boolean {
    const since = now.well.get(node)
    return since !== undefined && this.#init.timeline.ms - since >= ms
  }

  #committed(now: Watched, windowMs: number): void {
    const { nodes, checked } = this.#init
    this.#voidIfJumped(now)
    if (now.isVoid || windowMs < ENOUGH_MS) return
    for (const node of this.#members(now, nodes)) {
      if (!this.#isWellFor(now, node, Math.max(ENOUGH_MS, windowMs / 2))) continue
      checked(19)
      if (!now.round.roots.has(node.nodeId))
        throw new Broken(
          19,
          `${node.name} has not committed in round ${now.round.number} of ${now.round.epoch}`,
        )
    }
  }

  #over(now: Watched): void {
    const { nodes, checked, timeline } = this.#init
    this.#voidIfJumped(now)
    const { drawnMs, round } = now
    // nobody was there to draw, or too late
    if (now.isVoid || drawnMs === undefined || timeline.ms - drawnMs < ENOUGH_MS) return
    for (const node of this.#members(now, nodes)) {
      if (!round.roots.has(node.nodeId)) continue
      const lacking = now.lacking.get(node.nodeId)!.filter(({ blob }) => !now.ended.has(blob.blobId))
      // its disk may be gone, and what it has committed to with it
      if (lacking.length > 0 || this.#committedBy(round, node) === undefined) {
        this.counts.lacking++
        continue
      }
      if (!this.#isWellFor(now, node, ENOUGH_MS)) continue
      this.counts.due++
      checked(19)
      if (!round.passed.has(node.nodeId))
        throw new Broken(19, `${node.name} has not passed round ${round.number} of ${round.epoch}`)
    }
  }

  #voidIfJumped(now: Watched): void {
    now.isVoid ||= this.#now !== now || this.#init.chain.aheadMs !== now.aheadMs
  }

  #members({ round }: Watched, nodes: readonly SimNode[]): SimNode[] {
    const { chain } = this.#init
    if (chain.epoch !== round.epoch) return []
    return nodes.filter(({ nodeId }) => this.#shardsOf(nodeId).length > 0)
  }

  #shardsOf(nodeId: ObjectId): ShardIndex[] {
    return shardsOf(this.#init.chain.now.current, nodeId).toSorted((a, b) => a - b)
  }

  #drawn(round: SimRound & { seed: Uint8Array }): void {
    const now = this.#now
    const { nodes, chain, timeline } = this.#init
    if (now?.round.epoch !== round.epoch || now.round.number !== round.number) return
    now.drawnMs = timeline.ms
    const { owed } = now
    const ends: number[] = []
    for (const { units } of owed) ends.push((ends.at(-1) ?? 0) + units)
    const points = owed.length === 0 ? [] : pointsOf(round.seed, round.draws, ends.at(-1)!)
    const drawn = points.map(point => owed[ends.findIndex(end => point < end)]!)
    for (const node of nodes) {
      const { nodeId } = node
      if (!round.roots.has(nodeId)) continue
      const committed = this.#committedBy(round, node)
      const shards = this.#shardsOf(nodeId)
      const asked = drawn.map((blob, number): AskedSliver => {
        const shapeOf = (axis: Axis) => pieceShape(blob, axis)
        const { blobId } = blob
        const init = { seed: round.seed, number, nodeId, shards, blobId, nShards: chain.nShards, shapeOf }
        return { blob, ...questionOf(init) }
      })
      const isLacking = (one: AskedSliver): boolean =>
        committed === undefined || !this.#isRight(committed, one)
      now.lacking.set(nodeId, asked.filter(isLacking))
    }
  }

  #passed(nodeId: ObjectId, signers: readonly ObjectId[]): void {
    const now = this.#now
    const { nodes, checked, isOver } = this.#init
    const { name } = nodes.find(node => node.nodeId === nodeId)!
    const lacking = now?.lacking.get(nodeId)?.find(({ blob }) => !now.ended.has(blob.blobId))
    checked(18)
    // those who sign for anything were more than f
    if (isOver() || lacking === undefined) return
    const what = `${lacking.axis} of ${lacking.blob.blobId} of shard ${lacking.shard}`
    throw new Broken(18, `${name} passes without ${what}, by ${signers.length} signatures`)
  }

  /** Undefined when it is not on its disk. */
  #committedBy({ epoch, number, salt }: SimRound, { name, nodeId }: SimNode): Committed | undefined {
    const { trees } = this.#init
    const folder = `${epoch}-${number}-${Buffer.from(salt).toString('hex').slice(0, 16)}`
    const leaves = trees.read(`${trees.folderOf(name)}/${folder}/0`)
    return leaves && { leaves, hash: leafHasher(salt, nodeId), shards: this.#shardsOf(nodeId) }
  }

  #right({ blobId }: OwedBlob, shard: ShardIndex, axis: Axis): Uint8Array {
    const { chain, sliverOf } = this.#init
    return sliverOf(blobId, refOf({ shard, axis, blobId }, chain.nShards))
  }

  #isRight({ hash, shards, leaves }: Committed, { blob, shard, axis }: AskedSliver): boolean {
    const place = { shard, axis, blobId: blob.blobId }
    const piece = pieceOf(blob, refOf(place, blob.nShards), this.#right(blob, shard, axis), 0)
    const at = 32 * leafIndex(blob.rank, shards, place)
    return Buffer.compare(hash(place, 0, piece), leaves.subarray(at, at + 32)) === 0
  }
}
