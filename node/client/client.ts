import { type Clock, systemClock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { silentLog } from '../../base/log.ts'
import { createSemaphore } from '../../base/semaphore.ts'
import { anySignal } from '../../base/wait.ts'
import { createUserCoordinator } from '../../chain/index.ts'
import type {
  ChainWriter,
  CommitteeSource,
  Coordinator,
  NetworkConfig,
  Wallet,
} from '../../chain/types/index.ts'
import { type BlobCodec, type Bls, createAdaptiveCodec, maxBlobSize } from '../../codec/index.ts'
import type { BlobMetadata, ObjectId } from '../../codec/types.ts'
import { createPeerClient } from '../../protocols/index.ts'
import type { NodeMetrics } from '../metrics.ts'
import { createClientLookup } from '../network/addresses/client-lookup.ts'
import { isPrivateNetwork, type Lookup } from '../network/addresses/lookup.ts'
import { type RelayScoreStorage, restoreRelayScores } from '../network/circuit/relay-scores.ts'
import { createCommitteeTracker, readingAgain } from '../network/committees.ts'
import type { DialingLibp2p } from '../network/paths/dial-address.ts'
import { createPathDialer } from '../network/paths/path-dialer.ts'
import type { Puncher } from '../network/paths/punch/puncher.ts'
import { createPeerBook, type PeerSpeed } from '../network/peer-book.ts'
import { peerIdTextOf } from '../network/peer-id.ts'
import { createAccuse } from './accuse.ts'
import { openBlob } from './download/blob-handle.ts'
import { readWhole } from './download/download.ts'
import { AGAIN_BYTES } from './download/encoded-again.ts'
import { findMetadata } from './download/find-metadata.ts'
import { createMetadataCache } from './download/metadata-cache.ts'
import { createOwnersFinder } from './download/owners.ts'
import type { RowSpool } from './download/recover-rows.ts'
import type { SliverCache } from './download/sliver-cache.ts'
import { ClientError } from './errors.ts'
import { networkStatus } from './network-status.ts'
import { toClientError } from './to-client-error.ts'
import type { BlobHandle, Client, ReadOptions, StoreSource } from './types.ts'
import type { UploadDisk } from './upload/disk.ts'
import { createEncode } from './upload/encoding.ts'
import { sendRegistered } from './upload/send-registered.ts'
import { createSharedUploads } from './upload/shared-uploads.ts'
import { LARGEST_WITHOUT_DISK_BYTES, prepareSource, STREAM_ABOVE_BYTES } from './upload/source.ts'
import { createUncertifiedBlobs } from './upload/uncertified-blobs.ts'
import { upload } from './upload/upload.ts'
import type { UploadLeases } from './upload/upload-leases.ts'
import { UploadSlots } from './upload/upload-slots.ts'
import { type PeerEvent, watchPeers } from './watch-peers.ts'

/** How fast peers and how good relays were, from one run to the next. Neither rejects: what is not known is learnt anew. */
export interface SpeedStore {
  load(): Promise<Speeds>
  save(speeds: Speeds): Promise<void>
}

export interface Speeds {
  peers: readonly PeerSpeed[]
  /** PeerId and what is kept of each */
  relays: readonly (readonly [relay: string, score: Uint8Array])[]
}

const NO_SPEEDS: Speeds = { peers: [], relays: [] }

/** What of a client is counted. */
export type ClientMetrics = Pick<NodeMetrics, 'request' | 'bytes' | 'liar' | 'upload' | 'download'>

/** What every client may be given, wherever it runs; everything has a default. */
export interface CommonInit {
  /** pays; without one the client only reads */
  wallet?: Wallet
  /** writes in its stead: a wallet with others that register for it (`createPooledWriter` of the chain) */
  writer?: ChainWriter | undefined
  /** uploads at a time, those included that only serve their last nodes; 8 when absent */
  maxUploads?: number | undefined
  log?: Log
  metrics?: ClientMetrics
  /** shared with others in the process; a given one is not closed */
  codec?: BlobCodec
  coordinator?: Coordinator
  /** as the codec: a given one is not stopped */
  libp2p?: DialingLibp2p
  /** who stores what with which wallet; those of this user and machine when absent, in a page nobody else */
  leases?: UploadLeases
  /** told of what is asked of which peer, often; must not throw */
  onPeer?: (event: PeerEvent) => void
  /** larger blobs are not held in memory while they are stored (32 MiB when absent), and not taken in a page (64 MiB) */
  streamAboveBytes?: number
  /** the machine's when absent */
  clock?: Clock
  /** 0 to 1, for choices that need no secret; Math.random when absent */
  random?: () => number
}

/** What a client that cannot store may be given. */
export type ReaderOf<Init> = Omit<
  Init,
  'wallet' | 'writer' | 'maxUploads' | 'leases' | 'scratch' | 'streamAboveBytes' | 'coordinator'
> & {
  /** shared with others in the process; a given one is not closed */
  coordinator?: CommitteeSource
}

/** A client that cannot store. */
export type Reader = Omit<Client, 'store' | 'sendRegistered'>

export interface PlatformContext {
  /** system object ID */
  network: ObjectId
  /** whether the network is in private addresses */
  isPrivate: boolean
  log: Log
  clock: Clock
  random: () => number
}

/** What a client has of the place where it runs. Node and a page are one each. */
export interface Platform {
  /** dials at a time; a node's when absent */
  readonly dials?: number
  /** a libp2p node of the client's own, started */
  startLibp2p(context: PlatformContext): Promise<DialingLibp2p & { stop(): unknown }>
  /** nothing is remembered when absent */
  speeds?(context: PlatformContext): SpeedStore
  /** slivers of reads before; none are kept when absent. Rejects with the platform's errors. */
  openSlivers?(context: PlatformContext): Promise<SliverCache>
  /** direct connections beside relayed ones; a page has none */
  createPuncher?(
    libp2p: DialingLibp2p,
    context: PlatformContext & { relays: Lookup['relaysOf'] },
  ): Puncher | undefined
  loadBls(): Promise<Bls>
  leases(context: PlatformContext): UploadLeases
  /** for blobs that are too large for memory, while they are stored; nowhere when absent */
  disk?(codec: BlobCodec, context: PlatformContext): UploadDisk
  /** the same while they are decoded */
  createSpool(metadata: BlobMetadata): Promise<RowSpool>
}

/** What asks the chain for more than the committee is of those who store. */
export const forReading = <Init extends CommonInit>(init: ReaderOf<Init>): Init => init as unknown as Init

export function withoutStore({ store: _, sendRegistered: _sends, ...reader }: Client): Reader {
  return reader
}

/** Counts nothing. */
const NO_METRICS: ClientMetrics = { request() {}, bytes() {}, liar() {}, upload() {}, download() {} }

/** As many as a gateway takes in, while as many more still serve their last nodes. */
const MAX_UPLOADS = 8
/** What close() grants them. */
const CLOSE_GRACE_MS = 10_000

/** Where scores of relays are until the client is closed. */
function memoryOf(known: Speeds['relays']): { storage: RelayScoreStorage; kept: Map<string, Uint8Array> } {
  const kept = new Map(known)
  const storage: RelayScoreStorage = {
    async *load() {
      yield* [...kept]
    },
    put: (relay, score) => void kept.set(relay, score),
    delete: relay => void kept.delete(relay),
  }
  return { storage, kept }
}

/** The client of a network on a platform: talks libp2p to its nodes and gRPC to its chain. */
export async function composeClient(
  network: NetworkConfig,
  init: CommonInit,
  platform: Platform,
): Promise<Client> {
  const { wallet, log = silentLog() } = init
  const { clock = systemClock, random = Math.random, metrics = NO_METRICS } = init
  const context: PlatformContext = {
    network: network.systemObjectId,
    isPrivate: isPrivateNetwork(network),
    log,
    clock,
    random,
  }
  const slivers = await platform.openSlivers?.(context)
  const codec = init.codec ?? createAdaptiveCodec()
  const coordinator = init.coordinator ?? createUserCoordinator(network, { log, clock, random })
  const committees = createCommitteeTracker(coordinator)
  // the chain is asked while libp2p is being made; a call that needs the answer meets the error
  committees.get().catch(() => undefined)
  const speedStore = platform.speeds?.(context)
  const loadingSpeeds = speedStore?.load()
  const closeShared = async () => {
    if (init.codec === undefined) await codec.close()
    if (init.coordinator === undefined) await coordinator.close()
  }
  const own =
    init.libp2p === undefined
      ? await platform.startLibp2p(context).catch(async error => {
          await closeShared()
          throw error
        })
      : undefined
  const libp2p = init.libp2p ?? own!
  const unreachable = readingAgain(committees, { clock, log })
  const known = (await loadingSpeeds) ?? NO_SPEEDS
  const relays = memoryOf(known.relays)
  const scores = await restoreRelayScores({ storage: relays.storage, clock, log })
  const unhear = libp2p.circuits?.onCalled((relay, call) => scores.called(relay, call))
  const lookup = createClientLookup(network, { libp2p, committees, scores, clock, random, log })
  const puncher = platform.createPuncher?.(libp2p, { ...context, relays: lookup.relaysOf })
  lookup.onMoved(peer => puncher?.addressesChanged(peer))
  const dials = { dials: platform.dials, puncher, unreachable }
  const dialer = createPathDialer({ libp2p, clock, ...dials, ...lookup.paths })
  const asked = createPeerClient({ dialer, log, metrics, clock }, { network: network.systemObjectId })
  const peers = init.onPeer === undefined ? asked : watchPeers(asked, init.onPeer)
  lookup.askBy(peers)
  const book = createPeerBook({
    network,
    peerIdOf: peerIdTextOf,
    clock,
    random,
    speeds: known.peers,
  })
  const slots = new UploadSlots({ limit: init.maxUploads ?? MAX_UPLOADS, clock })
  const uploads = createSharedUploads()
  const leases = init.leases ?? platform.leases(context)
  const uncertified = createUncertifiedBlobs(clock)
  const disk = platform.disk?.(codec, context)
  const aboveBytes =
    init.streamAboveBytes ?? (disk === undefined ? LARGEST_WITHOUT_DISK_BYTES : STREAM_ABOVE_BYTES)
  const encode = createEncode(codec, disk)
  const closing = new AbortController()
  let loadingBls: Promise<Bls> | undefined
  const accuse = createAccuse({ book, log, metrics })
  const cache = createMetadataCache(clock)
  const owners = createOwnersFinder({ peers, book, committees, clock })
  const components = { peers, book, accuse, codec, cache, slivers, owners, clock, random, log, metrics }
  const handles = new Set<BlobHandle>()
  const decoding = createSemaphore(1)
  const encodingAgain = disk && { disk, aboveBytes, room: createSemaphore(AGAIN_BYTES) }

  async function guarded<T>(
    signal: AbortSignal | undefined,
    run: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    if (closing.signal.aborted) throw new ClientError('CLOSED', 'the client was closed', {})
    try {
      return await run(anySignal(signal, closing.signal))
    } catch (error) {
      throw toClientError(error)
    }
  }

  async function observed<T>(
    what: 'upload' | 'download',
    run: () => Promise<T>,
    bytesOf: (result: T) => number,
  ): Promise<T> {
    const startedAt = clock.monotonic()
    try {
      const result = await run()
      metrics[what]('ok', bytesOf(result), clock.monotonic() - startedAt)
      return result
    } catch (error) {
      metrics[what](error instanceof ClientError ? error.code : 'ABORTED', 0, clock.monotonic() - startedAt)
      throw error
    }
  }

  // once per client, when it is first needed: each load is a wasm instance and 20 ms
  const bls = () => {
    loadingBls ??= platform.loadBls()
    return loadingBls
  }

  const prepare = (source: StoreSource, signal: AbortSignal) =>
    prepareSource(source, {
      disk,
      signal,
      aboveBytes,
      maxBytes: async () => maxBlobSize((await coordinator.system({ signal, recent: true })).nShards),
    })

  const client: Omit<Client, typeof Symbol.asyncDispose> = {
    store(source, options) {
      let sizeBytes = 0
      return observed(
        'upload',
        () =>
          guarded(options.signal, async signal => {
            const writer = init.writer ?? (wallet && coordinator.writer(wallet))
            if (writer === undefined) throw new ClientError('NO_WALLET', 'storing needs a wallet', {})
            const all = {
              ...components,
              chain: coordinator,
              writer,
              committees,
              bls,
              encode,
              slots,
              leases,
              uncertified,
            }
            await using prepared = await prepare(source, signal)
            sizeBytes = prepared.size
            return await uploads.store(prepared.content, { ...options, signal }, shared =>
              upload(all, prepared, shared),
            )
          }),
        () => sizeBytes,
      )
    },
    sendRegistered(source, blob, options = {}) {
      let sizeBytes = 0
      const run = async (signal: AbortSignal) => {
        await using prepared = await prepare(source, signal)
        sizeBytes = prepared.size
        const all = { ...components, chain: coordinator, committees, bls, encode, slots }
        return await sendRegistered(all, prepared, blob, { ...options, signal })
      }
      return observed(
        'upload',
        () => guarded(options.signal, run),
        () => sizeBytes,
      )
    },
    async read(blobId, { range, ...options }: ReadOptions = {}) {
      if (range !== undefined) {
        await using handle = await client.open(blobId, options)
        return { blobId, size: handle.size, data: await handle.read({ ...options, ...range }) }
      }
      return observed(
        'download',
        () =>
          guarded(options.signal, async signal => {
            // tables for a small blob are made while the chain is asked; for a large one they are needed as well
            const warming = clock.after(0, () => codec.warm(0))
            await committees.get({ signal }).finally(() => warming.stop())
            return owners.ask(blobId, { signal }, of =>
              readWhole(components, of, blobId, { ...options, signal }),
            )
          }),
        ({ data }) => data.length,
      )
    },
    open: (blobId, options) =>
      guarded(options?.signal, async signal => {
        const all = { ...components, decoding, encodingAgain, createSpool: platform.createSpool }
        const opening = { signal, closing: closing.signal, handles }
        return owners.ask(blobId, { signal }, of => openBlob(all, of, blobId, opening))
      }),
    status: (blobId, options) =>
      guarded(options?.signal, signal =>
        owners.ask(blobId, { signal }, async of => {
          const status = await networkStatus(components, of.committee, blobId, { signal })
          if (status.status !== 'registered' && status.status !== 'certified') return status
          const metadata = await findMetadata(components, of, blobId, { signal }).catch(error => {
            if (error instanceof ClientError) return undefined
            throw error
          })
          return metadata === undefined ? status : { ...status, size: metadata.unencodedLength }
        }),
      ),
    info: options =>
      guarded(options?.signal, async signal => {
        const [system, all] = await Promise.all([
          coordinator.system({ signal }),
          committees.get({ signal, fresh: true }),
        ])
        return { system, committees: all }
      }),
    async close() {
      if (closing.signal.aborted) return
      await slots.close(CLOSE_GRACE_MS)
      closing.abort(new ClientError('CLOSED', 'the client was closed', {}))
      peers.close()
      try {
        await Promise.all(Array.from(handles, handle => handle.close()))
        await uploads.over()
        await slivers?.close()
        unhear?.()
        scores.flush()
        const speeds = { peers: book.speeds(), relays: [...relays.kept] }
        if (speeds.peers.length > 0 || speeds.relays.length > 0) await speedStore?.save(speeds)
        await puncher?.stop()
        await own?.stop()
      } finally {
        await closeShared()
      }
    },
  }
  return { ...client, [Symbol.asyncDispose]: client.close }
}
