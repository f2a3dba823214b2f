import { join } from 'node:path'
import { type Clock, systemClock } from '../../base/clock.ts'
import { createCloseStack } from '../../base/close-stack.ts'
import type { Log } from '../../base/log.ts'
import { silentLog } from '../../base/log.ts'
import { createCoordinator } from '../../chain/index.ts'
import type { Challenger, Coordinator, NetworkConfig, NodeOperator } from '../../chain/types/index.ts'
import { type BlobCodec, type Bls, createAdaptiveCodec } from '../../codec/index.ts'
import { loadBls } from '../../codec/node.ts'
import type { BlobId, ObjectId } from '../../codec/types.ts'
import type { BandwidthLimits } from '../../protocols/index.ts'
import type { SliverStore } from '../../protocols/ports.ts'
import { createMetrics, type HttpMetrics, type NodeMetrics } from '../metrics.ts'
import { restoreAddressBook } from '../network/addresses/book.ts'
import { isPrivateNetwork } from '../network/addresses/lookup.ts'
import { openAddressFiles } from '../network/addresses/storage.ts'
import type { RelayStanding } from '../network/circuit/keeper.ts'
import { listenFor, type Reach } from '../network/circuit/reachable.ts'
import { restoreRelayScores } from '../network/circuit/relay-scores.ts'
import { createCommitteeTracker, readingAgain, STRANGERS_MS } from '../network/committees.ts'
import { createMemberIndex } from '../network/member-index.ts'
import { createPeerBook } from '../network/peer-book.ts'
import { peerIdTextOf } from '../network/peer-id.ts'
import type { TlsCertificate } from '../network/web-socket/listening.ts'
import { createRefusals } from '../refusals.ts'
import { version } from '../version.ts'
import { createNodeApi, type NodeApi } from './api/index.ts'
import type { NodeApiInit } from './api/options.ts'
import type { Breather } from './breather.ts'
import type { GrantedLimits } from './budget.ts'
import { changesCommittee, composeNode } from './compose-node.ts'
import { openBlsKeys } from './custody/bls-keys.ts'
import type { BlobInfo } from './events/blob-info.ts'
import type { NodeStatus } from './home/node-status.ts'
import { openLine } from './line.ts'
import { expectOwnKeys } from './own-keys.ts'
import { openNetworkKeys } from './presence/network-keys.ts'
import { openPresences } from './presence/presences.ts'
import { createRotation, type Rotation } from './presence/rotation.ts'
import { scoreTraffic } from './relay-traffic.ts'
import { type NodeStore, type NodeStoreInit, openNodeStore } from './store/node-store.ts'
import type { UpkeepView } from './upkeep.ts'

/** What a storage node is made of. `keys` must be those of the node's record on chain. */
export interface StorageNodeInit {
  network: NetworkConfig
  nodeId: ObjectId
  /** number of shards of the network; fixed for its life */
  nShards: number
  /** folder of the store */
  storePath: string
  listen: readonly string[]
  /** of what it listens on with `/tls/ws` */
  tls?: TlsCertificate | undefined
  announce?: readonly string[]
  /** `public` when absent */
  reach?: Reach | undefined
  /** whether a node that finds out how it is reached (`auto`) may ask its router for a port; so when absent */
  upnp?: boolean | undefined
  /** multiaddrs, with PeerIds, of relays to begin with; the network's when absent */
  relays?: readonly string[] | undefined
  /** where Walrus's storage node API is served; nowhere when absent */
  http?: { host: string; port: number; metrics?: HttpMetrics; limits?: NodeApiInit['limits'] }
  /** blobs that the operator may not hand out or take in; none when absent */
  isBlocked?: (blobId: BlobId) => boolean
  /** the node's wallet on chain; without one it takes part in no epoch change of its own accord */
  operator?: NodeOperator
  /** of the same wallet, for storage challenges; without it the node looks at others' proofs, and shows none */
  challenger?: Challenger
  keys: { blsSecret: Uint8Array; networkSeed: Uint8Array; folder?: string }
  /** counted nowhere that can be seen when absent */
  metrics?: NodeMetrics
  log?: Log
  /** shared with others in the process; a given one is not closed */
  codec?: BlobCodec
  coordinator?: Coordinator
  bls?: Bls
  /** of the store's disk, that uploads leave free; RESERVED_BYTES when absent */
  reservedBytes?: number | undefined
  /** what the node may move; without limits when absent */
  bandwidth?: BandwidthLimits | undefined
  /** how long an upload may wait for the event of its registration */
  registrationWaitMs?: number
  /** Puts another store in front of the node's own, e.g. one that lies, in tests. */
  wrapSlivers?: (slivers: SliverStore) => SliverStore
  /** What stands before the store's own records and files, in tests. */
  storeInit?: Pick<NodeStoreInit, 'wrapRecords' | 'wrapWrite' | 'freeBytes' | 'inlineBytes'>
  /** the machine's when absent */
  clock?: Clock
  /** at which stored slivers are looked at; 16 MiB when absent */
  scrubBytesPerSecond?: number
  /** of all that is done beside reads and writes; the default's where absent */
  budget?: GrantedLimits
  /** which has all that pause while any of those who share it serves somebody; its own when absent */
  breather?: Breather
  /** 0 to 1, for choices that need no secret; Math.random when absent */
  random?: () => number
}

