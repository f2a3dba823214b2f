import type { Committees } from '../../../chain/types/index.ts'
import type { Epoch, ShardIndex } from '../../../codec/types.ts'
import { ProtocolError } from '../../../protocols/index.ts'
import type { MemberIndex } from '../../network/member-index.ts'
import { shardsOf } from './plan.ts'

/** An epoch begins for all nodes within moments. */
const BEHIND_RETRY_MS = 500
const AHEAD_RETRY_MS = 2_000

/**
 * The committees, as far as this node has seen the chain, in which a peer is to have shards in an epoch. Throws a ProtocolError:
 * NOT_A_MEMBER unless it is one of the previous, current or next committee, NOT_YOURS when a shard is not its own in that epoch,
 * EPOCH_AHEAD of a later epoch, EPOCH_BEHIND while this node is not there yet, CHAIN_UNAVAILABLE.
 */
export function expectOwner(
  members: MemberIndex,
  known: Committees | undefined,
  peer: string,
  epoch: Epoch,
  shards: readonly ShardIndex[],
): Committees {
  if (known === undefined) throw new ProtocolError('CHAIN_UNAVAILABLE', { retryAfterMs: AHEAD_RETRY_MS })
  const details = { epoch: known.epoch }
  if (epoch > known.epoch + 1)
    throw new ProtocolError('EPOCH_AHEAD', { details, retryAfterMs: AHEAD_RETRY_MS })
  if (epoch > known.epoch && known.next === undefined)
    throw new ProtocolError('EPOCH_BEHIND', { details, retryAfterMs: BEHIND_RETRY_MS })
  // after that: one who is new in an epoch that is not seen yet is not known yet
  const member = members.of(known, peer)
  if (member === undefined) throw new ProtocolError('NOT_A_MEMBER')
  const committee = epoch > known.epoch ? known.next! : known.current
  // one that asks for an epoch that is over will hear of the present one as well
  const own = new Set(shardsOf(committee, member.nodeId))
  const shard = shards.find(one => !own.has(one))
  if (shard !== undefined) throw new ProtocolError('NOT_YOURS', { details: { shard, epoch } })
  return known
}
