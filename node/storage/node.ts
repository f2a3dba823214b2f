import type { Log } from '../../base/log.ts'
import { silentLog } from '../../base/log.ts'
import { createCoordinator } from '../../chain/index.ts'
import type { Coordinator, NetworkConfig } from '../../chain/types.ts'
import { type BlobCodec, type Bls, createAdaptiveCodec, loadBls } from '../../codec/index.ts'
import type { BlobId, ObjectId } from '../../codec/types.ts'
import { createCertifiedTopic, serveProtocols } from '../../protocols/index.ts'
import type { SliverStore } from '../../protocols/ports.ts'
import { createMetrics, type HttpMetrics, type NodeMetrics } from '../metrics.ts'
import { type CommitteeTracker, createCommitteeTracker } from '../network/committees.ts'
import { createNetworkNode } from '../network/libp2p.ts'
import { createMesh } from '../network/mesh.ts'
import { createPeerBook } from '../network/peer-book.ts'
import { peerIdTextOf } from '../network/peer-id.ts'
import { createOpened } from '../opened.ts'
import { createRefusals } from '../refusals.ts'
import { version } from '../version.ts'
import { createHttpFace } from './api/index.ts'
import { withoutBlocked } from './blocked.ts'
import { createCertified } from './custody/certified.ts'
import { createCustody } from './custody/custody.ts'
import { createOpenUploads } from './custody/open-uploads.ts'
import { createPieces } from './custody/pieces.ts'
import { createConfirmationSigner } from './custody/signer.ts'
import { type BlobInfo, createBlobInfo } from './events/blob-info.ts'
import { createSweeper } from './events/sweeper.ts'
import { expectOwnKeys } from './own-keys.ts'
import { createStatus } from './status.ts'
import { type NodeStoreInit, openNodeStore } from './store/node-store.ts'

/** What a storage node is made of. `keys` must be those of the node's record on chain. */
export interface StorageNodeInit {
  network: NetworkConfig
  nodeId: ObjectId
  /** number of shards of the network; fixed for its life */
  nShards: number
  /** folder of the store */
  storePath: string
  listen: readonly string[]
  announce?: readonly string[]
  /** where Walrus's storage node API is served; nowhere when absent */
  http?: { host: string; port: number; metrics?: HttpMetrics }
  /** blobs that the operator may not hand out or take in; none when absent */
  isBlocked?: (blobId: BlobId) => boolean
  keys: { blsSecret: Uint8Array; networkSeed: Uint8Array; folder?: string }
  /** counted nowhere that can be seen when absent */
  metrics?: NodeMetrics
  log?: Log
  /** shared with others in the process; a given one is not closed */
  codec?: BlobCodec
  coordinator?: Coordinator
  bls?: Bls
  /** how long an upload may wait for the event of its registration */
  registrationWaitMs?: number
  /** Puts another store in front of the node's own, e.g. one that lies, in tests. */
  wrapSlivers?: (slivers: SliverStore) => SliverStore
  /** What stands before the store's own records and files, in tests. */
  storeInit?: Pick<NodeStoreInit, 'wrapRecords' | 'wrapWrite' | 'freeBytes'>
}

/** A running storage node. Stop it; `await using` does. */
export interface StorageNode extends AsyncDisposable {
  readonly nodeId: ObjectId
  readonly peerId: string
  readonly multiaddrs: string[]
  /** of the HTTP face, where there is one */
  readonly httpUrl?: string
  readonly blobs: Pick<BlobInfo, 'get' | 'waitFor'>
  /** Resolves once the node has tried to reach the others; it answers peers before. */
  settled(): Promise<void>
  /** Ends what is under way and closes the store. Idempotent; never rejects. */
  stop(): Promise<void>
}

