import type { CommitteeMember, Committees } from '../../../chain/types/index.ts'
import type { ObjectId, ShardIndex } from '../../../codec/types.ts'

/** A node that may be asked, and the shards that it should have slivers of. */
export interface SymbolPeer {
  member: CommitteeMember
  shards: readonly ShardIndex[]
}

/** What is to be asked of one node. */
export interface Ask {
  member: CommitteeMember
  /** ascending */
  sources: ShardIndex[]
  /** positions of blobs */
  blobs: number[]
}

export interface AsksInput {
  /** for each blob, of how many more sources it needs symbols, beside those that are on their way */
  lacks: readonly number[]
  /** in the order in which to ask */
  peers: readonly SymbolPeer[]
  /** asks at most */
  most: number
  /** Whether the node may be asked for this source: not twice, and not while another one is. */
  isFree(member: CommitteeMember, shard: ShardIndex): boolean
}

/** Just as many requests as bring what is lacking if all of them are answered, within what there is room for. Pure. */
export function planAsks({ lacks, peers, most: room, isFree }: AsksInput): Ask[] {
  const left = [...lacks]
  const taken = new Set<ShardIndex>()
  const asks: Ask[] = []
  for (const { member, shards } of peers) {
    const most = left.reduce((a, b) => Math.max(a, b), 0)
    if (most <= 0 || asks.length >= room) break
    const free = shards.filter(shard => !taken.has(shard) && isFree(member, shard)).slice(0, most)
    if (free.length === 0) continue
    for (const shard of free) taken.add(shard)
    const blobs = [...left.keys()].filter(blob => left[blob]! > 0)
    asks.push({ member, sources: free.sort((a, b) => a - b), blobs })
    for (const blob of blobs) left[blob]! -= free.length
  }
  return asks
}

/**
 * Who has which shards: those of the current committee, then those of the one before, which have what is still moving, then
 * those of the next, which have fetched ahead; each in the given order.
 */
export function symbolPeers(
  { current, previous, next }: Committees,
  nodeId: ObjectId,
  ranked: (members: readonly CommitteeMember[]) => readonly CommitteeMember[],
): SymbolPeer[] {
  const seen = new Set<string>()
  return [current, previous, next].flatMap(committee =>
    ranked((committee?.members ?? []).filter(member => member.nodeId !== nodeId)).map(member => ({
      member,
      shards: member.shards.filter(shard => {
        const key = `${member.nodeId}/${shard}`
        return !seen.has(key) && seen.add(key)
      }),
    })),
  )
}
