import { createBackoff } from '../../base/backoff.ts'
import type { Clock } from '../../base/clock.ts'
import { ProtocolError, type ProtocolErrorCode } from '../errors.ts'

/** How often one request goes on after its path broke. */
const RESUMES = 5
/** Five pauses are up to 8 s: a relay that starts anew is back within 3. */
const FIRST_PAUSE_MS = 250
const MAX_PAUSE_MS = 4_000

/** The path is gone, whoever's fault it was. */
const CUT: ReadonlySet<ProtocolErrorCode> = new Set([
  'CONNECTION_LOST',
  'PATH_LOST',
  'TRUNCATED',
  'UNREACHABLE',
])

/** A cut as it was noticed. */
interface CutState {
  /** The peer has answered something: before that another peer is as good. */
  begun: boolean
  /** Something has arrived since the cut before. */
  progressed: boolean
  signal: AbortSignal | undefined
}

/** Whether, and when, a transfer goes on after its path broke. */
export interface Resumption {
  /** Waits until it is time to go on. Throws the error when it is no cut, or one too many; and the signal's reason. */
  after(error: unknown, state: CutState): Promise<void>
}

export function createResumption(clock: Clock): Resumption {
  const pauses = createBackoff({
    firstMs: FIRST_PAUSE_MS,
    maxMs: MAX_PAUSE_MS,
    // who was cut off by one relay does not return in one moment
    jitter: 0.5,
    timers: clock,
  })
  let resumes = 0
  return {
    async after(error, { begun, progressed, signal }) {
      signal?.throwIfAborted()
      if (!begun || !isCut(error, progressed) || ++resumes > RESUMES) throw error
      await pauses.pause(signal)
    },
  }
}

/** A peer that has fallen silent is asked again once: with nothing since, it is not the path. */
function isCut(error: unknown, progressed: boolean): boolean {
  if (!(error instanceof ProtocolError) || error.remote) return false
  return CUT.has(error.code) || (error.code === 'TIMEOUT' && progressed)
}
