import type { Committee } from '../../chain/types/index.ts'
import { shardsOf } from '../../node/storage/epochs/plan.ts'
import type { Random } from '../support/random.ts'
import type { SimChain } from './chain.ts'
import type { SimNode } from './node.ts'

/** Why a node may not be relied on. */
export type Impairment = 'killed' | 'wiped' | 'rotten' | 'full' | 'cut' | 'lies'

/** These end once the node has everything back. */
const HEALING: readonly Impairment[] = ['wiped', 'rotten']

/** Who may not be relied on: never more than f weight, in none of the committees that count. */
export class Impairments {
  readonly #chain: SimChain
  readonly #kinds = new Map<SimNode, Set<Impairment>>()

  constructor(chain: SimChain) {
    this.#chain = chain
  }

  has(node: SimNode, kind?: Impairment): boolean {
    const kinds = this.#kinds.get(node)
    return kinds !== undefined && (kind === undefined || kinds.has(kind))
  }

  /** Shards have moved to those who may not be relied on, and now there are too many of them. */
  get isOver(): boolean {
    return !this.#isWithin([...this.#kinds.keys()])
  }

  /** All that somebody can end: the others end by themselves. */
  get ending(): [SimNode, Impairment][] {
    return this.#all.filter(([, kind]) => !HEALING.includes(kind))
  }

  begin(node: SimNode, kind: Impairment): void {
    this.#kinds.set(node, (this.#kinds.get(node) ?? new Set()).add(kind))
  }

  end(node: SimNode, kind: Impairment): void {
    const kinds = this.#kinds.get(node)
    kinds?.delete(kind)
    if (kinds?.size === 0) this.#kinds.delete(node)
  }

  /** One of these that may be struck: with it there are still no more than f. */
  victim(nodes: readonly SimNode[], random: Random): SimNode | undefined {
    const node = random.pick(nodes)
    if (this.has(node) || !node.isRunning) return undefined
    return this.#isWithin([...this.#kinds.keys(), node]) ? node : undefined
  }

  /** Sees who has everything back. */
  async look(): Promise<void> {
    for (const [node, kind] of this.#all)
      if (HEALING.includes(kind) && (await this.#isWhole(node))) this.end(node, kind)
  }

  get #all(): [SimNode, Impairment][] {
    return [...this.#kinds].flatMap(([node, kinds]) =>
      [...kinds].map((kind): [SimNode, Impairment] => [node, kind]),
    )
  }

  #isWithin(nodes: readonly SimNode[]): boolean {
    const f = Math.floor((this.#chain.nShards - 1) / 3)
    const { previous, current, next } = this.#chain.now
    const weight = (committee: Committee | undefined): number =>
      committee === undefined
        ? 0
        : nodes.reduce((sum, { nodeId }) => sum + shardsOf(committee, nodeId).length, 0)
    return [previous, current, next].every(committee => weight(committee) <= f)
  }

  async #isWhole(node: SimNode): Promise<boolean> {
    if (!node.isRunning || node.services === undefined || (await node.disk.isRotten())) return false
    const cursor = Number((await node.disk.blobs.cursor()) ?? 0)
    if (cursor < this.#chain.events.length - 20) return false
    const shards = await node.disk.node.shards()
    const owned = shardsOf(this.#chain.now.current, node.nodeId)
    if (owned.some(shard => shards.get(shard)?.state !== 'active')) return false
    return (await node.disk.node.missing({ limit: 1 })).length === 0
  }
}
