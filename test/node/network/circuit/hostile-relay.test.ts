import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import type { Connection, PeerId } from '@libp2p/interface'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { systemClock } from '../../../../base/clock.ts'
import { createRelayKeeper } from '../../../../node/network/circuit/keeper.ts'
import { CIRCUIT_LISTEN } from '../../../../node/network/circuit/transport.ts'
import { createNetworkNode, type NetworkNode } from '../../../../node/network/libp2p.ts'
import { createPathDialer } from '../../../../node/network/paths/path-dialer.ts'
import { pump } from '../../../../node/relay/pump.ts'
import { createRelay } from '../../../../node/relay/relay.ts'
import {
  CIRCUIT,
  createHandshake,
  type Handshake,
  HopAnswerMessage,
  HopRequestMessage,
  StopAnswerMessage,
  StopRequestMessage,
} from '../../../../protocols/index.ts'
import { encodeFrame } from '../../../../protocols/stream/frame.ts'
import { eventually } from '../../../protocols/support/eventually.ts'
import { NETWORK } from '../../../protocols/support/fakes.ts'
import { quietLog } from '../../../protocols/support/quiet.ts'

const common = { network: NETWORK, log: quietLog, clock: systemClock, random: Math.random }
const LISTEN = ['/ip4/127.0.0.1/tcp/0']
const ECHO = '/floe-test/echo/1.0.0'
const limit = () => AbortSignal.timeout(20_000)

/** What a relay does with who wants to be connected. */
type Behave = (hop: Handshake, caller: PeerId) => unknown

