import type { Socket } from 'node:net'
import type { GossipSub } from '@libp2p/gossipsub'
import type { Clock } from '../../../base/clock.ts'
import { type CloseStack, createCloseStack } from '../../../base/close-stack.ts'
import type { Log } from '../../../base/log.ts'
import type { NetworkConfig } from '../../../chain/types/index.ts'
import type { Certificate } from '../../../codec/types.ts'
import {
  type Bandwidth,
  type CertifiedTopic,
  type ChallengeNews,
  type ChallengeTopic,
  createCertifiedTopic,
  createChallengeTopic,
  createPeerClient,
  type PeerAddress,
  type PeerClient,
  type ProtocolServer,
  serveProtocols,
} from '../../../protocols/index.ts'
import type { NodeMetrics } from '../../metrics.ts'
import { isPrivateNetwork } from '../../network/addresses/lookup.ts'
import { createWhereabouts, type WhereaboutsInit } from '../../network/addresses/whereabouts.ts'
import type { RelayKeeper, RelayStanding } from '../../network/circuit/keeper.ts'
import { createKeeper, type Reach, reachable } from '../../network/circuit/reachable.ts'
import { relaysIn } from '../../network/circuit/relays-in.ts'
import { serveHttpOverRelays } from '../../network/http-over-relay.ts'
import { createNetworkNode, type NetworkNode } from '../../network/libp2p.ts'
import { createMesh } from '../../network/mesh.ts'
import { createPathDialer } from '../../network/paths/path-dialer.ts'
import { createNodePuncher } from '../../network/paths/punch/for-node.ts'
import type { PunchCounts } from '../../network/paths/punch/history.ts'
import type { Puncher } from '../../network/paths/punch/puncher.ts'
import { announced, type ReachedAddress } from '../../network/reach/announced.ts'
import { createReachProber } from '../../network/reach/prober.ts'
import type { TlsCertificate } from '../../network/web-socket/listening.ts'
import type { Refusals } from '../../refusals.ts'
import type { ComposedNode } from '../compose-node.ts'
import { createOwnReach, type OwnReach } from './own-reach.ts'

/** Under which key a node is there, and where. */
export interface PresencePlace {
  /** Ed25519 seed of the libp2p identity */
  seed: Uint8Array
  /** multiaddrs */
  listen: readonly string[]
  announce?: readonly string[] | undefined
}

/** What all presences of a node share. */
export interface PresenceComponents extends WhereaboutsInit {
  network: NetworkConfig
  reach: Reach
  /** whether a node that finds out how it is reached may ask routers for a port */
  upnp: boolean
  /** multiaddrs, with PeerIds, of relays to begin with */
  relays: readonly string[]
  /** of addresses with `/tls/ws` */
  tls?: TlsCertificate | undefined
  /** A connection for the node's HTTP API, which came over a relay. */
  http: (socket: Socket) => void
  /** A member could not be dialled. */
  unreachable: () => void
  /** Somebody says to be a member who is not known. */
  stranger: () => void
  /** the committee's, this node among them or not */
  others: () => Promise<readonly PeerAddress[]>
  refusals: Refusals
  /** the line that all of it moves on; without limits when absent */
  bandwidth?: Bandwidth | undefined
  metrics: NodeMetrics
  clock: Clock
  random: () => number
  log: Log
}

/** A node under one of its network keys. While that is replaced there are two. */
export interface Presence {
  readonly peerId: string
  readonly multiaddrs: string[]
  /** the relays by which others call it */
  relays(): RelayStanding[]
  /** connections that are open */
  paths(): { direct: number; relayed: number }
  /** direct connections that were made beside relayed ones */
  punches(): Readonly<PunchCounts>
  readonly peers: PeerClient
  /** From here on peers are answered, and certificates heard. */
  serve(node: Pick<ComposedNode, 'served' | 'certificates' | 'rounds'>): Promise<void>
  /** Keeps connections to others, who know the node by this key, until `follow`. Does nothing when it does already. */
  lead(): void
  follow(): Promise<void>
  /** Resolves once the others were tried. */
  settled(): Promise<void>
  publish(certificate: Certificate): Promise<void>
  /** Tells others what has happened in a storage challenge. */
  tell(news: ChallengeNews): Promise<void>
  /** Others are members now. */
  membersChanged(): void
  /** Ends what `serve` and `lead` began; requests to others go on. Idempotent; never rejects. */
  silence(): Promise<void>
  /** Ends everything. Idempotent; never rejects. */
  close(): Promise<void>
}

