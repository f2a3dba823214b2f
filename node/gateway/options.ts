import type { Log } from '../../base/log.ts'
import type { NetworkConfig } from '../../chain/types.ts'
import type { Client } from '../client/types.ts'
import type { Metrics } from '../metrics.ts'

/** The gateway's usual port: `floe up`, the CLI's help and the documents agree by this. */
export const DEFAULT_GATEWAY_PORT = 31415

/** Whom a gateway serves, where, and what it may do. */
export interface GatewayInit {
  client: Client
  network: Pick<NetworkConfig, 'name' | 'kind' | 'systemObjectId'>
  /** Why the chain cannot write at the moment, where that can be seen from here: a localnet in the same process. */
  ledgerProblem?: () => { code: string; message: string } | undefined
  /** served at /metrics; without it the route says that there are none */
  metrics?: Metrics
  log?: Log
  host?: string
  /** 0 takes a free one */
  port?: number
  /** names besides localhost, 127.0.0.1 and [::1] under which it may be asked, without port */
  hostNames?: readonly string[]
  /** web origins whose pages may publish */
  allowedOrigins?: readonly string[]
  /** Publishing spends the wallet; by default only a localnet's, where coins are free. */
  publish?: boolean
  limits?: Partial<GatewayLimits>
}

/** What requests may take of a gateway; beyond it they wait or are refused. */
export interface GatewayLimits {
  /** open connections, idle ones too */
  connections: number
  connectionsPerAddress: number
  /** uploads at a time; each holds its blob and, while encoding, several times as much */
  uploads: number
  uploadBytes: number
  /** that arrive or wait to be stored */
  bodies: number
  bodyBytes: number
  /** sizes that are looked up at a time, which may ask every node */
  lookups: number
  downloads: number
  downloadBytes: number
  /** requests of one kind that may wait for room */
  waiting: number
  waitMs: number
  /** a blob larger than this is refused, whatever the network takes */
  maxBlobBytes: number
  /** silence in a request's body */
  bodyIdleMs: number
  /** a slower body is ended; how long it takes in all does not matter */
  bodyBytesPerSecond: number
  /** over which it is judged who is slow, when others need the room */
  paceMs: number
  /** silence of a reader that takes nothing */
  readerStallMs: number
  /** from asking the network until it has answered */
  readMs: number
  /** from the body's last byte, once it is its turn */
  publishMs: number
  /** what requests under way get when the gateway stops */
  stopGraceMs: number
}

/** The limits where `GatewayInit` names no others, and why they are so. */
export const DEFAULT_LIMITS: GatewayLimits = {
  connections: 1024, // far above what one machine's people open, far below the file descriptors of a process
  connectionsPerAddress: 512, // a load tester's; two of them leave no room for a third, but none keeps out the rest
  uploads: 4, // more than saturate the codec's threads on small machines
  uploadBytes: 256 * 1024 * 1024, // times 5 while encoding
  bodies: 256, // of slow senders too: they take no place of those that are worked on
  bodyBytes: 512 * 1024 * 1024, // as they are, without the encoding: twice what is worked on
  lookups: 32, // an unknown blob takes every node's answer
  downloads: 32, // tabs of a browser open 6 connections each
  downloadBytes: 512 * 1024 * 1024,
  waiting: 64, // a folder dropped into a page arrives as one burst
  waitMs: 30_000, // below the 60 s after which proxies give up
  maxBlobBytes: 1024 * 1024 * 1024, // blobs are held in memory here; larger ones need the command line
  bodyIdleMs: 30_000,
  bodyBytesPerSecond: 16 * 1024, // a bad mobile line has more
  paceMs: 5_000, // a phone that changes networks is silent for a moment
  readerStallMs: 60_000, // a paused video player should survive
  readMs: 60_000, // the client gives up on unreachable nodes well before
  publishMs: 300_000, // encoding and sending a blob of the largest size
  stopGraceMs: 3_000, // short enough for Ctrl-C
}
