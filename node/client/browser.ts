/**
 * Stores and reads blobs of a network, straight from its nodes: `floe` in a page.
 * @module floe
 */
import type { Transport } from '@libp2p/interface'
import type { NetworkConfig } from '../../chain/types/index.ts'
import { loadBls } from '../../codec/browser.ts'
import { createDialingNode } from '../network/dialing-node.ts'
import { DIALS } from '../network/limits.ts'
import type { DialingLibp2p } from '../network/paths/dial-address.ts'
import {
  type CommonInit,
  composeClient,
  forReading,
  type Reader,
  type ReaderOf,
  withoutStore,
} from './client.ts'
import { SliverSpool } from './download/sliver-spool.ts'
import { createSpoolMemory } from './download/spool-memory.ts'
import type { Client } from './types.ts'
import type { UploadLeases } from './upload/upload-leases.ts'

export { ChainError } from '../../chain/index.ts'
export type { BlobObject, NetworkConfig, TransactionSigner, Wallet } from '../../chain/types/index.ts'
export { parseBlobId } from '../../codec/browser.ts'
export type { BlobId, Epoch, ObjectId } from '../../codec/types.ts'
export type { Reader } from './client.ts'
export { ClientError, type ClientErrorCode, type ClientErrorDetails } from './errors.ts'
export type * from './types.ts'
export type { PeerEvent } from './watch-peers.ts'

/** What decoding may hold beside the blob, when a large one has to be put together from parts. */
const MAX_SPOOL_BYTES = 256 * 1024 * 1024

/** How peers are reached: a page cannot open sockets, so that the app says. One of the two. */
export type PageNetwork =
  | {
      /** of libp2p, such as `webSockets()` or `webRTC()`: the client makes a node with them, and stops it */
      transports: ((components: never) => Transport)[]
      libp2p?: undefined
    }
  | {
      /** a node that can dial the network's peers; it is not stopped */
      libp2p: DialingLibp2p
      transports?: undefined
    }

/** What a client in a page is given. */
export type ClientInit = Omit<CommonInit, 'libp2p'> & PageNetwork

/** What a reader in a page is given. */
export type ReaderInit = ReaderOf<Omit<CommonInit, 'libp2p'>> & PageNetwork

/** One page knows of nobody else who stores with its wallet. */
const alone: UploadLeases = {
  take: async () => ({
    waited: false,
    mayResume: async () => true,
    [Symbol.asyncDispose]: async () => undefined,
  }),
}

/**
 * A client of a network in a page: talks libp2p to its nodes and gRPC-web to its chain. Blobs of up to `streamAboveBytes` can be
 * stored. Nothing is contacted before it is needed. Close it; `await using` does.
 */
export function createClient(network: NetworkConfig, init: ClientInit): Promise<Client> {
  const { transports = [] } = init
  return composeClient(network, init, {
    dials: DIALS.page,
    startLibp2p: context => createDialingNode(transports, context),
    loadBls,
    leases: () => alone,
    createSpool: async metadata => new SliverSpool(createSpoolMemory(MAX_SPOOL_BYTES), metadata),
  })
}

/** Reads from a network, without a wallet. Close it; `await using` does. Throws as `createClient`. */
export async function createReader(network: NetworkConfig, init: ReaderInit): Promise<Reader> {
  return withoutStore(await createClient(network, forReading<ClientInit>(init)))
}