/**
 * Listens; nobody is answered yet. Throws node's EADDRINUSE, others of libp2p, and what a relay's address that is none throws;
 * nothing stays open then.
 */
export async function openPresence(components: PresenceComponents, place: PresencePlace): Promise<Presence> {
  const opened = createCloseStack(components.log)
  const libp2p = await networkNodeOf(components, place)
  opened.push(async () => libp2p.stop())
  try {
    const { seed: networkSeed, announce = [] } = place
    return await presenceAt(components, { libp2p, networkSeed, announce }, opened)
  } catch (error) {
    await opened.closeAll()
    throw error
  }
}

/** As whom a presence is there. */
interface Identity {
  libp2p: NetworkNode
  networkSeed: Uint8Array
  /** multiaddrs that the operator has others told */
  announce: readonly string[]
}

async function presenceAt(
  components: PresenceComponents,
  identity: Identity,
  opened: CloseStack,
): Promise<Presence> {
  const { network, reach, relays, addresses, isMember, members, http, unreachable, others } = components
  const { bandwidth, scores, metrics, clock, random, log } = components
  const { libp2p } = identity
  opened.push(async () => unhear())
  const unhear = libp2p.circuits.onCalled((relay, call) => scores.called(relay, call))
  const { systemObjectId } = network
  const serving = createCloseStack(log)
  const reached = (): readonly ReachedAddress[] =>
    identity.announce.length > 0 ? [] : (ownReach?.reached ?? [])
  const where = await createWhereabouts(components, { ...identity, reached })
  const relaysOf = (peer: string): string[] => [...where.relaysOf(peer), ...(keeper?.addresses() ?? [])]
  const puncher = puncherOf(components, libp2p, relaysOf, peer => mesh.needs(peer))
  if (puncher !== undefined) opened.push(() => puncher.stop())
  const dialer = createPathDialer({ libp2p, clock, unreachable, puncher, ...where.paths })
  const peers = createPeerClient({ dialer, bandwidth, log, metrics, clock }, { network: systemObjectId })
  opened.push(async () => peers.close())
  where.askBy(peers)
  const mesh = createMesh({ libp2p, dialer, log, clock, random }, { peers: others })
  const keeper = createKeeper({ libp2p, reach, relays, scores, log, clock, random })
  opened.push(async () => unlearn())
  const unlearn = addresses.onLearned(({ peerId, multiaddrs }) => {
    mesh.moved(peerId)
    puncher?.addressesChanged(peerId)
    if (isMember(peerId)) keeper?.learn(relaysIn(multiaddrs))
  })
  for (const peerId of members()) keeper?.learn(relaysIn(addresses.addresses(peerId)))
  const ownReach = ownReachOf(components, identity, keeper, where.moved)
  const { pubsub } = libp2p.services
  serving.push(() => mesh.stop())
  serving.push(where.stop)
  if (keeper !== undefined) serving.push(() => keeper.stop())
  if (ownReach !== undefined) serving.push(ownReach.stop)
  opened.push(serving.closeAll)
  let topic: CertifiedTopic | undefined
  let challengeTopic: ChallengeTopic | undefined
  return {
    peerId: libp2p.peerId.toString(),
    get multiaddrs() {
      const own = `/p2p/${libp2p.peerId}`
      return announced(libp2p.getMultiaddrs(), reached()).map(one => (one.endsWith(own) ? one : one + own))
    },
    peers,
    relays: () => keeper?.standings() ?? [],
    paths: () => countPaths(libp2p),
    punches: () => puncher?.counts ?? NO_PUNCHES,
    async serve({ served, certificates, rounds }) {
      const ports = { ...served, punching: puncher }
      const protocols = protocolsOf(components, libp2p, ports)
      await protocols.start()
      serving.push(() => protocols.stop())
      if (keeper !== undefined) serving.push(await serveHttpOverRelays(libp2p, keeper, http, clock))
      if (reach === 'private') await reachable(keeper, { log, clock })
      where.listen()
      if (pubsub === undefined) return
      topic = certifiedTopicOf(components, pubsub, certificates)
      topic.start()
      serving.push(async () => topic?.stop())
      challengeTopic = hearChallenges(components, pubsub, rounds, serving)
    },
    lead() {
      mesh.start()
      where.lead()
      ownReach?.start()
    },
    async follow() {
      await ownReach?.rest()
      await where.follow()
      await mesh.stop()
    },
    settled: () => mesh.settled(),
    publish: async certificate => void (await topic?.publish(certificate)),
    tell: async news => await challengeTopic?.publish(news),
    membersChanged: libp2p.membersChanged,
    silence: serving.closeAll,
    close: opened.closeAll,
  }
}