/** A running storage node. Stop it; `await using` does. */
export interface StorageNode extends AsyncDisposable {
  readonly nodeId: ObjectId
  readonly peerId: string
  /** number of shards of the network */
  readonly nShards: number
  readonly reach: Reach
  /** as they are now: those of a private node change with its relays */
  readonly multiaddrs: string[]
  /** the relays that it knows, and how it stands with them */
  relays(): RelayStanding[]
  /** how it is reached, how it stands with its relays, and what its line has carried */
  status(): NodeStatus
  /** of the HTTP API, where there is one */
  readonly httpUrl?: string
  readonly blobs: Pick<BlobInfo, 'get' | 'waitFor'>
  /** How the node stands in the epochs, and what is missing here. */
  upkeep(): Promise<UpkeepView>
  /** What is stored here, as peers are shown it. */
  readonly slivers: Pick<SliverStore, 'has'>
  /** What the node may move from here on. */
  setBandwidth(limits: BandwidthLimits): void
  /** Copies the store as of one moment, while the node goes on. */
  readonly copyStore: NodeStore['copy']
  /**
   * Makes the network key that is to replace the node's own, and listens by it, too, at the TCP port; the node goes over to it once
   * the chain tells of it. Throws what listening throws, and ChainError.
   */
  readonly prepareNetworkKey: Rotation['prepare']
  /** Resolves once the node has tried to reach the others, and has heard the chain where that takes 2 s at most; it answers peers before. */
  settled(): Promise<void>
  /** Ends what is under way and closes the store. Idempotent; never rejects. */
  stop(): Promise<void>
}

/** The chain of a network that has just begun is heard in this; that of an old one is not waited for. */
const CATCH_UP_MS = 2_000

