import type { BandwidthView, PathTraffic } from '../../../protocols/index.ts'
import type { RelayStanding } from '../../network/circuit/keeper.ts'
import type { Reach } from '../../network/circuit/reachable.ts'

/** How a running node is reached, and what its line carries. */
export interface NodeStatus {
  peerId: string
  reach: Reach
  multiaddrs: string[]
  relays: RelayStanding[]
  /** connections to others that are open, by their path */
  paths: { direct: number; relayed: number }
  /** what moves now, and has moved, by peer and path: of those that move most */
  traffic: PathTraffic[]
  /** direct connections that were made beside relayed ones since the start, and tries that came to nothing */
  punches: { succeeded: number; failed: number }
  bandwidth: BandwidthView
}
