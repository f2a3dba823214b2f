import type { NetworkConfig } from '../../chain/types/index.ts'
import { loadBls } from '../../codec/node.ts'
import { createNetworkNode } from '../network/libp2p.ts'
import { createNodePuncher } from '../network/paths/punch/for-node.ts'
import type { NetworkRole } from '../network/roles.ts'
import {
  type CommonInit,
  composeClient,
  forReading,
  type Reader,
  type ReaderOf,
  withoutStore,
} from './client.ts'
import { SliverSpool } from './download/sliver-spool.ts'
import { openSpoolFile } from './download/spool-file.ts'
import { openSliverFiles, type SliverFilesInit } from './sliver-files.ts'
import { createSpeedFile } from './speed-file.ts'
import type { Client } from './types.ts'
import { createFileDisk } from './upload/file-disk.ts'
import { Scratch, type ScratchInit } from './upload/scratch.ts'
import { createUploadLeases } from './upload/upload-leases.ts'

/** What a client may share with others in its process; everything has a default. */
export interface ClientInit extends CommonInit {
  /** `gateway` for a process that lives long, `client` for one command */
  role?: Extract<NetworkRole, 'client' | 'gateway'>
  /** where blobs that are too large for memory lie while they are stored, and how long what a failed try leaves is kept */
  scratch?: ScratchInit
  /** how fast peers were, in a small file among the machine's temporary ones, for the next client; true when absent */
  remember?: boolean
  /** keeps the slivers that are read, verified, and reads them from there the next time; nothing is kept when absent */
  cache?: SliverFilesInit | undefined
}

/** What a reader may share with others in its process; everything has a default. */
export type ReaderInit = ReaderOf<ClientInit>

/** A client of a network: talks libp2p to its nodes and gRPC to its chain. Nothing is contacted before it is needed. */
export function createClient(network: NetworkConfig, init: ClientInit = {}): Promise<Client> {
  const { role = 'client', scratch, cache, remember = true } = init
  return composeClient(network, init, {
    startLibp2p: context => createNetworkNode({ ...context, roles: [role] }),
    createPuncher: (libp2p, context) => createNodePuncher({ ...context, libp2p }),
    speeds: remember ? createSpeedFile : undefined,
    openSlivers: cache && (context => openSliverFiles(cache, context)),
    loadBls,
    leases: ({ clock }) => createUploadLeases({ clock }),
    disk: (codec, { clock }) => createFileDisk(codec, new Scratch({ ...scratch, clock })),
    createSpool: async metadata => new SliverSpool(await openSpoolFile(), metadata),
  })
}

/** Reads from a network, without a wallet. Close it; `await using` does. Throws as `createClient`. */
export async function createReader(network: NetworkConfig, init: ReaderInit = {}): Promise<Reader> {
  return withoutStore(await createClient(network, forReading<ClientInit>(init)))
}
