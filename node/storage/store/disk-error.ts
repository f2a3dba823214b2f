import { causesOf } from '../../../base/causes.ts'
import { CodedError, type NoDetails } from '../../../base/coded-error.ts'

/** What ends by itself, or when the operator makes room. The codes are the system's own; the list is closed. */
export interface DiskErrorDetails {
  /** The disk is full, or a quota is used up. */
  ENOSPC: NoDetails
  /** The process, or the system, has no file descriptor left. */
  EMFILE: NoDetails
}

export type DiskErrorCode = keyof DiskErrorDetails

/** A closed `code`, and what to do in words. What the system said is the `cause`. */
export class DiskError extends CodedError<DiskErrorDetails> {
  override readonly name = 'DiskError'
}

/** ENOSPC, with what to do. */
export const fullDisk = (cause: unknown): DiskError =>
  new DiskError('ENOSPC', 'the disk is full: make room, and writing goes on by itself', {}, { cause })

/** ENOSPC too: there is room, but uploads may not have it. */
export const reservedDisk = (freeBytes: number, reservedBytes: number): DiskError =>
  new DiskError(
    'ENOSPC',
    `the disk has ${freeBytes} bytes free, and ${reservedBytes} are kept for recovery: make room, and uploads go on by themselves`,
    {},
  )

const CODES: Readonly<Record<string, DiskErrorCode>> = {
  ENOSPC: 'ENOSPC',
  EDQUOT: 'ENOSPC',
  EMFILE: 'EMFILE',
  ENFILE: 'EMFILE',
}
/** Level says it in the system's words only. */
const WORDS: readonly [RegExp, DiskErrorCode][] = [
  [/No space left on device|Disk quota exceeded/i, 'ENOSPC'],
  [/Too many open files/i, 'EMFILE'],
]

/** Which of the two an error is about, or one of its causes. */
export function diskTrouble(error: unknown): DiskErrorCode | undefined {
  for (const cause of causesOf(error)) {
    const code = 'code' in cause && typeof cause.code === 'string' ? CODES[cause.code] : undefined
    const said = code ?? WORDS.find(([words]) => words.test(cause.message))?.[1]
    if (said !== undefined) return said
  }
  return undefined
}

/** The same error, or one that says by its code what this one only says in words. */
export function withDiskCode(error: unknown): unknown {
  const code = diskTrouble(error)
  if (code === undefined || error instanceof DiskError) return error
  if (code === 'ENOSPC') return fullDisk(error)
  const what = 'no file descriptor is left: wait, or allow the process more (ulimit -n)'
  return new DiskError(code, what, {}, { cause: error })
}
