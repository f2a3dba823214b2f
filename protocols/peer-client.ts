import type { BlobId, BlobMetadata, Certificate } from '../codec/types.ts'
import { ProtocolError } from './errors.ts'
import { type FetchedSliver, type FetchRequestItem, fetchSlivers } from './fetch/client.ts'
import type { AbortOptions, BlobStatus, NodeInfo } from './ports.ts'
import type { ClientComponents, NetworkIdentity } from './rpc/components.ts'
import { createDialer, type PeerAddress } from './rpc/dial.ts'
import { createStreamPool } from './rpc/stream-pool.ts'
import { SPECS } from './specs.ts'
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
    options?: AbortOptions,
  ): AsyncIterable<FetchedSliver<Item> & FetchRequestItem>
  /** undefined when the node does not have it; not verified beyond the blob ID that it names */
  metadata(peer: PeerAddress, blobId: BlobId, options?: AbortOptions): Promise<BlobMetadata | undefined>
  /** What the node knows of a blob; not verified. */
  blobStatus(peer: PeerAddress, blobId: BlobId, options?: AbortOptions): Promise<BlobStatus>
  /** What the node says of itself; not verified. */
  nodeInfo(peer: PeerAddress, options?: AbortOptions): Promise<NodeInfo>
  /** Hands a certificate to a node, which checks and gossips it. */
  submitCertificate(peer: PeerAddress, certificate: Certificate, options?: AbortOptions): Promise<void>
  /** Ends all requests and streams. The connections are libp2p's. */
  close(): void
}

/** Keeps streams for reuse: call `close` when done, before libp2p stops. */
export function createPeerClient(components: ClientComponents, { network }: NetworkIdentity): PeerClient {
  const { log, metrics } = components
  const dialer = createDialer(components)
  const store = createStreamPool(dialer, SPECS.store, network)
  const fetch = createStreamPool(dialer, SPECS.fetch, network)
  const ask = createStreamPool(dialer, SPECS.status, network)

  /** One log line and one metric per request; from the first step to the last for those that stream. */
  function observe(protocol: string, peer: PeerAddress): (error?: unknown) => void {
    const started = performance.now()
    return error => {
      const durationMs = performance.now() - started
      const outcome = error === undefined ? 'ok' : error instanceof ProtocolError ? error.code : 'ABORTED'
      metrics.request(protocol, outcome, durationMs)
      log.debug({ protocol, peer: peer.peerId, outcome, durationMs }, 'request made')
    }
  }

  async function observed<T>(protocol: string, peer: PeerAddress, run: () => Promise<T>): Promise<T> {
    const done = observe(protocol, peer)
    try {
      const result = await run()
      done()
      return result
    } catch (error) {
      done(error)
      throw error
    }
  }

  const close = () => {
    dialer.close()
    for (const pool of [store, fetch, ask]) pool.close()
  }
  return {
    connect: (peer, options) =>
      observed('dial', peer, async () => void (await dialer.connect(peer, options?.signal))),
    store: (peer, input, options) =>
      observed('store-client', peer, async () => {
        const outcome = await storeBlob(store, peer, input, options)
        metrics.bytes('store-client', 'out', outcome.sentBytes)
        return outcome
      }),
    async *fetch(peer, items, options) {
      const done = observe('fetch-client', peer)
      let failure: unknown = new ProtocolError('CLOSED')
      try {
        for await (const answer of fetchSlivers(fetch, peer, items, options)) {
          if (answer.bytes !== undefined) metrics.bytes('fetch-client', 'in', answer.bytes.length)
          yield { ...answer, blobId: answer.item.blobId, ref: answer.item.ref }
        }
        failure = undefined
      } catch (error) {
        failure = error
        throw error
      } finally {
        done(failure)
      }
    },
    metadata: (peer, blobId, options) =>
      observed('status-client', peer, () => status.metadata(ask, peer, blobId, options)),
    blobStatus: (peer, blobId, options) =>
      observed('status-client', peer, () => status.blobStatus(ask, peer, blobId, options)),
    nodeInfo: (peer, options) => observed('status-client', peer, () => status.nodeInfo(ask, peer, options)),
    submitCertificate: (peer, certificate, options) =>
      observed('status-client', peer, () => status.submitCertificate(ask, peer, certificate, options)),
    close,
    [Symbol.dispose]: close,
  }
}
