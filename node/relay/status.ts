import { RELAY } from './limits.ts'
import type { RelayView } from './relay.ts'

/** How a relay is doing, as `GET /status` tells it. */
export interface RelayStatus extends RelayView {
  peerId: string
  multiaddrs: string[]
  stunPort: number
  uptimeMs: number
  rssBytes: number
  healthy: boolean
}

/** Whether its memory is as it should be. */
export const isHealthy = (rssBytes: number): boolean => rssBytes <= RELAY.unhealthyRssBytes
