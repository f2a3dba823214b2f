import type { SliverRef } from '../../../../codec/types.ts'
import { blobIdOfSliver, refOfSliverKey } from '../keys.ts'

/** What may be wrong with a store, in the order in which it is told. */
export const FINDINGS = {
  index: 'the index was damaged',
  usage: 'the totals of what is stored are wrong',
  count: 'packs are counted wrongly',
  record: 'records of slivers cannot be read',
  lost: 'slivers are not where their records say',
  altered: 'slivers are not what was stored',
  refuted: "slivers are not what their blobs' metadata say",
  metadata: 'blobs have slivers, and no metadata that give their IDs',
  stray: 'files are known to no record',
} as const

export type Finding = keyof typeof FINDINGS

/** How much of a kind was found, and the first of it by name: a blob, a sliver of one, or a file. */
export interface Found {
  count: number
  names: string[]
}

export interface CheckReport {
  slivers: number
  /** of slivers */
  bytes: number
  /** files of slivers */
  packs: number
  /** what is wrong, or was; nothing of what is right */
  found: Partial<Record<Finding, Found>>
  /** everything that was found was put right: what is missing is noted, and got back once the node runs */
  isMended: boolean
}

/** Named of a kind; the rest is counted. */
const NAMED = 100

export class Findings {
  readonly found: CheckReport['found'] = {}

  add(finding: Finding, name?: string, count = 1): void {
    const found = this.found[finding] ?? { count: 0, names: [] }
    this.found[finding] = found
    found.count += count
    if (name !== undefined && found.names.length < NAMED) found.names.push(name)
  }

  has(finding: Finding): boolean {
    return this.found[finding] !== undefined
  }

  get isEmpty(): boolean {
    return Object.keys(this.found).length === 0
  }
}

/** A sliver by the key of its record. */
export function nameSliver(key: string): string {
  const { axis, pair }: SliverRef = refOfSliverKey(key)
  return `${blobIdOfSliver(key)} ${axis} ${pair}`
}
