import type { Connection } from '@libp2p/interface'
import { type Asker, ProtocolError } from '../../protocols/index.ts'
import { RELAY } from './limits.ts'

/**
 * Lets in whom the operator does, so many at a time, and fewer of one account: answers that nobody takes are held. The result is
 * called by who goes. Throws NOT_AUTHORIZED and BUSY.
 */
export function createDoor(admits: (connection: Connection) => boolean): (asker: Asker) => () => void {
  const inside = new Map<string, number>()
  let all = 0
  return ({ connection, account }) => {
    if (!admits(connection)) throw new ProtocolError('NOT_AUTHORIZED')
    const count = inside.get(account) ?? 0
    if (all >= RELAY.answers || count >= RELAY.answersPerAddress)
      throw new ProtocolError('BUSY', { retryAfterMs: RELAY.answerRetryMs })
    all++
    inside.set(account, count + 1)
    return () => {
      all--
      const left = (inside.get(account) ?? 1) - 1
      if (left === 0) inside.delete(account)
      else inside.set(account, left)
    }
  }
}
