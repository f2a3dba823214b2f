import type { Log } from '../../base/log.ts'
import { silentLog } from '../../base/log.ts'
import { createSemaphore } from '../../base/semaphore.ts'
import { anySignal } from '../../base/wait.ts'
import { createCoordinator } from '../../chain/index.ts'
import type { Coordinator, NetworkConfig, Wallet } from '../../chain/types.ts'
import { type BlobCodec, type Bls, createAdaptiveCodec, loadBls, maxBlobSize } from '../../codec/index.ts'
import { createPeerClient } from '../../protocols/index.ts'
import { createMetrics, type NodeMetrics } from '../metrics.ts'
import { createCommitteeTracker } from '../network/committees.ts'
import { createNetworkNode, type NetworkNode } from '../network/libp2p.ts'
import { createPeerBook } from '../network/peer-book.ts'
import { peerIdTextOf } from '../network/peer-id.ts'
import type { NetworkRole } from '../network/roles.ts'
import { version } from '../version.ts'
import { toClientError } from './client-errors.ts'
import { openBlob } from './download/blob-handle.ts'
import { readWhole } from './download/download.ts'
import { findMetadata } from './download/find-metadata.ts'
import { createMetadataCache } from './download/metadata-cache.ts'
import { ClientError } from './errors.ts'
import { networkStatus } from './network-status.ts'
import type { BlobHandle, Client, ReadOptions } from './types.ts'
import { Encoder } from './upload/encoding.ts'
import { createLingering } from './upload/lingering.ts'
import { Scratch, type ScratchInit } from './upload/scratch.ts'
import { createSharedUploads } from './upload/shared-uploads.ts'
import { prepareSource, STREAM_ABOVE_BYTES } from './upload/source.ts'
import { createUnfinished } from './upload/unfinished.ts'
import { upload } from './upload/upload.ts'
import { createUploadLeases, type UploadLeases } from './upload/upload-leases.ts'

/** What a client may share with others in its process; everything has a default. */
export interface ClientInit {
  /** pays; without one the client only reads */
  wallet?: Wallet
  log?: Log
  metrics?: NodeMetrics
  /** `gateway` for a process that lives long, `client` for one command */
  role?: Extract<NetworkRole, 'client' | 'gateway'>
  /** shared with others in the process; a given one is not closed */
  codec?: BlobCodec
  coordinator?: Coordinator
  /** as the codec: a given one is not stopped */
  libp2p?: NetworkNode
  /** who stores what with which wallet; those of this user and machine when absent */
  leases?: UploadLeases
  /** where blobs that are too large for memory lie while they are stored, and how long what a failed try leaves is kept */
  scratch?: ScratchInit
  /** larger blobs are not held in memory; 64 MiB when absent */
  streamAboveBytes?: number
}

/** What a reader may share with others in its process; everything has a default. */
export type ReaderInit = Omit<ClientInit, 'wallet' | 'leases' | 'scratch' | 'streamAboveBytes'>

/** A client that cannot store. */
export type Reader = Omit<Client, 'store'>

/** Reads from a network, without a wallet. Close it; `await using` does. Throws as `createClient`. */
export async function createReader(network: NetworkConfig, init: ReaderInit = {}): Promise<Reader> {
  const { store: _, ...reader } = await createClient(network, init)
  return reader
}

/** Uploads at a time: as many as a gateway takes in, while as many more still serve their last nodes. */
const UPLOADS = 8
/** What close() grants them. */
const CLOSE_GRACE_MS = 10_000

