import type { BlobId, BlobMetadata, Certificate, Confirmation } from '../codec/types.ts'
import { proveHeld } from './challenge/client.ts'
import { ProtocolError } from './errors.ts'
import { type FetchedSliver, type FetchOptions, type FetchRequestItem, fetchSlivers } from './fetch/client.ts'
import { type Accusation, proveInconsistent } from './inconsistency/client.ts'
import { peerRecords } from './peers/client.ts'
import type {
  AbortOptions,
  BlobStatus,
  ChallengeProof,
  ChallengeQuery,
  NodeInfo,
  SnapshotHead,
} from './ports.ts'
import { type RecoveredSymbols, type RecoverOptions, recoverSymbols } from './recover/client.ts'
import type { RecoverQuery, RecoverStatus } from './recover/messages.ts'
import type { ClientComponents, NetworkIdentity } from './rpc/components.ts'
import type { PeerAddress } from './rpc/dial.ts'
import { createStreamPool, type StreamPool } from './rpc/stream-pool.ts'
import { type ShardSyncOptions, type SyncedBlob, syncShardPage } from './shard-sync/client.ts'
import type { ShardSyncQuery } from './shard-sync/messages.ts'
import { snapshotPage } from './snapshot/client.ts'
import type { SnapshotPage, SnapshotQuery } from './snapshot/messages.ts'
import { CLIENT, SPECS } from './specs.ts'
import * as status from './status/client.ts'
import { type StoreInput, type StoreOutcome, storeBlob } from './store/client.ts'

/** Asks storage nodes. Every method throws ProtocolError, or the reason of the signal that was given. */
export interface PeerClient extends Disposable {
  /** Opens the connection ahead of the first request. */
  connect(peer: PeerAddress, options?: AbortOptions): Promise<void>
  /** Offers a blob to a node, sends it the slivers it wants, returns its signed confirmation (not verified). */
  store(peer: PeerAddress, input: StoreInput, options?: AbortOptions): Promise<StoreOutcome>
  /** Slivers as they arrive, each item answered once; bytes undefined when the node lacks it. */
  fetch<Item extends FetchRequestItem>(
    peer: PeerAddress,
    items: readonly Item[],
    options?: FetchOptions,
  ): AsyncIterable<FetchedSliver<Item> & FetchRequestItem>
  /** undefined when the node does not have it; not verified beyond the blob ID that it names */
  metadata(
    peer: PeerAddress,
    blobId: BlobId,
    options?: status.MetadataOptions,
  ): Promise<BlobMetadata | undefined>
  /** What the node knows of a blob; not verified. */
  blobStatus(peer: PeerAddress, blobId: BlobId, options?: AbortOptions): Promise<BlobStatus>
  /** What the node says of itself; not verified. */
  nodeInfo(peer: PeerAddress, options?: AbortOptions): Promise<NodeInfo>
  /** The blob tables that the node has, newest first; not verified. */
  snapshots(peer: PeerAddress, options?: AbortOptions): Promise<readonly SnapshotHead[]>
  /** One page of a blob table; not verified. Throws NO_SNAPSHOT where the node does not have it. */
  snapshotPage(peer: PeerAddress, query: SnapshotQuery, options?: AbortOptions): Promise<SnapshotPage>
  /** The signed address records that a peer has of up to 256 PeerIds; not verified. */
  peers(peer: PeerAddress, peerIds: readonly string[], options?: AbortOptions): Promise<readonly Uint8Array[]>
  /** Hands a certificate to a node, which checks and gossips it. */
  submitCertificate(peer: PeerAddress, certificate: Certificate, options?: AbortOptions): Promise<void>
  /**
   * One page of a shard that this node takes over, blob by blob; not verified. What it returns at last tells whether
   * the shard has no more.
   */
  shardPage(
    peer: PeerAddress,
    query: ShardSyncQuery,
    options: ShardSyncOptions,
  ): AsyncGenerator<SyncedBlob, { whole: boolean }>
  /**
   * What a node's slivers have at their crossings with lost ones of this node; not verified. What it returns at last tells
   * how it stands with each blob there.
   */
  recover(
    peer: PeerAddress,
    query: RecoverQuery,
    options: RecoverOptions,
  ): AsyncGenerator<RecoveredSymbols, readonly RecoverStatus[]>
  /** Proves to a node that a blob was encoded wrongly; gives what it has signed, which is not verified. */
  proveInconsistent(peer: PeerAddress, accusation: Accusation, options?: AbortOptions): Promise<Confirmation>
  /** Shows a node what it asks for in a round of challenges; gives what it has signed, which is not verified. */
  proveHeld(
    peer: PeerAddress,
    query: ChallengeQuery,
    proofs: readonly ChallengeProof[],
    options?: AbortOptions,
  ): Promise<Confirmation>
  /** Ends all requests, streams and dials. The connections are libp2p's. */
  close(): void
}

