import type { Connection, PeerInfo, Stream } from '@libp2p/interface'
import { type KadDHT, kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { createRates } from '../../base/rates.ts'
import type { ObjectId } from '../../codec/types.ts'
import { addressOf } from '../../protocols/index.ts'
import { watchFrames } from './frames.ts'
import { ADMISSION, DHT, DHT_MESSAGES, firstSelfQueryMs } from './limits.ts'
import { createMemberRegistrar, withOverrides } from './member-registrar.ts'
import type { ServiceInit } from './service-init.ts'

type Components = Parameters<ReturnType<typeof kadDHT>>[0]

/**
 * The DHT of one network. It finds members by their PeerId, and that is all: requests for anything else are refused by
 * their bytes, before they are decoded, and nobody but members is in the routing table or in an answer.
 */
export function memberDht(
  network: ObjectId,
  { isMember, refusals, hangUp, onMembersChanged, clock, random }: ServiceInit,
): (components: Components) => KadDHT {
  const { memberBurst, memberPerSecond, addressBurst, addressPerSecond } = DHT_MESSAGES
  const shared = { remembered: ADMISSION.remembered, now: () => clock.monotonic() }
  const members = createRates({ burst: memberBurst, perSecond: memberPerSecond, ...shared })
  const addresses = createRates({ burst: addressBurst, perSecond: addressPerSecond, ...shared })

  function admit(stream: Stream, connection: Connection): true {
    const peer = connection.remotePeer.toString()
    const mayAsk = () =>
      isMember(peer) ? members.tryTake(peer) : addresses.tryTake(addressOf(connection.remoteAddr))
    watchFrames(stream, {
      maxBytes: DHT_MESSAGES.maxRequestBytes,
      tooLong: 'size',
      malformed: 'malformed',
      begins: () => (mayAsk() ? undefined : 'rate'),
      complete: dhtRequestProblem,
      refused(reason) {
        refusals.refused('dht', reason)
        stream.abort(new Error(`a DHT request was refused: ${reason}`))
        hangUp(connection)
      },
    })
    return true
  }

  /** Answers come from members, but are no more than their word. */
  function watchAnswer(stream: Stream): Stream {
    watchFrames(stream, {
      maxBytes: DHT_MESSAGES.maxResponseBytes,
      tooLong: 'answer',
      malformed: 'answer',
      refused(reason) {
        refusals.refused('dht', reason)
        stream.abort(new Error('a DHT answer is too long'))
      },
    })
    return stream
  }

  return components => {
    const { connectionManager } = components
    const { registrar, membersChanged } = createMemberRegistrar(components.registrar, {
      isMember,
      connectionsOf: peer => components.connectionManager.getConnections(peer),
      admit,
    })
    onMembersChanged(membersChanged)
    const openStream: typeof connectionManager.openStream = async (...args) =>
      watchAnswer(await connectionManager.openStream(...args))
    return kadDHT({
      ...DHT,
      protocol: `/floe/${network}/kad/1.0.0`,
      clientMode: false,
      // the library's own mapper drops private addresses, which would leave nothing on loopback and in local networks
      peerInfoMapper: (peer: PeerInfo) =>
        isMember(peer.id.toString()) ? passthroughMapper(peer) : { ...peer, multiaddrs: [] },
      // other queries do not wait for the first self-query: the mesh fills the routing table
      allowQueryWithZeroPeers: true,
      initialQuerySelfInterval: firstSelfQueryMs(random),
    })(
      withOverrides(components, {
        registrar,
        connectionManager: withOverrides(connectionManager, { openStream }),
      }),
    )
  }
}

/** Of the DHT's messages (libp2p's kad-dht, a protobuf), the two that peer routing needs. */
const FIND_NODE = 4
const PING = 5

const TYPE = 0x08
const KEY = 0x12
const CLUSTER_LEVEL = 0x50
/** a record to store, and lists of peers, have no place in a request */
const RECORDS: ReadonlySet<number> = new Set([0x1a, 0x42, 0x4a])
const MAX_KEY_BYTES = 64

/** Why a request is not answered, by its bytes alone: each field at most once, none that is not needed. */
export function dhtRequestProblem(message: Uint8Array): 'kind' | 'malformed' | undefined {
  const seen = new Set<number>()
  let type = 0
  for (let at = 0; at < message.length; ) {
    const tag = message[at++]!
    if (RECORDS.has(tag)) return 'kind'
    if (seen.has(tag)) return 'malformed'
    seen.add(tag)
    const value = message[at++]
    // every number here is below 128, and a key is not longer
    if (value === undefined || value >= 0x80) return 'malformed'
    if (tag === TYPE) type = value
    else if (tag === KEY && value <= MAX_KEY_BYTES) at += value
    else if (tag !== CLUSTER_LEVEL) return 'malformed'
    if (at > message.length) return 'malformed'
  }
  return type === FIND_NODE || type === PING ? undefined : 'kind'
}
