import type { Connection } from '@libp2p/interface'
import type { Refusals } from '../refusals.ts'
import type { KnowsPeer } from './identify.ts'

/** What the services of a storage node are told of the world. */
export interface ServiceInit {
  isMember: KnowsPeer
  refusals: Pick<Refusals, 'refused'>
  /** Something of the connection was refused: ends it when that happens again and again. */
  hangUp(connection: Connection): void
  /** `listener` is called when the committee has changed. */
  onMembersChanged(listener: () => void): void
}
