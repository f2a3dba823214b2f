import { type GossipSub, type GossipsubOpts, gossipsub, StrictSign } from '@libp2p/gossipsub'
import type { Connection, PeerId, Stream } from '@libp2p/interface'
import { createRates } from '../../base/rates.ts'
import { createTokenBucket } from '../../base/token-bucket.ts'
import type { ObjectId } from '../../codec/types.ts'
import { addressTopic, CERTIFIED_TOPIC, certifiedTopic, challengeTopic } from '../../protocols/index.ts'
import type { RefusalReason } from '../refusals.ts'
import { watchFrames } from './frames.ts'
import { ADMISSION, GOSSIP, GOSSIP_STREAM } from './limits.ts'
import { createMemberRegistrar, withOverrides } from './member-registrar.ts'
import { peerIdTextOf } from './peer-id.ts'
import type { ServiceInit } from './service-init.ts'

type Components = Parameters<ReturnType<typeof gossipsub>>[0]

interface RpcMessage {
  /** the publisher, as the bytes of a PeerId */
  from?: Uint8Array
  data?: Uint8Array
}
interface Rpc {
  messages: RpcMessage[]
}
/** What the library's class has, and its interface has not. */
interface GossipSubClass extends GossipSub {
  /** what it does with an RPC once that is decoded */
  handleReceivedRpc(from: PeerId, rpc: Rpc): Promise<void>
  getScore(peer: string): number
}

/**
 * Gossip among the members of one network. Strangers are refused before a byte of theirs is decoded, members count before
 * it, and a message of a publisher who is none is dropped before its signature is checked.
 */
export function memberGossip(
  network: ObjectId,
  { isMember, refusals, hangUp, onMembersChanged, clock }: ServiceInit,
): (components: Components) => GossipSub {
  const { remembered } = ADMISSION
  const now = () => clock.monotonic()
  const { faultBurst, faultsPerSecond } = GOSSIP_STREAM
  const faults = createRates({ burst: faultBurst, perSecond: faultsPerSecond, remembered, now })

  /** streams of strangers, which may become members */
  const muted = new Map<Stream, string>()

  /**
   * A stranger's stream stays open, and all that it says is dropped: the library at the other end would take a stream that
   * is reset at once for one that is open, and never open another.
   */
  function mute(stream: Stream, connection: Connection, peer: string): void {
    const refuse = (): void => {
      refusals.refused('gossip', 'stranger')
      hangUp(connection)
    }
    refuse()
    muted.set(stream, peer)
    stream.addEventListener('close', () => muted.delete(stream))
    stream.addEventListener('message', refuse)
  }

  function unmute(): void {
    for (const [stream, peer] of muted) {
      if (isMember(peer)) stream.abort(new Error('a member now: open another'))
    }
  }

  function admit(stream: Stream, connection: Connection): boolean {
    const peer = connection.remotePeer.toString()
    if (!isMember(peer)) {
      mute(stream, connection, peer)
      return false
    }
    const rpcs = createTokenBucket(GOSSIP_STREAM.perSecond, GOSSIP_STREAM.burst, now)
    const bytes = createTokenBucket(GOSSIP_STREAM.bytesPerSecond, GOSSIP_STREAM.burstBytes, now)
    watchFrames<RefusalReason<'gossip'>>(stream, {
      maxBytes: GOSSIP.maxInboundDataLength,
      tooLong: 'size',
      malformed: 'malformed',
      begins(lengthBytes) {
        // it may have left the committee
        if (!isMember(peer)) return 'stranger'
        return rpcs.tryTake(1) && bytes.tryTake(lengthBytes) ? undefined : 'rate'
      },
      refused(reason) {
        refusals.refused('gossip', reason)
        // all of it, so that both begin anew when it comes again
        connection.abort(new Error(`gossip was refused: ${reason}`))
      },
    })
    return true
  }

  /** Why a message is dropped, by what costs nothing to look at. */
  function problemOf({ from, data }: RpcMessage): RefusalReason<'gossip'> | undefined {
    if ((data?.length ?? 0) > CERTIFIED_TOPIC.maxBytes) return 'size'
    const publisher = from === undefined ? undefined : publisherOf(from)
    if (publisher === undefined) return 'malformed'
    return isMember(publisher) ? undefined : 'stranger'
  }

  return components => {
    const { registrar, membersChanged } = createMemberRegistrar(components.registrar, {
      isMember,
      connectionsOf: peer => components.connectionManager.getConnections(peer),
      admit,
    })
    onMembersChanged(() => {
      unmute()
      membersChanged()
    })
    const pubsub = gossipsub(optionsOf(network))(withOverrides(components, { registrar })) as GossipSubClass
    const receive = pubsub.handleReceivedRpc.bind(pubsub)
    const cutOff = (peer: PeerId): void => {
      for (const connection of components.connectionManager.getConnections(peer)) {
        connection.abort(new Error('the peer passes on what it should not'))
      }
    }
    pubsub.handleReceivedRpc = async (from, rpc) => {
      const peer = from.toString()
      const kept = rpc.messages.filter(message => {
        const problem = problemOf(message)
        if (problem === undefined) return true
        refusals.refused('gossip', problem)
        if (!faults.tryTake(peer)) cutOff(from)
        return false
      })
      await receive(from, { ...rpc, messages: kept })
      if (pubsub.getScore(peer) >= GOSSIP.scoreThresholds.graylistThreshold) return
      refusals.refused('gossip', 'score')
      cutOff(from)
    }
    return pubsub
  }
}