/** Keeps streams for reuse: call `close` when done, before libp2p stops. */
export function createPeerClient(components: ClientComponents, { network }: NetworkIdentity): PeerClient {
  const { dialer, metrics, clock, bandwidth } = components
  const pools = createPools({ dialer, network, clock, bandwidth })
  const { store, fetch, status: ask, peers: where } = pools
  const { observed, streamed } = observer(components)

  const settle = async (peer: PeerAddress, bytes: number, signal?: AbortSignal) => {
    if (bytes > CLIENT.bulkBytes) await dialer.settle?.(peer, signal)
  }
  const close = () => {
    dialer.close()
    for (const pool of Object.values(pools)) pool.close()
  }
  return {
    connect: (peer, options) =>
      observed('dial', peer, async () => void (await dialer.connect(peer, options?.signal))),
    store: (peer, input, options) =>
      observed('store-client', peer, async () => {
        await settle(peer, input.header.metadata.unencodedLength, options?.signal)
        const outcome = await storeBlob(store, peer, input, options)
        metrics.bytes('store-client', 'out', outcome.sentBytes)
        return outcome
      }),
    async *fetch(peer, items, options) {
      const bytes = items.reduce((sum, { length, maxBytes }) => sum + (length ?? maxBytes ?? 0), 0)
      await settle(peer, bytes, options?.signal)
      const answers = fetchSlivers(fetch, peer, items, options)
      for await (const answer of streamed('fetch-client', peer, answers, ({ bytes }) => bytes?.length ?? 0))
        yield { ...answer, blobId: answer.item.blobId, ref: answer.item.ref }
    },
    metadata: (peer, blobId, options) =>
      observed('status-client', peer, () => status.metadata(ask, peer, blobId, options)),
    blobStatus: (peer, blobId, options) =>
      observed('status-client', peer, () => status.blobStatus(ask, peer, blobId, options)),
    nodeInfo: (peer, options) => observed('status-client', peer, () => status.nodeInfo(ask, peer, options)),
    snapshots: (peer, options) => observed('status-client', peer, () => status.snapshots(ask, peer, options)),
    peers: (peer, peerIds, options) =>
      observed('peers-client', peer, () => peerRecords(where, peer, peerIds, options)),
    submitCertificate: (peer, certificate, options) =>
      observed('status-client', peer, () => status.submitCertificate(ask, peer, certificate, options)),
    ...betweenNodes(components, pools, { observed, streamed }),
    close,
    [Symbol.dispose]: close,
  }
}

/** What storage nodes ask of each other, and newcomers of them. */
function betweenNodes(
  { metrics }: ClientComponents,
  pools: ReturnType<typeof createPools>,
  { observed, streamed }: ReturnType<typeof observer>,
): Pick<PeerClient, 'snapshotPage' | 'shardPage' | 'recover' | 'proveInconsistent' | 'proveHeld'> {
  return {
    snapshotPage: (peer, query, options) =>
      observed('snapshot-client', peer, async () => {
        const page = await snapshotPage(pools.snapshot, peer, query, options)
        metrics.bytes('snapshot-client', 'in', page.rows.length)
        return page
      }),
    shardPage: (peer, query, options) =>
      streamed(
        'shard-sync-client',
        peer,
        syncShardPage(pools['shard-sync'], peer, query, options),
        ({ primary, secondary }) => (primary?.length ?? 0) + (secondary?.length ?? 0),
      ),
    recover: (peer, query, options) =>
      streamed(
        'recover-client',
        peer,
        recoverSymbols(pools.recover, peer, query, options),
        ({ data }) => data.length,
      ),
    proveInconsistent: (peer, accusation, options) =>
      observed('inconsistency-client', peer, async () => {
        const { attestation, sentBytes } = await proveInconsistent(
          pools.inconsistency,
          peer,
          accusation,
          options,
        )
        if (sentBytes > 0) metrics.bytes('inconsistency-client', 'out', sentBytes)
        return attestation
      }),
    proveHeld: (peer, query, proofs, options) =>
      observed('challenge-client', peer, async () => {
        const { signed, sentBytes } = await proveHeld(pools.challenge, peer, query, proofs, options)
        if (sentBytes > 0) metrics.bytes('challenge-client', 'out', sentBytes)
        return signed
      }),
  }
}

/** Of the protocols that are asked here. */
const ASKED = [
  'store',
  'fetch',
  'status',
  'shard-sync',
  'recover',
  'inconsistency',
  'snapshot',
  'challenge',
  'peers',
] as const satisfies readonly (keyof typeof SPECS)[]

function createPools(shared: Omit<Parameters<typeof createStreamPool>[0], 'spec'>) {
  const pools = ASKED.map(name => [name, createStreamPool({ ...shared, spec: SPECS[name] })])
  return Object.fromEntries(pools) as Record<(typeof ASKED)[number], StreamPool>
}

/** One log line and one metric per request; from the first step to the last for those that stream. */
function observer({ log, metrics, clock }: ClientComponents) {
  function observe(protocol: string, peer: PeerAddress): (error?: unknown) => void {
    const started = clock.monotonic()
    return error => {
      const durationMs = clock.monotonic() - started
      const outcome = error === undefined ? 'ok' : error instanceof ProtocolError ? error.code : 'ABORTED'
      metrics.request(protocol, outcome, durationMs)
      log.debug({ protocol, peer: peer.peerId, outcome, durationMs }, 'request made')
    }
  }

  return {
    async observed<T>(protocol: string, peer: PeerAddress, run: () => Promise<T>): Promise<T> {
      const done = observe(protocol, peer)
      try {
        const result = await run()
        done()
        return result
      } catch (error) {
        done(error)
        throw error
      }
    },
    /** The same steps, and what they end with; the bytes that each brought are counted. */
    async *streamed<T, R>(
      protocol: string,
      peer: PeerAddress,
      steps: AsyncGenerator<T, R>,
      bytesOf: (step: T) => number,
    ): AsyncGenerator<T, R> {
      const done = observe(protocol, peer)
      // that of a consumer that leaves early
      let failure: unknown = new ProtocolError('CLOSED')
      let next: IteratorResult<T, R> | undefined
      try {
        for (next = await steps.next(); !next.done; next = await steps.next()) {
          const bytes = bytesOf(next.value)
          if (bytes > 0) metrics.bytes(protocol, 'in', bytes)
          yield next.value
        }
        failure = undefined
        return next.value
      } catch (error) {
        failure = error
        throw error
      } finally {
        if (next?.done === false) await steps.return(undefined as never)
        done(failure)
      }
    },
  }
}
