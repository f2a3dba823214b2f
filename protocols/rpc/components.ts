import type { Libp2p } from '@libp2p/interface'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { ObjectId } from '../../codec/types.ts'
import type { ProtocolMetrics } from '../ports.ts'
import type { Bandwidth } from '../quota/bandwidth.ts'
import type { Dialer } from './dial.ts'

/** What serving needs of a node. */
export interface ServerComponents {
  libp2p: Pick<Libp2p, 'handle' | 'unhandle'>
  /** the line that all of it moves on; without limits when absent */
  bandwidth?: Bandwidth | undefined
  log: Log
  metrics: ProtocolMetrics
  clock: Clock
}

/** What asking needs of a node. */
export interface ClientComponents {
  dialer: Dialer
  /** the line that all of it moves on; without limits when absent */
  bandwidth?: Bandwidth | undefined
  log: Log
  metrics: ProtocolMetrics
  clock: Clock
}

/** Which network is spoken of. */
export interface NetworkIdentity {
  /** system object ID; peers of any other network are hung up on */
  network: ObjectId
}
