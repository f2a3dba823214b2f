import { type Deadline, deadline as plain } from '../base/deadline.ts'
import { ProtocolError } from './errors.ts'

/** A limit on a wait for a peer: TIMEOUT after `ms` without our own stalls. It ends with any of the signals as well. */
export function deadline(ms: number, ...signals: (AbortSignal | undefined)[]): Deadline {
  return plain(ms, signals, () => new ProtocolError('TIMEOUT'))
}