const NO_PUNCHES: PunchCounts = { succeeded: 0, failed: 0 }

/** Of a node that is to find out by itself how it is reached. */
function ownReachOf(
  { network, reach, relays, upnp, isMember, clock, random, log }: PresenceComponents,
  { libp2p, announce }: Identity,
  keeper: RelayKeeper | undefined,
  changed: () => void,
): OwnReach | undefined {
  if (reach !== 'auto') return undefined
  // an operator who says where the node is knows better than its router
  const mayMap = upnp && announce.length === 0
  return createOwnReach({
    network,
    libp2p,
    keeper,
    relays,
    isMember,
    upnp: mayMap,
    changed,
    clock,
    random,
    log,
  })
}

function protocolsOf(
  { network, addresses, isMember, stranger, refusals, bandwidth, metrics, clock, log }: PresenceComponents,
  libp2p: NetworkNode,
  served: ComposedNode['served'],
): ProtocolServer {
  return serveProtocols(
    { libp2p, bandwidth, log, metrics, clock },
    {
      network: network.systemObjectId,
      ...served,
      addresses,
      reach: createReachProber({ libp2p, clock }),
    },
    {
      isMember,
      stranger,
      serving: libp2p.serving,
      refused: reason => refusals.refused('streams', reason),
    },
  )
}

function certifiedTopicOf(
  { network, isMember, metrics, clock, log }: PresenceComponents,
  pubsub: GossipSub,
  { check }: Pick<ComposedNode['certificates'], 'check'>,
): CertifiedTopic {
  return createCertifiedTopic(
    { pubsub, log, metrics, clock },
    {
      network: network.systemObjectId,
      isMember,
      check,
      accepted: certificate => log.debug({ epoch: certificate.epoch }, 'certificate heard by gossip'),
    },
  )
}

function hearChallenges(
  { network, isMember, metrics, clock }: PresenceComponents,
  pubsub: GossipSub,
  rounds: ComposedNode['rounds'],
  serving: CloseStack,
): ChallengeTopic | undefined {
  if (rounds === undefined) return undefined
  const topic = createChallengeTopic(
    { pubsub, metrics, clock },
    { network: network.systemObjectId, isMember, heard: (news, options) => rounds.heard(news, options) },
  )
  topic.start()
  serving.push(async () => topic.stop())
  return topic
}

function puncherOf(
  { network, isMember, clock, random, log }: PresenceComponents,
  libp2p: NetworkNode,
  relays: (peer: string) => readonly string[],
  needs: (peer: string) => boolean,
): Puncher | undefined {
  return createNodePuncher({
    libp2p,
    network: network.systemObjectId,
    isMember,
    relays,
    needs,
    log,
    clock,
    random,
  })
}

function countPaths(libp2p: Pick<NetworkNode, 'getConnections'>): { direct: number; relayed: number } {
  const open = libp2p.getConnections().filter(({ status }) => status === 'open')
  const direct = open.filter(connection => connection.direct).length
  return { direct, relayed: open.length - direct }
}

function networkNodeOf(
  { network, reach, tls, isMember, refusals, log, clock, random }: PresenceComponents,
  { seed, listen, announce }: PresencePlace,
): Promise<NetworkNode> {
  return createNetworkNode({
    privateKey: seed,
    listen,
    tls,
    announce,
    network: network.systemObjectId,
    roles: ['storage'],
    isKnown: isMember,
    isHome: reach === 'private',
    isPrivate: isPrivateNetwork(network),
    refusals,
    log,
    clock,
    random,
  })
}
