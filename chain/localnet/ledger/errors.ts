import { causesOf, codesOf } from '../../../base/causes.ts'
import { CodedError, type NoDetails } from '../../../base/coded-error.ts'

/** Why the ledger refuses a request; names are gRPC's. */
export type LedgerErrorCode =
  | 'INVALID_ARGUMENT'
  | 'NOT_FOUND'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'RESOURCE_EXHAUSTED'
  | 'UNIMPLEMENTED'
  | 'UNAVAILABLE'

/** A refusal: nothing was executed and nothing changed. The message is meant for the caller. */
export class LedgerError extends CodedError<Record<LedgerErrorCode, NoDetails>> {
  override readonly name = 'LedgerError'

  constructor(code: LedgerErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, {}, options)
  }
}

/** Why a localnet's directory cannot be opened. */
export type LedgerStoreErrorCode = 'STORE_LOCKED' | 'STORE_FOREIGN' | 'STORE_NEWER' | 'LEDGER_DAMAGED'

/** The folder of a localnet cannot be used. */
export class LedgerStoreError extends CodedError<Record<LedgerStoreErrorCode, NoDetails>> {
  override readonly name = 'LedgerStoreError'

  constructor(code: LedgerStoreErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, {}, options)
  }
}

/** Says what is wrong with the chain in a folder, and what can be done. */
export const damagedLedger = (dir: string, what: string, cause?: unknown): LedgerStoreError =>
  new LedgerStoreError(
    'LEDGER_DAMAGED',
    `the chain in ${dir} is damaged: ${what}. Restore the folder from a copy, or have it repaired; ` +
      'a chain that cannot be repaired can only be begun anew, in another folder.',
    { cause },
  )

/** Why nothing can be written, as callers are told. */
export type WriteProblem = 'DISK_FULL' | 'STORE_UNWRITABLE'

const FULL = /no space left|disk quota exceeded|ENOSPC|EDQUOT/i

/** Reads it off the system's error, which Level wraps into others. */
export function writeProblemOf(error: unknown): WriteProblem {
  const said = [...codesOf(error), ...causesOf(error).map(({ message }) => message)]
  return said.some(text => FULL.test(text)) ? 'DISK_FULL' : 'STORE_UNWRITABLE'
}

export const writeFailed = (problem: WriteProblem, cause: unknown): LedgerError =>
  problem === 'DISK_FULL'
    ? new LedgerError('RESOURCE_EXHAUSTED', "the ledger's disk is full; make room, it goes on by itself", {
        cause,
      })
    : new LedgerError('UNAVAILABLE', 'the ledger cannot write to its store; it tries again', { cause })
