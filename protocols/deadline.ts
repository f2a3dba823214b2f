import type { Clock } from '../base/clock.ts'
import type { Deadline } from '../base/deadline.ts'
import { ProtocolError } from './errors.ts'

/** A limit on a wait for a peer: TIMEOUT after `ms` without our own stalls. It ends with any of the signals as well. */
export function peerDeadline(clock: Clock, ms: number, ...signals: (AbortSignal | undefined)[]): Deadline {
  return clock.deadline(ms, signals, () => new ProtocolError('TIMEOUT'))
}
