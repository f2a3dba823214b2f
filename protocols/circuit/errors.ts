import { CodedError, type NoDetails } from '../../base/coded-error.ts'
import type { CircuitReason, CircuitStatus } from './messages.ts'

/**
 * RELAY_REFUSED: the relay says no, and perhaps why, and after how many ms to ask again. NO_RESERVATION: the peer that is called
 * has none there.
 */
interface CircuitErrorDetails {
  RELAY_REFUSED: {
    status: CircuitStatus
    reason: CircuitReason | undefined
    retryAfterMs: number | undefined
  }
  NO_RESERVATION: NoDetails
}

/** Why nothing came of what a relay was asked. */
export type CircuitErrorCode = keyof CircuitErrorDetails

/** What a relay answered instead of what was asked of it. */
export class CircuitError<Code extends CircuitErrorCode = CircuitErrorCode> extends CodedError<
  CircuitErrorDetails,
  Code
> {
  override readonly name = 'CircuitError'
}
