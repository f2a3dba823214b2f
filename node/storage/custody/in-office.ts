import { SingleFlight } from '../../../base/single-flight.ts'
import type { Committees } from '../../../chain/types/index.ts'
import type { Epoch } from '../../../codec/types.ts'
import { ProtocolError } from '../../../protocols/index.ts'
import type { CommitteeTracker } from '../../network/committees.ts'

/**
 * Gives the committees in office. Rejects with CHAIN_UNAVAILABLE when the chain does not answer, and with EPOCH_BEHIND while it
 * shows an epoch before the one that was heard of: nothing is taken in, or promised, in an epoch that is over.
 */
export type InOffice = (signal: AbortSignal) => Promise<Committees>

const RETRY_MS = 1_000

/** `heard` gives the epoch whose beginning this node has heard of last. */
export function createInOffice(committees: Pick<CommitteeTracker, 'get'>, heard: () => Epoch): InOffice {
  const flight = new SingleFlight<Committees>()
  return async signal => {
    const reached = (answer: Promise<Committees>): Promise<Committees> =>
      answer.catch(cause => {
        signal.throwIfAborted()
        throw new ProtocolError('CHAIN_UNAVAILABLE', { cause, retryAfterMs: RETRY_MS })
      })
    let known = await reached(committees.get({ signal }))
    // once for all who meet the change at a time
    if (known.epoch < heard())
      known = await reached(flight.run(() => committees.get({ fresh: true }), signal))
    if (known.epoch < heard())
      throw new ProtocolError('EPOCH_BEHIND', { details: { epoch: known.epoch }, retryAfterMs: RETRY_MS })
    return known
  }
}
