import type { Libp2p } from '@libp2p/interface'
import type { Log } from '../../base/log.ts'
import type { ObjectId } from '../../codec/types.ts'
import type { ProtocolMetrics } from '../ports.ts'

/** What serving needs of a node. */
export interface ServerComponents {
  libp2p: Pick<Libp2p, 'handle' | 'unhandle'>
  log: Log
  metrics: ProtocolMetrics
}

/** What asking needs of a node. */
export interface ClientComponents {
  libp2p: Pick<Libp2p, 'dial' | 'getConnections'>
  log: Log
  metrics: ProtocolMetrics
}

/** Which network is spoken of. */
export interface NetworkIdentity {
  /** system object ID; peers of any other network are hung up on */
  network: ObjectId
}
