import type { Connection } from '@libp2p/interface'
import type { Clock } from '../../base/clock.ts'
import type { Refusals } from '../refusals.ts'
import type { KnowsPeer } from './identify.ts'

/** What the services of a storage node are told of the world. */
export interface ServiceInit {
  clock: Clock
  random: () => number
  isMember: KnowsPeer
  refusals: Pick<Refusals, 'refused'>
  /** Something of the connection was refused: ends it when that happens again and again. */
  hangUp(connection: Connection): void
  /** `listener` is called when the committee has changed. */
  onMembersChanged(listener: () => void): void
}
