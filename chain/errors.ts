import { CodedError } from '../base/coded-error.ts'
import type { ObjectId } from '../codec/types.ts'
import type { EpochRefusal } from './types/epochs.ts'

/** Data that belongs to each code; the table is closed, so callers may switch over it. */
export interface ChainErrorDetails {
  /** the wallet holds too little WAL; nothing was sent */
  NOT_ENOUGH_WAL: { neededFrost: bigint; availableFrost: bigint; owner: string; subWalletsFrost?: bigint }
  /** it would cost more than the caller allows; nothing was sent */
  COST_ABOVE_LIMIT: { costFrost: bigint; limitFrost: bigint }
  /** the wallet holds too little SUI to pay for gas; nothing was sent */
  NOT_ENOUGH_SUI: { neededMist: bigint; availableMist: bigint; owner: string; subWalletsMist?: bigint }
  /** Move code aborted; `name` is the contract's constant where it is known. With a `digest` it was executed, else simulated */
  MOVE_ABORT: {
    module: string
    function?: string
    abortCode: bigint
    name?: string
    command?: number
    digest?: string
    /** of a call of the epoch's change: what the abort means by the epoch as it is now */
    refusal?: EpochRefusal
  }
  /** executed or simulated, and failed for another reason than an abort; `kind` is Sui's name of it */
  TRANSACTION_FAILED: { kind: string; command?: number; digest?: string }
  /** the node refused to execute it: bad signature, stale object version, over a limit... Nothing happened on chain */
  TRANSACTION_REJECTED: { reason: string }
  /** an object that must exist does not */
  NOT_FOUND: { objectId: string }
  /** no RPC URL serves now. `status` is the last one's gRPC status; `httpStatus` is there when it answered in HTTP only */
  RPC_UNAVAILABLE: { urls: readonly string[]; attempts: number; status?: string; httpStatus?: number }
  /** the RPC answered with an error that a retry would not change; `status` is the gRPC status name */
  RPC_FAILED: { status: string; url: string; httpStatus?: number }
  /** an RPC URL serves another chain than the others */
  WRONG_CHAIN: { url: string; expected: string; actual: string }
  /** events that are asked for are no longer kept by the RPC */
  HISTORY_PRUNED: { checkpoint: bigint; lowest: bigint }
  /** the chain does not have the event up to which it was read: it has lost its end, or is another one */
  CURSOR_UNKNOWN: { cursor: string; height: bigint }
  /** bytes on chain do not have the layout of `what` */
  MALFORMED: { what: string }
  /** an argument out of range */
  INVALID_ARGUMENT: { what: string; value: string }
  /** a text or file that is no Sui key */
  INVALID_KEY: { what: string }
  /** another program spends the wallet's coins as soon as a transaction with them is made; nothing was sent */
  WALLET_BUSY: { owner: ObjectId; attempts: number }
  /** more transactions of one wallet wait than its queue takes */
  QUEUE_FULL: { waiting: number; owner: ObjectId }
  /** the network could not be created; `step` says where */
  GENESIS_FAILED: { step: string }
  /** the coordinator was closed */
  CLOSED: Record<never, never>
}

/** The closed list of codes; `ChainErrorDetails` says what each means and carries. */
export type ChainErrorCode = keyof ChainErrorDetails

/** One member of the union per code, so that `error.code === 'NOT_ENOUGH_WAL'` narrows `error.details`. */
export type AnyChainError = { [C in ChainErrorCode]: ChainError<C> }[ChainErrorCode]

/** The one error class of chain/: a closed `code` and the data that belongs to it. */
export class ChainError<C extends ChainErrorCode = ChainErrorCode> extends CodedError<ChainErrorDetails, C> {
  override readonly name = 'ChainError'
}

/** Narrows an unknown error to a ChainError, of one code when given. */
export function isChainError<C extends ChainErrorCode>(error: unknown, code: C): error is ChainError<C>
export function isChainError(error: unknown): error is AnyChainError
export function isChainError(error: unknown, code?: ChainErrorCode): boolean {
  return error instanceof ChainError && (code === undefined || error.code === code)
}
