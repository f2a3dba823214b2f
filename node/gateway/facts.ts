import { deadline } from '../../base/deadline.ts'
import { maxBlobSize } from '../../codec/index.ts'
import type { Client } from '../client/types.ts'
import { createShared } from '../http/shared.ts'

/** What the gateway must know of the network before it takes a body. */
export interface NetworkFacts {
  maxBlobBytes: number
  maxEpochsAhead: number
}

// limits change by votes and upgrades only, and the client checks again: this saves a round trip, no more
const FRESH_MS = 60_000

/** Asks the network at most once a minute, and once for all that wait. A failure is not kept. */
export function createNetworkFacts(
  client: Client,
  timeoutMs: number,
): (signal: AbortSignal) => Promise<NetworkFacts> {
  return createShared(async () => {
    using limit = deadline(timeoutMs)
    const { system } = await client.info({ signal: limit.signal })
    return { maxBlobBytes: maxBlobSize(system.nShards), maxEpochsAhead: system.maxEpochsAhead }
  }, FRESH_MS)
}