/** Starts a storage node; `stop()` ends it. To start again, make another: libp2p cannot be restarted. */
export async function createStorageNode(init: StorageNodeInit): Promise<StorageNode> {
  const { network, nodeId, nShards, keys, log = silentLog() } = init
  const { clock = systemClock, random = Math.random } = init
  const { reach = 'public', relays = network.relays ?? [] } = init
  const metrics = init.metrics ?? createMetrics({ version }).node('storage')
  const opened = createCloseStack(log)
  const refusals = createRefusals({ clock, metrics, log })
  opened.push(async () => refusals.close())
  try {
    let api: NodeApi | undefined
    let damaged: (blobId: BlobId) => void = () => {}
    // 1. the store: a foreign or newer one must stop the node before anyone hears of it
    const store = await openNodeStore({
      path: init.storePath,
      network: network.systemObjectId,
      nShards,
      clock,
      log,
      onDamaged({ blobId }) {
        metrics.damaged()
        damaged(blobId)
      },
      onNoRoom: () => refusals.refused('store', 'disk'),
      onUsage: ({ blobs, bytes }) => metrics.stored(blobs, bytes),
      reservedBytes: init.reservedBytes,
      ...init.storeInit,
    })
    opened.push(store.close)
    opened.push(async () => metrics.disk(undefined))
    metrics.disk(store.disk)
    const slivers = init.wrapSlivers?.(store.slivers) ?? store.slivers
    const codec = init.codec ?? createAdaptiveCodec()
    if (init.codec === undefined) opened.push(() => codec.close())
    const bls = init.bls ?? (await loadBls())

    const line = await openLine({ records: store.node, metrics, clock, log }, init.bandwidth)
    opened.push(line.close)
    const { bandwidth } = line

    // 2. the chain: nothing can be judged without the committee and the events
    const coordinator = init.coordinator ?? createCoordinator(network, { log, clock, random })
    if (init.coordinator === undefined) opened.push(() => coordinator.close())
    const committees = createCommitteeTracker(coordinator)
    const members = createMemberIndex()
    const isMember = (peer: string): boolean => members.of(committees.latest(), peer) !== undefined
    const { current: committee } = await committees.get()
    const blsKeys = await openBlsKeys({ bls, nodeId, committees, keys, log })
    const { operator } = init
    const listen = listenFor(reach, init.listen)
    const announce = reach === 'private' ? undefined : init.announce
    const chain = coordinator
    const networkKeys = await openNetworkKeys({
      nodeId,
      chain,
      committees,
      operator,
      keys,
      listen,
      announce,
      log,
    })
    await networkKeys.settle()
    const secrets = { blsSecrets: blsKeys.all(), networkSeeds: networkKeys.all() }
    await expectOwnKeys({ chain, bls, nodeId, committee, keys, ...secrets })
    await blsKeys.settle()
    // 3. the network; nobody is answered yet
    const book = createPeerBook({ network, peerIdOf: peerIdTextOf, clock, random })
    const files = await openAddressFiles(join(init.storePath, 'addresses'), log)
    opened.push(files.close)
    const isPrivate = isPrivateNetwork(network)
    const addresses = await restoreAddressBook({ isMember, isPrivate, clock, storage: files, log })
    const scores = await restoreRelayScores({ clock, storage: files.relays, log })
    opened.push(scoreTraffic(scores, bandwidth, clock))
    const presences = await openPresences(
      {
        network,
        addresses,
        scores,
        sequence: files,
        members: () => members.currentOf(committees.latest()),
        reach,
        upnp: init.upnp ?? true,
        relays,
        tls: init.tls,
        http: socket => (api === undefined ? socket.destroy() : api.accept(socket)),
        isMember,
        unreachable: readingAgain(committees, { clock, log }),
        stranger: readingAgain(committees, { clock, log, everyMs: STRANGERS_MS }),
        others: async () => (await committees.get()).current.members.map(member => book.address(member)),
        refusals,
        bandwidth,
        metrics,
        clock,
        random,
        log,
      },
      networkKeys.places(),
    )
    opened.push(presences.close)
    metrics.punches(() => presences.lead.punches())
    opened.push(async () => metrics.punches(undefined))

    // 4. services, which need all of these
    const node = await composeNode({
      nodeId,
      network,
      nShards,
      store: {
        ...store,
        slivers,
        shards: store.slivers,
        onDamaged(listener) {
          damaged = listener
        },
      },
      arrivalsPath: join(init.storePath, 'arrivals'),
      scratchPath: join(init.storePath, 'scratch'),
      challengesPath: join(init.storePath, 'challenge'),
      challenger: init.challenger,
      chain: coordinator,
      committees,
      members,
      peers: presences.peers,
      book,
      codec,
      bls,
      blsSecret: keys.blsSecret,
      blsSecretFor: blsKeys.secretFor,
      operator: init.operator,
      isBlocked: init.isBlocked,
      registrationWaitMs: init.registrationWaitMs,
      scrubBytesPerSecond: init.scrubBytesPerSecond,
      budget: init.budget,
      breather: init.breather,
      bandwidth: bandwidth.view,
      metrics,
      refusals,
      clock,
      random,
      log,
    })
    opened.push(node.stop)
    const { blobs, certificates, upkeep } = node

    // 5. from here on peers are answered, and the others need not be waited for
    const rotation = createRotation({ keys: networkKeys, presences, clock, log })
    const unwatch = committees.onChange(presences.membersChanged)
    opened.push(async () => unwatch())
    blobs.onEvent(async ({ type }) => {
      if (!changesCommittee(type)) return
      await blsKeys.settle()
      rotation.wake()
    })
    opened.push(presences.silence)
    await presences.serve(node)
    certificates.onCertificate(certificate => {
      presences
        .publish(certificate)
        .catch(error => log.warn({ err: error }, 'a certificate was not published'))
    })
    node.rounds?.onNews(news => {
      presences
        .tell(news)
        .catch(error => log.warn({ err: error }, 'others were not told of a storage challenge'))
    })
    rotation.start()
    opened.push(rotation.stop)
    api =
      init.http === undefined && reach === 'public'
        ? undefined
        : createNodeApi({
            custody: node.custody,
            slivers: node.living.slivers,
            metadata: { get: node.living.status.metadata },
            blobState: node.blobState,
            judge: upkeep.judge,
            expectRoom: store.expectRoomForUpkeep,
            health: node.health,
            bandwidth,
            clock,
            isBlocked: init.isBlocked,
            host: init.http?.host ?? '',
            port: init.http?.port,
            ...init.http,
            refusals,
            log,
          })
    if (api !== undefined) {
      await api.start()
      opened.push(api.stop)
    }

    log.info({ peer: presences.lead.peerId, nodeId }, 'storage node started')
    return {
      nodeId,
      get peerId() {
        return presences.lead.peerId
      },
      nShards,
      get multiaddrs() {
        return presences.lead.multiaddrs
      },
      reach,
      relays: () => presences.lead.relays(),
      status: () => ({
        peerId: presences.lead.peerId,
        reach,
        multiaddrs: presences.lead.multiaddrs,
        relays: presences.lead.relays(),
        paths: presences.lead.paths(),
        traffic: bandwidth.traffic(),
        punches: presences.lead.punches(),
        bandwidth: bandwidth.view(),
      }),
      httpUrl: init.http === undefined ? undefined : api?.url,
      blobs,
      upkeep: () => upkeep.view(),
      slivers,
      setBandwidth: bandwidth.set,
      copyStore: store.copy,
      async settled() {
        await presences.lead.settled()
        await clock.settlesWithin(node.caughtUp, CATCH_UP_MS)
      },
      prepareNetworkKey: rotation.prepare,
      stop: opened.closeAll,
      [Symbol.asyncDispose]: opened.closeAll,
    }
  } catch (error) {
    await opened.closeAll()
    throw error
  }
}