/** A client of a network: talks libp2p to its nodes and gRPC to its chain. Nothing is contacted before it is needed. */
export async function createClient(network: NetworkConfig, init: ClientInit = {}): Promise<Client> {
  const { wallet, log = silentLog(), role = 'client', streamAboveBytes = STREAM_ABOVE_BYTES } = init
  const metrics = init.metrics ?? createMetrics({ version }).node('client')
  const codec = init.codec ?? createAdaptiveCodec()
  const coordinator = init.coordinator ?? createCoordinator(network, { log })
  const committees = createCommitteeTracker(coordinator)
  // the chain is asked while libp2p is being made; whoever needs the answer meets the error
  committees.get().catch(() => undefined)
  const closeShared = async () => {
    if (init.codec === undefined) await codec.close()
    if (init.coordinator === undefined) await coordinator.close()
  }
  const libp2p =
    init.libp2p ??
    (await createNetworkNode({ network: network.systemObjectId, roles: [role], log }).catch(async error => {
      await closeShared()
      throw error
    }))
  const peers = createPeerClient({ libp2p, log, metrics }, { network: network.systemObjectId })
  const book = createPeerBook({ network, peerIdOf: peerIdTextOf })
  const lingering = createLingering(UPLOADS)
  const uploads = createSharedUploads()
  const leases = init.leases ?? createUploadLeases()
  const unfinished = createUnfinished()
  const scratch = new Scratch(init.scratch)
  const encoder = new Encoder(codec, scratch)
  const closing = new AbortController()
  let loadingBls: Promise<Bls> | undefined
  const components = { peers, book, codec, log, metrics, cache: createMetadataCache() }
  const handles = new Set<BlobHandle>()
  const decoding = createSemaphore(1)

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
    const start = performance.now()
    try {
      const result = await run()
      metrics[what]('ok', bytesOf(result), performance.now() - start)
      return result
    } catch (error) {
      metrics[what](error instanceof ClientError ? error.code : 'ABORTED', 0, performance.now() - start)
      throw error
    }
  }

  const client: Omit<Client, typeof Symbol.asyncDispose> = {
    store(source, options) {
      let sizeBytes = 0
      return observed(
        'upload',
        () =>
          guarded(options.signal, async signal => {
            if (wallet === undefined) throw new ClientError('NO_WALLET', 'storing needs a wallet', {})
            const writer = coordinator.writer(wallet)
            // once per client, when it is first needed: each load is a wasm instance and 20 ms
            const bls = () => {
              loadingBls ??= loadBls()
              return loadingBls
            }
            const all = {
              ...components,
              chain: coordinator,
              writer,
              committees,
              bls,
              encoder,
              lingering,
              leases,
              unfinished,
            }
            await using prepared = await prepareSource(source, {
              scratch,
              signal,
              aboveBytes: streamAboveBytes,
              maxBytes: async () => maxBlobSize((await coordinator.system({ signal, recent: true })).nShards),
            })
            sizeBytes = prepared.size
            return await uploads.store(prepared.content, { ...options, signal }, shared =>
              upload(all, prepared, shared),
            )
          }),
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
            const warming = setImmediate(() => codec.warm(0))
            const { current } = await committees.get({ signal }).finally(() => clearImmediate(warming))
            return readWhole(components, current, blobId, { ...options, signal })
          }),
        ({ data }) => data.length,
      )
    },
    open: (blobId, options) =>
      guarded(options?.signal, async signal => {
        const { current: committee } = await committees.get({ signal })
        return openBlob({ ...components, decoding }, committee, blobId, {
          signal,
          closing: closing.signal,
          handles,
        })
      }),
    status: (blobId, options) =>
      guarded(options?.signal, async signal => {
        const { current } = await committees.get({ signal })
        const status = await networkStatus(components, current, blobId, { signal })
        if (status.status === 'nonexistent' || status.status === 'invalid') return status
        const metadata = await findMetadata(components, current, blobId, { signal }).catch(error => {
          if (error instanceof ClientError) return undefined
          throw error
        })
        return metadata === undefined ? status : { ...status, size: metadata.unencodedLength }
      }),
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
      await lingering.close(CLOSE_GRACE_MS)
      closing.abort(new ClientError('CLOSED', 'the client was closed', {}))
      peers.close()
      try {
        await Promise.all(Array.from(handles, handle => handle.close()))
        await uploads.over()
        if (init.libp2p === undefined) await libp2p.stop()
      } finally {
        await closeShared()
      }
    },
  }
  return { ...client, [Symbol.asyncDispose]: client.close }
}
