import type { Clock } from '../../../base/clock.ts'
import { createTokenBucket, type TokenBucket } from '../../../base/token-bucket.ts'
import type { Committees } from '../../../chain/types/index.ts'
import { encodingParams } from '../../../codec/index.ts'
import type { Epoch, ObjectId } from '../../../codec/types.ts'
import { ProtocolError, RECOVER_SHARE } from '../../../protocols/index.ts'
import type { MemberIndex } from '../../network/member-index.ts'
import { shardsOf } from '../epochs/plan.ts'

/** What one request may take. */
export interface RecoverShare {
  /** Throws BUSY while the member has taken what it may; says how long it is to wait. To be asked before each group of symbols. */
  expect(): void
  took(bytes: number): void
}

/** What members have taken of this node's slivers in the present epoch. */
export interface RecoverAccounts {
  /** Of a peer that is a member. */
  of(known: Committees, peer: string, epoch: Epoch): RecoverShare
}

export interface RecoverAccountsInit {
  members: MemberIndex
  nShards: number
  /** of slivers that this node stores */
  storedBytes: () => number
  clock: Pick<Clock, 'monotonic'>
  share?: typeof RECOVER_SHARE
}

/**
 * What stored slivers have for so many lost shards: a symbol of each sliver for each of them. A primary sliver has as many
 * symbols as there are secondary source symbols, a secondary one as many as there are primary ones.
 */
export function weightOfShards(shards: number, storedBytes: number, nShards: number): number {
  const { primarySymbols, secondarySymbols } = encodingParams(nShards)
  // of the symbols in a pair of slivers two are at the crossings with a shard
  return Math.ceil((shards * 2 * storedBytes) / (primarySymbols + secondarySymbols))
}

interface Account {
  bytes: number
  beyond: TokenBucket
}

/** A member has what its shards weigh once an epoch as fast as it can take it, and more at a pace. */
export function createRecoverAccounts(init: RecoverAccountsInit): RecoverAccounts {
  const { members, nShards, storedBytes, clock, share = RECOVER_SHARE } = init
  const { spareBytes, pacedBytesPerSecond: pace } = share
  let now: Epoch | undefined
  /** by node; no more than the committees of an epoch have members */
  const accounts = new Map<ObjectId, Account>()

  return {
    of(known, peer, epoch) {
      if (known.epoch !== now) accounts.clear()
      now = known.epoch
      const { nodeId } = members.of(known, peer)!
      const shards = shardsOf(epoch > known.epoch ? known.next! : known.current, nodeId)
      const account = accounts.get(nodeId) ?? {
        bytes: 0,
        beyond: createTokenBucket(pace, pace, () => clock.monotonic()),
      }
      accounts.set(nodeId, account)
      const allowed = () => spareBytes + weightOfShards(shards.length, storedBytes(), nShards)
      return {
        expect() {
          if (account.bytes < allowed()) return
          const retryAfterMs = Math.ceil(account.beyond.take(0))
          if (retryAfterMs > 0) throw new ProtocolError('BUSY', { retryAfterMs })
        },
        took(bytes) {
          const free = Math.min(bytes, Math.max(0, allowed() - account.bytes))
          account.bytes += bytes
          if (bytes > free) account.beyond.take(bytes - free)
        },
      }
    },
  }
}