describe('a hostile relay', function () {
  this.timeout(60_000)
  let stops: (() => Promise<void>)[] = []
  let behave: Behave
  let bad: NetworkNode
  let good: NetworkNode
  let called: NetworkNode
  /** to the bad relay, by who has come */
  let guests: Map<string, Connection>

  const start = async (roles: 'relay' | 'storage' | 'client', listen: string[] = []) => {
    const libp2p = await createNetworkNode({ ...common, roles: [roles], listen })
    stops.push(async () => libp2p.stop())
    return libp2p
  }

  /** Grants reservations as any other does. */
  async function startBad(): Promise<NetworkNode> {
    const libp2p = await start('relay', LISTEN)
    const hop = async (handshake: Handshake, connection: Connection) => {
      const request = await handshake.read(HopRequestMessage, limit())
      if (request.kind === 'connect') return await behave(handshake, connection.remotePeer)
      guests.set(connection.remotePeer.toString(), connection)
      const addresses = libp2p.getMultiaddrs().map(({ bytes }) => bytes)
      const reservation = { expiresAtSeconds: Math.floor(Date.now() / 1000) + 3_600, addresses }
      handshake.write(HopAnswerMessage, { status: 'ok', reservation })
      return await handshake.end(limit())
    }
    await libp2p.handle(CIRCUIT.hop, (stream, connection) => {
      hop(createHandshake(stream, systemClock), connection).catch(() => undefined)
    })
    return libp2p
  }

  async function startPrivate(relays: readonly NetworkNode[]): Promise<NetworkNode> {
    const libp2p = await start('storage', [CIRCUIT_LISTEN])
    const at = relays.map(relay => relay.getMultiaddrs()[0]!.toString())
    const keeper = createRelayKeeper({ ...common, libp2p, transport: libp2p.circuits, relays: at })
    keeper.start()
    stops.push(() => keeper.stop())
    const isHeld = () => keeper.standings().filter(({ state }) => state === 'held').length === relays.length
    await eventually(isHeld, () => JSON.stringify(keeper.standings()), 20_000)
    await libp2p.handle(ECHO, stream => {
      stream.addEventListener('message', ({ data }) => stream.send(data))
    })
    return libp2p
  }

  const addressOver = (relay: NetworkNode, peer = called) =>
    `${relay.getMultiaddrs()[0]}${CIRCUIT_LISTEN}/p2p/${peer.peerId}`

  async function expectEcho(connection: Connection): Promise<void> {
    const stream = await connection.newStream(ECHO, { signal: limit() })
    const back = new Promise<string>((resolve, reject) => {
      stream.addEventListener('message', ({ data }) => resolve(Buffer.from(data.subarray()).toString()))
      stream.addEventListener('close', () => reject(new Error('the stream is over')))
    })
    stream.send(Buffer.from('who?'))
    assert.equal(await back, 'who?')
  }

  beforeEach(async () => {
    guests = new Map()
    bad = await startBad()
    good = await start('relay', LISTEN)
    const relay = createRelay({ libp2p: good, rssBytes: () => 0, log: quietLog, clock: systemClock })
    await relay.start()
    stops.push(() => relay.stop())
    called = await startPrivate([good, bad])
  })
  afterEach(async () => {
    for (const stop of stops.reverse()) await stop()
    stops = []
  })

  it('that calls a node without end, in the names of many who say nothing or garbage, holds nobody else up', async () => {
    const calling = guests.get(called.peerId.toString())!
    const call = async (i: number): Promise<void> => {
      const stream = await calling.newStream(CIRCUIT.stop, { signal: limit(), maxOutboundStreams: 1_000 })
      const peer = peerIdFromPublicKey(publicKeyFromRaw(randomBytes(32)))
      if (i % 3 > 0) stream.send(encodeFrame(StopRequestMessage.encode({ peer, isNear: true })))
      if (i % 3 > 1) stream.send(randomBytes(60_000))
    }
    const calls = await Promise.allSettled(Array.from({ length: CIRCUIT.streams + 40 }, (_, i) => call(i)))
    assert.ok(calls.some(({ status }) => status === 'fulfilled'))
    const client = await start('client')
    await expectEcho(await client.dial(multiaddr(addressOver(good)), { signal: limit() }))
    const known = [bad, good, client].map(({ peerId }) => peerId.toString())
    for (const { remotePeer, streams } of called.getConnections()) {
      assert.ok(known.includes(remotePeer.toString()), 'somebody is taken for whom the relay named')
      assert.ok(streams.filter(({ protocol }) => protocol === CIRCUIT.stop).length <= CIRCUIT.streams)
    }
  })

  const behaviours: Record<string, Behave> = {
    'says nothing': () => undefined,
    'answers garbage': hop => hop.stream.send(randomBytes(1_000)),
    'announces more than it may say': hop => hop.stream.send(Uint8Array.of(0xff, 0xff, 0xff, 0x7f)),
    'says that it has connected, and no more': hop => hop.write(HopAnswerMessage, { status: 'ok' }),
    'lies about who has no place there': hop => hop.write(HopAnswerMessage, { status: 'no-reservation' }),
  }
  for (const [what, acts] of Object.entries(behaviours)) {
    it(`that ${what} does not keep a caller from another one`, async () => {
      let tried = 0
      behave = (hop, caller) => {
        tried++
        return acts(hop, caller)
      }
      const client = await start('client')
      const dialer = createPathDialer({ libp2p: client, clock: systemClock })
      stops.push(async () => dialer.close())
      const peer = { peerId: called.peerId.toString(), multiaddrs: [addressOver(bad), addressOver(good)] }
      const connection = await dialer.connect(peer, limit())
      assert.ok(connection.remoteAddr.toString().startsWith(`${good.getMultiaddrs()[0]}`))
      assert.equal(tried, 1)
      await expectEcho(connection)
    })
  }

  it('that connects a caller with another peer than was asked for connects it with nobody', async () => {
    const other = await startPrivate([bad])
    let joined = 0
    behave = async (hop, caller) => {
      const stream = await guests.get(other.peerId.toString())!.newStream(CIRCUIT.stop, { signal: limit() })
      const stop = createHandshake(stream, systemClock)
      stop.write(StopRequestMessage, { peer: caller })
      await stop.read(StopAnswerMessage, limit())
      hop.write(HopAnswerMessage, { status: 'ok' })
      const [source, target] = [hop.stream, stream]
      const how = { moved: () => 0, paused: () => undefined, clock: systemClock }
      pump({ source, target, first: hop.release(), ...how })
      pump({ source: target, target: source, first: stop.release(), ...how })
      joined++
    }
    const client = await start('client')
    await assert.rejects(client.dial(multiaddr(addressOver(bad)), { signal: limit() }))
    assert.equal(joined, 1)
    assert.deepEqual(
      client.getConnections().map(({ remotePeer }) => remotePeer.toString()),
      [bad.peerId.toString()],
    )
    // who is asked for in its own name is reached so
    await expectEcho(await client.dial(multiaddr(addressOver(bad, other)), { signal: limit() }))
  })
})
