/** What a handler knows of its call. */
export interface Call {
  /** aborted when the caller hangs up or the server closes */
  signal: AbortSignal
}
