import type { Clock } from '../../base/clock.ts'
import { createRates } from '../../base/rates.ts'
import { ProtocolError } from '../errors.ts'
import type { AddressSource } from '../ports.ts'
import { type RequestHandler, respond } from '../rpc/served-request.ts'
import { PEERS } from '../specs.ts'
import { PeersAnswer, PeersRequest } from './messages.ts'

/** Of all records of an answer; what a frame and 256 length prefixes take is beside it. */
const MAX_ANSWERED_BYTES = 510 * 1024

/** Answers whoever asks, so often. */
export function peersHandler(addresses: AddressSource, clock: Pick<Clock, 'monotonic'>): RequestHandler {
  const { burst, perSecond, remembered, retryMs } = PEERS
  const rates = createRates({ burst, perSecond, remembered, now: () => clock.monotonic() })
  return async (bytes, served) => {
    const asked = PeersRequest.decode(bytes)
    if (!rates.tryTake(served.account)) throw new ProtocolError('BUSY', { retryAfterMs: retryMs })
    const records = firstOf(addresses.records(asked))
    const size = records.reduce((sum, { length }) => sum + length, 0)
    served.note({ asked: asked.length, found: records.length })
    served.expect('out', size)
    await served.quota.pace(size, served.signal)
    await respond(served, PeersAnswer, records)
    served.moved('out', size)
  }
}

function firstOf(records: readonly Uint8Array[]): Uint8Array[] {
  let left = MAX_ANSWERED_BYTES
  return records.filter(({ length }) => {
    left -= length
    return left >= 0
  })
}
