import type { Epoch, ObjectId, ShardIndex } from '../../codec/types.ts'

/** A storage node with shards, and the keys by which it is known in this epoch. */
export interface CommitteeMember {
  /** position in order of node ID */
  index: number
  nodeId: ObjectId
  name: string
  /** host:port[/path] of the HTTP face */
  networkAddress: string
  /** 33 bytes: 0x00 || Ed25519 public key */
  networkPublicKey: Uint8Array
  /** 48 bytes */
  blsPublicKey: Uint8Array
  shards: ShardIndex[]
  /** multiaddrs from the metadata's extra field `multiaddrs` */
  multiaddrs: string[]
}

/** The members of one epoch and their shards. Every one of the `nShards` shards belongs to exactly one member. */
export interface Committee {
  epoch: Epoch
  nShards: number
  members: CommitteeMember[]
  /**
   * Set on a previous committee that was not read while it was in office: the chain keeps who had which shards, not the
   * keys. The BLS keys are the nodes' present ones then, so a certificate that does not verify may be good all the same.
   */
  keysUncertain?: true
}

/** How far an epoch has come. `weight` is in shards; `sinceMs` is the chain's clock, in ms since 1970. */
export type EpochState =
  | { kind: 'sync'; weight: number }
  | { kind: 'done'; sinceMs: number }
  | { kind: 'next-params-selected'; sinceMs: number }

/**
 * The committees that count: blobs certified before an epoch change are read from the previous one until it is done.
 */
export interface Committees {
  epoch: Epoch
  state: EpochState
  current: Committee
  previous?: Committee
  /**
   * The committee of the next epoch, with the keys that it will sign with: from `EpochParametersSelected` on, when it is
   * selected for good, until it is the current one.
   */
  next?: Committee
}

/** Where an epoch stands, all of it by the chain's own clock: ms since 1970. */
export interface EpochTiming {
  epoch: Epoch
  state: EpochState
  /** the chain's time */
  nowMs: number
  /** how long an epoch lasts, from the end of the change to it */
  durationMs: number
  /** from then on the votes may be ended; only while `state` is `done` */
  votingEndDueMs?: number
  /** from then on the next epoch may be started, once the votes have ended; absent while `state` is `sync` */
  changeDueMs?: number
}

/**
 * Why the contract refused a call of the epoch's change. `DONE_BEFORE`: somebody was first, it is as the caller wanted it.
 * `TOO_EARLY`: it is not due yet. `EPOCH_OVER`: too late, the next epoch has begun. `NOT_A_MEMBER`: the node has no shards.
 */
export type EpochRefusal = 'DONE_BEFORE' | 'TOO_EARLY' | 'EPOCH_OVER' | 'NOT_A_MEMBER'
