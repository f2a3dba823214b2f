import type { Connection } from '@libp2p/interface'
import { createPlaces } from '../../base/places.ts'
import { type Asker, ProtocolError } from '../../protocols/index.ts'
import { RELAY } from './limits.ts'

/**
 * Lets in whom the operator does, so many at a time, and fewer of one account: answers that nobody takes are held. The result is
 * called by who goes. Throws NOT_AUTHORIZED and BUSY.
 */
export function createDoor(admits: (connection: Connection) => boolean): (asker: Asker) => () => void {
  const places = createPlaces()
  return ({ connection, account }) => {
    if (!admits(connection)) throw new ProtocolError('NOT_AUTHORIZED')
    const leave = places.take(RELAY.answers, [[account, RELAY.answersPerAddress]])
    if (leave === undefined) throw new ProtocolError('BUSY', { retryAfterMs: RELAY.answerRetryMs })
    return leave
  }
}
