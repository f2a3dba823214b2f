import type { IncomingMessage } from 'node:http'
import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import type { BlobId, Epoch } from '../../../codec/types.ts'
import { type Bandwidth, QUOTAS, type QuotaLimits } from '../../../protocols/index.ts'
import type { SliverStore } from '../../../protocols/ports.ts'
import type { HttpMetrics } from '../../metrics.ts'
import type { Refusals } from '../../refusals.ts'
import type { Custody } from '../custody/custody.ts'
import type { HealthSource } from '../health.ts'
import type { Judge } from '../recovery/judge.ts'
import type { BlobState } from '../store/blob-state.ts'
import type { MetadataStore } from '../store/metadata-store.ts'

/** What the routes answer from. */
export interface NodeApiPorts {
  custody: Custody
  slivers: Pick<SliverStore, 'has' | 'open'>
  metadata: Pick<MetadataStore, 'get'>
  /** What the events so far say of a blob, and the epoch that they have come to. */
  blobState: (blobId: BlobId) => Promise<{ state: BlobState | undefined; epoch: Epoch }>
  judge: Pick<Judge, 'hear'>
  /** Throws when there is no room on the disk. */
  expectRoom: () => Promise<void>
  health: HealthSource
  /** the line that bodies move on; without limits when absent */
  bandwidth?: Bandwidth
}

export interface NodeApiInit extends NodeApiPorts {
  /** blobs that the node's operator may not hand out or take in; none when absent */
  isBlocked?: (blobId: BlobId) => boolean
  /**
   * The address that a request counts for; undefined for the operator's own machine, which is never shut out. By
   * default that of the connection; behind a proxy that can be trusted, what the proxy says.
   */
  addressOf?: (request: IncomingMessage) => string | undefined
  host: string
  /** 0 takes a free one; none: it is reached over relays only */
  port: number | undefined
  clock: Clock
  log?: Log
  metrics?: HttpMetrics
  refusals?: Refusals
  limits?: Partial<NodeApiLimits>
}

export interface NodeApiLimits {
  /** requests of one address under way; further ones are refused with 429 */
  requestsPerAddress: number
  quotas: QuotaLimits
  /** open connections, idle ones too */
  connections: number
  connectionsPerAddress: number
  /** silence in a request's body */
  bodyIdleMs: number
  /** a slower body is ended; how long it takes in all does not matter */
  bodyBytesPerSecond: number
  /** how long a body waits for room in memory before it is asked for */
  roomMs: number
  /** silence of a reader that takes nothing */
  readerStallMs: number
  /** what requests under way get when the node stops */
  stopGraceMs: number
}

const MIB = 1024 * 1024

export const DEFAULT_API_LIMITS: NodeApiLimits = {
  // Walrus's SDK sends all slivers of a node at once: 2,000 / 13 of them at n = 1000, for several uploads
  requestsPerAddress: 1024,
  // a peer here is an address: it has no other name. Bytes wait for their turn, requests do not fail for them
  quotas: {
    ...QUOTAS,
    peer: { ...QUOTAS.address, bytesInFlight: 32 * MIB }, // a quarter; a larger sliver comes when it is the only one
    nodeBytesInFlight: 128 * MIB, // beside what the libp2p protocols may hold
    nodePieces: 64,
  },
  connections: 4096, // four addresses at their limit
  connectionsPerAddress: 1024, // as many as requests
  bodyIdleMs: 15_000,
  bodyBytesPerSecond: 16 * 1024, // a bad mobile line has more; the largest sliver takes 45 minutes then
  roomMs: 60_000,
  readerStallMs: 30_000,
  stopGraceMs: 2_000,
}