/** `0x00 0x24 0x08 0x01 0x12 0x20`: a hash that is the key itself, a protobuf of an Ed25519 key. Others are no nodes'. */
const ED25519_PEER = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20)
const ED25519_FLAG = 0x00
const ED25519_PEER_BYTES = ED25519_PEER.length + 32

function publisherOf(from: Uint8Array): string | undefined {
  if (from.length !== ED25519_PEER_BYTES || !ED25519_PEER.every((byte, i) => from[i] === byte))
    return undefined
  return peerIdTextOf(Uint8Array.of(ED25519_FLAG, ...from.subarray(ED25519_PEER.length)))
}

/** All topics are heard in bursts or not at all: silence costs nothing. */
const TOPIC_SCORE = {
  topicWeight: 1,
  timeInMeshWeight: 0.01,
  timeInMeshQuantum: 1_000,
  timeInMeshCap: 3_600,
  firstMessageDeliveriesWeight: 0.1,
  firstMessageDeliveriesDecay: 0.9,
  firstMessageDeliveriesCap: 100,
  meshMessageDeliveriesWeight: 0,
  meshMessageDeliveriesDecay: 0.5,
  meshMessageDeliveriesCap: 100,
  meshMessageDeliveriesThreshold: 1,
  meshMessageDeliveriesWindow: 1_000,
  meshMessageDeliveriesActivation: 60_000,
  meshFailurePenaltyWeight: 0,
  meshFailurePenaltyDecay: 0.5,
  // squared: four rejected messages in a row weigh -16
  invalidMessageDeliveriesWeight: -1,
  invalidMessageDeliveriesDecay: 0.9,
}

function optionsOf(network: ObjectId): Partial<GossipsubOpts> {
  const topics = [certifiedTopic(network), addressTopic(network), challengeTopic(network)]
  return {
    ...GOSSIP,
    allowedTopics: topics,
    globalSignaturePolicy: StrictSign,
    emitSelf: false,
    doPX: false,
    directPeers: [],
    // a first node alone still publishes, to nobody
    allowPublishToZeroTopicPeers: true,
    fallbackToFloodsub: false,
    scoreParams: {
      // many nodes behind one address are normal: devnet, NAT
      IPColocationFactorWeight: 0,
      // scoring does nothing without topics
      topics: Object.fromEntries(topics.map(topic => [topic, TOPIC_SCORE])),
    },
  }
}