/** Starts a storage node; `stop()` ends it. To start again, make another: libp2p cannot be restarted. */
export async function createStorageNode(init: StorageNodeInit): Promise<StorageNode> {
  const { network, nodeId, nShards, keys, log = silentLog() } = init
  const metrics = init.metrics ?? createMetrics({ version }).node('storage')
  const opened = createOpened(log)
  const refusals = createRefusals({ metrics, log })
  opened.push(async () => refusals.close())
  try {
    // 1. the store: a foreign or newer one must stop the node before anyone hears of it
    const store = await openNodeStore({
      path: init.storePath,
      network: network.systemObjectId,
      nShards,
      log,
      onDamaged: () => metrics.damaged(),
      onNoRoom: () => refusals.refused('store', 'disk'),
      onUsage: ({ blobs, bytes }) => metrics.stored(blobs, bytes),
      ...init.storeInit,
    })
    opened.push(store.close)
    const slivers = init.wrapSlivers?.(store.slivers) ?? store.slivers
    const codec = init.codec ?? createAdaptiveCodec()
    if (init.codec === undefined) opened.push(() => codec.close())
    const bls = init.bls ?? (await loadBls())

    // 2. the chain: nothing can be judged without the committee and the events
    const coordinator = init.coordinator ?? createCoordinator(network, { log })
    if (init.coordinator === undefined) opened.push(() => coordinator.close())
    const committees = createCommitteeTracker(coordinator)
    const { current: committee } = await committees.get()
    await expectOwnKeys({ chain: coordinator, bls, nodeId, committee, keys })
    const blobs = createBlobInfo({ chain: coordinator, records: store.blobs, log })

    // 3. services, which need both
    const signer = createConfirmationSigner(bls, keys.blsSecret)
    const uploads = createOpenUploads(store.blobs)
    const { expectRoom } = store
    const custody = createCustody(
      {
        nodeId,
        codec,
        slivers,
        metadata: store.metadata,
        expectRoom,
        blobs,
        committees,
        uploads,
        signer,
        log,
      },
      init.registrationWaitMs === undefined ? {} : { registrationWaitMs: init.registrationWaitMs },
    )
    const status = createStatus({
      nodeId,
      network,
      metadata: store.metadata,
      usage: store.usage,
      blobs,
      committees,
    })
    const certificates = createCertified({ bls, committees, blobs, log, refusals })
    blobs.onEvent(refreshCommittees(committees))
    const sweeper = createSweeper({
      slivers,
      metadata: store.metadata,
      records: store.blobs,
      committees,
      uploads,
      log,
    })
    blobs.onEvent(sweeper.onEvent)
    blobs.onFollow(sweeper.following)
    sweeper.start()
    opened.push(() => sweeper.stop())
    blobs.start()
    opened.push(() => blobs.stop())

    // 4. the network, last: from here on peers are answered
    const members = memberPeers(committees)
    const libp2p = await createNetworkNode({
      privateKey: keys.networkSeed,
      listen: init.listen,
      ...(init.announce === undefined ? {} : { announce: init.announce }),
      network: network.systemObjectId,
      roles: ['storage'],
      isKnown: peer => members().has(peer),
      refusals,
      log,
    })
    opened.push(async () => libp2p.stop())
    blobs.onEvent(async ({ type }) => {
      if (changesCommittee(type)) libp2p.membersChanged()
    })
    const all = { custody, slivers, status }
    const shown = init.isBlocked === undefined ? all : withoutBlocked(all, init.isBlocked)
    const protocols = serveProtocols(
      { libp2p, log, metrics },
      { network: network.systemObjectId, certificates, ...shown },
      {
        isMember: peer => members().has(peer),
        serving: libp2p.serving,
        refused: reason => refusals.refused('streams', reason),
      },
    )
    await protocols.start()
    opened.push(() => protocols.stop())
    const face =
      init.http === undefined
        ? undefined
        : createHttpFace({
            pieces: createPieces({
              nodeId,
              nShards,
              codec,
              slivers,
              metadata: store.metadata,
              expectRoom,
              blobs,
              committees,
              custody,
              uploads,
            }),
            status,
            ...(init.isBlocked === undefined ? {} : { isBlocked: init.isBlocked }),
            ...init.http,
            refusals,
            log,
          })
    if (face !== undefined) {
      await face.start()
      opened.push(() => face.stop())
    }

    // 5. the mesh and its gossip, which need the others to answer
    const { pubsub } = libp2p.services
    if (pubsub !== undefined) {
      const topic = createCertifiedTopic(
        { pubsub, log, metrics },
        {
          network: network.systemObjectId,
          isMember: peer => members().has(peer),
          check: certificates.check,
          accepted: certificate => log.debug({ epoch: certificate.epoch }, 'certificate heard by gossip'),
        },
      )
      topic.start()
      opened.push(async () => topic.stop())
      certificates.onCertificate(certificate => {
        topic.publish(certificate).catch(error => log.warn({ err: error }, 'a certificate was not published'))
      })
    }
    const book = createPeerBook({ network, peerIdOf: peerIdTextOf })
    const mesh = createMesh(
      { libp2p, log },
      { peers: async () => (await committees.get()).current.members.map(member => book.address(member)) },
    )
    mesh.start()
    opened.push(async () => mesh.stop())
    const peerId = libp2p.peerId.toString()
    log.info({ peer: peerId, nodeId }, 'storage node started')
    return {
      nodeId,
      peerId,
      multiaddrs: libp2p.getMultiaddrs().map(String),
      ...(face === undefined ? {} : { httpUrl: face.url }),
      blobs,
      settled: () => mesh.settled(),
      stop: opened.closeAll,
      [Symbol.asyncDispose]: opened.closeAll,
    }
  } catch (error) {
    await opened.closeAll()
    throw error
  }
}

/** Reads the committee again when the chain says that it changed. */
function refreshCommittees(committees: CommitteeTracker) {
  return async ({ type }: { type: string }): Promise<void> => {
    if (changesCommittee(type)) await committees.get({ fresh: true })
  }
}

function changesCommittee(type: string): boolean {
  return type === 'EpochChangeStart' || type === 'EpochChangeDone'
}

/** PeerIds of the current and the previous committee, derived once per committee. */
function memberPeers(committees: CommitteeTracker): () => ReadonlySet<string> {
  let of: unknown
  let peers: ReadonlySet<string> = new Set()
  return () => {
    const latest = committees.latest()
    if (latest !== undefined && latest !== of) {
      of = latest
      const members = [...latest.current.members, ...(latest.previous?.members ?? [])]
      peers = new Set(members.flatMap(member => peerIdTextOf(member.networkPublicKey) ?? []))
    }
    return peers
  }
}
