import type { Account } from './accounts.ts'

/** What a handler knows of its call. */
export interface Call {
  /** aborted when the caller hangs up, its deadline passes or the server closes */
  signal: AbortSignal
  account: Account
  /** For loops whose awaits may all be answered from memory: lets others in now and then. */
  breathe: () => Promise<void>
}
