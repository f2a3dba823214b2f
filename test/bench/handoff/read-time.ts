/** A read, told from one process to another. */
export interface ReadTime {
  /** when it began */
  atMs: number
  tookMs: number
}

/** In ms, the same in all processes, and as fine as the clock is. */
export const now = (): number => performance.timeOrigin + performance.now()
