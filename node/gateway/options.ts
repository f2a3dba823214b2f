import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { FullCoordinator, NetworkConfig } from '../../chain/types/index.ts'
import type { Client } from '../client/types.ts'
import type { ScratchInit } from '../client/upload/scratch.ts'
import type { Metrics } from '../metrics.ts'
import type { Purse } from './purse-watch.ts'
import type { Quota } from './quotas.ts'
import type { Managed } from './routes/manage.ts'
import type { Tip } from './tips.ts'
import type { TokenRules } from './tokens.ts'

/** The gateway's usual port: `floe up`, the CLI's help and the documents agree by this. */
export const DEFAULT_GATEWAY_PORT = 31415
/** How many wallets register for that of a publisher: as of Walrus's. */
export const DEFAULT_SUB_WALLETS = 8

/** Whom a gateway serves, where, and what it may do. */
export interface GatewayInit {
  client: Client
  network: Pick<NetworkConfig, 'name' | 'kind' | 'systemObjectId'> & Partial<NetworkConfig>
  /**
   * Gives a page at `/read` that reads by itself, of a `network` with peers. Its `suiRpc` is told to whoever asks: URLs that anybody may
   * use, without keys. No page when absent.
   */
  page?: { suiRpc: readonly string[] } | undefined
  /** Where blobs are found by their objects. Without it only by their IDs. */
  chain?: Pick<FullCoordinator, 'blobReference' | 'attributes'> & Partial<Pick<FullCoordinator, 'ownedPage'>>
  /** Why the chain cannot write at the moment, where that can be seen from here: a localnet in the same process. */
  ledgerProblem?: () => { code: string; message: string } | undefined
  /** served at /metrics; without it the route says that there are none */
  metrics?: Metrics
  log?: Log
  host?: string
  /** 0 takes a free one */
  port?: number
  /** names besides localhost, 127.0.0.1, [::1] and `host` under which it may be asked, without port */
  hostNames?: readonly string[] | undefined
  /** web origins whose pages may publish */
  allowedOrigins?: readonly string[] | undefined
  /** Publishing spends the wallet; by default only a localnet's, where coins are free. */
  publish?: boolean | { tokens: TokenRules }
  /** the client's wallet, whose balances are told: metrics and a warning */
  purse?: Purse | undefined
  /** Deletes and extends blobs that the wallet owns, for who may store: by a token that says so. Not when absent. */
  manage?: Managed | undefined
  /** how much each address, and each subject of tokens, may store in a day; any when absent */
  quota?: Quota | undefined
  /** Sends blobs to the nodes for those who registered them, as Walrus's upload relay: free without `tip`. Not when absent. */
  uploadRelay?:
    | {
        chain: Pick<FullCoordinator, 'blob' | 'payment' | 'chainTime'>
        tip?: Tip | undefined
      }
    | undefined
  /** It is nothing but an upload relay: neither reads nor stores. */
  relaysOnly?: boolean | undefined
  /** what it must remember: tips and tokens that were used, answers to retries, uploads that are not complete. Forgotten at its end when absent */
  dir?: string
  /** where large bodies lie until they are stored; as the client's when absent */
  scratch?: ScratchInit
  limits?: Partial<GatewayLimits> | undefined
  /** its time; the machine's when absent */
  clock?: Clock
}

/** What requests may take of a gateway; beyond it they wait or are refused. */
export interface GatewayLimits {
  /** open connections, idle ones too */
  connections: number
  connectionsPerAddress: number
  /** uploads at a time; each up to 64 MiB holds its blob and, while encoding, several times as much, a larger one as one of 64 MiB */
  uploads: number
  uploadBytes: number
  /** that arrive or wait to be stored */
  bodies: number
  bodyBytes: number
  /** a larger body goes to a file as it arrives */
  spoolAboveBytes: number
  /** of these at a time, until they are stored */
  spools: number
  spoolBytes: number
  /** sizes that are looked up at a time, which may ask every node */
  lookups: number
  downloads: number
  downloadBytes: number
  /** requests of one kind that may wait for room */
  waiting: number
  waitMs: number
  /** a body that is there waits longer for its upload: to send it again would take longer still */
  uploadWaitMs: number
  /** a blob larger than this is refused, whatever the network takes */
  maxBlobBytes: number
  /** the form of a quilt, and the quilt, which is put together in memory */
  quiltBytes: number
  /** uploads that go on where they broke off: unfinished, or stored within a day */
  resumable: number
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
  /** how much later than to its owner a registration may be visible to nodes and RPC */
  registrationMs: number
  /** from the body's last byte, once it is its turn */
  publishMs: number
  /** gives large blobs more time than that */
  publishBytesPerSecond: number
  /** what requests under way get when the gateway stops */
  stopGraceMs: number
}

/** The limits where `GatewayInit` names no others, and why they are so. */
export const DEFAULT_LIMITS: GatewayLimits = {
  connections: 2048, // far above what one machine's people open, far below the file descriptors of a process
  connectionsPerAddress: 1024, // a load tester's; two of them leave no room for a third, but none keeps out the rest
  uploads: 4, // more than saturate the codec's threads on small machines
  uploadBytes: 256 * 1024 * 1024, // times 5 while encoding
  bodies: 256, // of slow senders too: they take no place of those that are worked on
  bodyBytes: 512 * 1024 * 1024, // as they are, without the encoding: twice what is worked on
  spoolAboveBytes: 16 * 1024 * 1024, // most of what pages send is smaller
  spools: 32,
  spoolBytes: 32 * 1024 ** 3, // two of the largest that 1000 shards take; each takes 4.5 times as much while it is stored
  lookups: 32, // an unknown blob takes every node's answer
  downloads: 32, // tabs of a browser open 6 connections each
  downloadBytes: 512 * 1024 * 1024,
  waiting: 1024, // all connections of a client may ask at the same time, and a folder dropped into a page is one burst
  waitMs: 30_000, // below the 60 s after which proxies give up
  uploadWaitMs: 300_000, // a hundred that came at once, on a busy machine
  maxBlobBytes: Number.POSITIVE_INFINITY, // whatever the network takes: it goes through files
  quiltBytes: 64 * 1024 * 1024, // as much as blobs that are held in memory while they are stored
  resumable: 256, // as many as bodies; what they take of the disk is checked as they come
  bodyIdleMs: 30_000,
  bodyBytesPerSecond: 16 * 1024, // a bad mobile line has more
  paceMs: 5_000, // a phone that changes networks is silent for a moment
  readerStallMs: 60_000, // a paused video player should survive
  readMs: 60_000, // the client gives up on unreachable nodes well before
  registrationMs: 5_000, // what nodes give one another
  publishMs: 300_000, // encoding and sending a blob of 1 GiB
  publishBytesPerSecond: 4 * 1024 * 1024,
  stopGraceMs: 3_000, // short enough for Ctrl-C
}
