import assert from 'node:assert/strict'
import { circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { type Clock, systemClock } from '../../../../base/clock.ts'
import { createRelayKeeper, type RelayKeeper } from '../../../../node/network/circuit/keeper.ts'
import { CIRCUIT_LISTEN } from '../../../../node/network/circuit/transport.ts'
import { createNetworkNode, type NetworkNode } from '../../../../node/network/libp2p.ts'
import { RETRY_MS } from '../../../../node/relay/limits.ts'
import { createRelay, type Relay } from '../../../../node/relay/relay.ts'
import { CIRCUIT } from '../../../../protocols/index.ts'
import { createStreamReader } from '../../../../protocols/stream/reader.ts'
import { createStreamWriter } from '../../../../protocols/stream/writer.ts'
import { eventually } from '../../../protocols/support/eventually.ts'
import { NETWORK } from '../../../protocols/support/fakes.ts'
import { quietLog } from '../../../protocols/support/quiet.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'
import { receiveStopAnswer } from './stop-call.ts'

const PROTOCOL = '/floe-test/circuit/1.0.0'
/** where relays say that it is */
const STUN = 4_321
const MIB = 1024 * 1024
const HOUR_MS = 3_600_000
const LIMIT = { timeoutMs: 20_000 }
const common = { network: NETWORK, log: quietLog, clock: systemClock, random: Math.random }

interface Components {
  transportManager: { getListeners(): unknown[] }
}

interface Running {
  libp2p: NetworkNode
  address: string
  seed: Uint8Array
  relay: Relay
  /** of memory, as the relay is told */
  rssBytes: number
  stop(): Promise<void>
}

describe('private node', () => {
  let stops: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const stop of stops.reverse()) await stop()
    stops = []
  })

  let seeds = 1
  const startRelay = async (
    seed: Uint8Array = new Uint8Array(32).fill(seeds++),
    port = 0,
    clock: Clock = systemClock,
  ): Promise<Running> => {
    const listen = [`/ip4/127.0.0.1/tcp/${port}`]
    const libp2p = await createNetworkNode({ ...common, roles: ['relay'], listen, privateKey: seed })
    const relay = createRelay({
      libp2p,
      stunPort: STUN,
      rssBytes: () => running.rssBytes,
      log: quietLog,
      clock,
    })
    const address = libp2p.getMultiaddrs()[0]!.toString()
    const stop = async () => {
      await relay.stop()
      await libp2p.stop()
    }
    const running: Running = { libp2p, address, seed, relay, rssBytes: 0, stop }
    stops.push(stop)
    await relay.start()
    return running
  }
  const portOf = ({ address }: Running) => Number(/tcp\/(\d+)/.exec(address)![1])
  const startPrivate = async (relays: Running[], given: { clock?: Clock; random?: () => number } = {}) => {
    const libp2p = await createNetworkNode({ ...common, roles: ['storage'], listen: [CIRCUIT_LISTEN] })
    const keeper = createRelayKeeper({
      ...common,
      libp2p,
      ...given,
      transport: libp2p.circuits,
      relays: relays.map(({ address }) => address),
    })
    keeper.start()
    stops.push(async () => {
      await keeper.stop()
      await libp2p.stop()
    })
    await keeper.settled()
    return { libp2p, keeper }
  }
  const startClient = async () => {
    const libp2p = await createNetworkNode({ ...common, roles: ['client'] })
    stops.push(async () => libp2p.stop())
    return libp2p
  }
  const heldBy = (keeper: RelayKeeper) => keeper.standings().filter(({ state }) => state === 'held')
  const addressesOf = (libp2p: NetworkNode) => libp2p.getMultiaddrs().map(String)

  it('is reached over its relay only, both ways, with full back-pressure', async () => {
    const relay = await startRelay()
    const { libp2p } = await startPrivate([relay])
    const [address, ...others] = addressesOf(libp2p)
    assert.equal(address, `${relay.address}/p2p-circuit/p2p/${libp2p.peerId}`)
    assert.deepEqual(others, [])
    await libp2p.handle(PROTOCOL, async stream => {
      const [reader, writer] = [
        createStreamReader(stream, systemClock),
        createStreamWriter(stream, systemClock),
      ]
      for (let i = 0; i < 8; i++) await writer.write(await reader.exact(MIB, LIMIT), LIMIT)
      await writer.close(LIMIT)
    })
    const client = await startClient()
    const connection = await client.dial(multiaddr(address!))
    assert.ok(connection.remotePeer.equals(libp2p.peerId))
    const stream = await connection.newStream(PROTOCOL)
    const [reader, writer] = [
      createStreamReader(stream, systemClock),
      createStreamWriter(stream, systemClock),
    ]
    const data = Uint8Array.from({ length: 8 * MIB }, (_, i) => (i * 7 + (i >> 9)) & 0xff)
    const [, echoed] = await Promise.all([writer.write(data, LIMIT), reader.exact(data.length, LIMIT)])
    assert.ok(Buffer.from(echoed).equals(data))
    assert.equal(await reader.hasMore(LIMIT), false)
  })

  it('hears from its relay where STUN is, and so does who calls it', async () => {
    const relay = await startRelay()
    const { libp2p } = await startPrivate([relay])
    const client = await startClient()
    const [address] = addressesOf(libp2p)
    const relayId = relay.libp2p.peerId.toString()
    assert.equal(libp2p.circuits.stunPort(relayId), STUN)
    assert.equal(client.circuits.stunPort(relayId), undefined)
    const { remoteAddr } = await client.dial(multiaddr(address!))
    assert.equal(client.circuits.stunPort(relayId), STUN)
    // each knows the relay by the address of the connection
    const called = () => libp2p.getConnections(client.peerId)
    await eventually(
      () => called().length === 1,
      () => `${called().length} connections to who calls`,
    )
    for (const one of [remoteAddr, called()[0]!.remoteAddr])
      assert.ok(one.toString().includes(`/p2p/${relayId}/p2p-circuit`), one.toString())
  })

  it('hears from its relay, as does who calls it, whether both have come to that from one address', async () => {
    const relay = await startRelay()
    const { libp2p } = await startPrivate([relay])
    const [address] = addressesOf(libp2p)
    for (const isNear of [true, false]) {
      const client = await startClient()
      await client.dial(multiaddr(relay.address))
      const seen = () => relay.libp2p.getConnections(client.peerId)[0]
      await eventually(
        () => seen() !== undefined,
        () => 'the relay is not reached',
      )
      if (!isNear) Object.assign(seen()!, { remoteAddr: multiaddr('/ip4/192.0.2.9/tcp/5') })
      const relayed = await client.dial(multiaddr(address!))
      const called = () => libp2p.getConnections(client.peerId)[0]
      await eventually(
        () => called() !== undefined,
        () => 'nobody has called',
      )
      assert.equal(client.circuits.isNear(relayed), isNear)
      assert.equal(libp2p.circuits.isNear(called()!), isNear)
    }
  })

  it('opens another stream while the circuit is full of what nobody reads', async () => {
    const relay = await startRelay()
    const { libp2p } = await startPrivate([relay])
    await libp2p.handle(PROTOCOL, stream => stream.pause(), { maxInboundStreams: 64 })
    await libp2p.handle('/echo', async stream => {
      stream.send(await createStreamReader(stream, systemClock).exact(1, LIMIT))
    })
    const client = await startClient()
    const connection = await client.dial(multiaddr(addressesOf(libp2p)[0]!))
    for (let i = 0; i < 16; i++) {
      const stream = await connection.newStream(PROTOCOL, { maxOutboundStreams: 64 })
      stream.send(new Uint8Array(4 * MIB))
    }
    const stream = await connection.newStream('/echo', { signal: AbortSignal.timeout(LIMIT.timeoutMs) })
    const reader = createStreamReader(stream, systemClock)
    stream.send(new Uint8Array([5]))
    assert.deepEqual(await reader.exact(1, LIMIT), new Uint8Array([5]))
  })

  it('has its reservation again when the relay is back, with one listener still', async () => {
    const relay = await startRelay()
    const { libp2p, keeper } = await startPrivate([relay])
    let running = relay
    for (let i = 0; i < 2; i++) {
      await running.stop()
      await eventually(
        () => addressesOf(libp2p).length === 0,
        () => 'still announced',
      )
      running = await startRelay(relay.seed, portOf(relay))
      await eventually(
        () => addressesOf(libp2p).length === 1,
        () => JSON.stringify(keeper.standings()),
        10_000,
      )
    }
    const { transportManager } = (libp2p as unknown as { components: Components }).components
    assert.equal(transportManager.getListeners().length, 1)
  })

  it('with two relays has an address all the time while one of them lives', async () => {
    const relays = [await startRelay(), await startRelay()]
    const { libp2p, keeper } = await startPrivate(relays)
    await eventually(
      () => heldBy(keeper).length === 2,
      () => JSON.stringify(keeper.standings()),
    )
    let fewest = Number.POSITIVE_INFINITY
    libp2p.addEventListener('self:peer:update', () => {
      fewest = Math.min(fewest, addressesOf(libp2p).length)
    })
    for (const relay of relays) {
      await relay.stop()
      await eventually(
        () => heldBy(keeper).length === 1,
        () => 'not noticed',
      )
      assert.equal(addressesOf(libp2p).length, 1)
      const again = await startRelay(relay.seed, portOf(relay))
      await eventually(
        () => heldBy(keeper).length === 2,
        () => JSON.stringify(keeper.standings()),
        10_000,
      )
      relay.stop = again.stop
    }
    assert.ok(fewest >= 1, `${fewest} addresses`)
  })

  it('keeps a reservation that could not be renewed for as long as it holds, and asks again when it was told to', async () => {
    const clock = new VirtualClock(Date.now())
    const relay = await startRelay(undefined, 0, clock)
    const { libp2p, keeper } = await startPrivate([relay], { clock, random: () => 0.5 })
    relay.rssBytes = Number.POSITIVE_INFINITY
    const standing = () => keeper.standings()[0]!
    // half of the hour
    await clock.advance(HOUR_MS / 2 + 1_000)
    await eventually(
      () => standing().reason === 'memory',
      () => JSON.stringify(standing()),
    )
    assert.equal(standing().state, 'held')
    assert.equal(addressesOf(libp2p).length, 1)
    relay.rssBytes = 0
    await clock.advance(RETRY_MS.memory + 1_000)
    await eventually(
      () => standing().reason === undefined,
      () => JSON.stringify(standing()),
    )
    // again, and nobody answers until it is over
    await relay.libp2p.unhandle(CIRCUIT.hop)
    for (let passed = 0; passed < 2 * HOUR_MS && standing().state === 'held'; passed += 60_000) {
      await clock.advance(60_000)
      if (passed < HOUR_MS - 120_000) assert.equal(standing().state, 'held', `${passed}`)
    }
    assert.deepEqual(addressesOf(libp2p), [])
  })

  it('asks two relays at different times for more time', async () => {
    const clock = new VirtualClock(Date.now())
    const relays = [await startRelay(), await startRelay()]
    const rolls = [0, 1]
    const { keeper } = await startPrivate(relays, { clock, random: () => rolls.shift() ?? 0.5 })
    await eventually(
      () => heldBy(keeper).length === 2,
      () => JSON.stringify(keeper.standings()),
    )
    for (const relay of relays) relay.rssBytes = Number.POSITIVE_INFINITY
    await clock.advance(HOUR_MS / 2)
    const refused = () => keeper.standings().filter(({ reason }) => reason === 'memory').length
    await eventually(
      () => refused() === 1,
      () => JSON.stringify(keeper.standings()),
    )
    await clock.advance(HOUR_MS / 5)
    await eventually(
      () => refused() === 2,
      () => JSON.stringify(keeper.standings()),
    )
  })

  it('hears of relays that others use, believes them no more than its operator, and forgets those that are nowhere', async () => {
    const [own, other] = [await startRelay(), await startRelay()]
    const clock = new VirtualClock(Date.now())
    const { keeper, libp2p } = await startPrivate([own], { clock })
    const ids = () => keeper.standings().map(({ peerId }) => peerId)
    const id = own.libp2p.peerId
    // somebody else's word of where the own relay is, of this node, and of one that nobody is
    const nowhere = multiaddr(other.address).getComponents().at(-1)!.value!
    keeper.learn([`/ip4/127.0.0.1/tcp/9/p2p/${id}`, `/ip4/127.0.0.1/tcp/9/p2p/${libp2p.peerId}`])
    assert.deepEqual(
      keeper.standings().map(({ address }) => address),
      [own.address],
    )
    keeper.learn([`/ip4/127.0.0.1/tcp/9/p2p/${nowhere}`])
    assert.equal(ids().length, 2)
    for (let i = 0; i < 300 && ids().length === 2; i++) await clock.advance(1_000)
    assert.equal(ids().length, 1)
    keeper.learn([other.address])
    await eventually(
      () => heldBy(keeper).length === 2,
      () => JSON.stringify(keeper.standings()),
    )
  })

  it('gives its places back when it stops', async () => {
    const relay = await startRelay()
    const { libp2p, keeper } = await startPrivate([relay])
    await keeper.stop()
    assert.deepEqual(addressesOf(libp2p), [])
    await eventually(
      () => relay.relay.view().reservations === 0,
      () => 'the relay still holds its place',
    )
    assert.equal(libp2p.getConnections().length, 0)
  })

  it('says that it is reached at no other host than where the relay is', async () => {
    const relay = await startRelay()
    const foreign = ['/ip4/198.51.100.7/tcp/4001', '/ip4/127.0.0.1/tcp/9', '/dns/victim.example/tcp/80']
    relay.libp2p.getMultiaddrs = () => foreign.map(one => multiaddr(one))
    const { libp2p } = await startPrivate([relay])
    const id = relay.libp2p.peerId
    assert.deepEqual(addressesOf(libp2p), [
      `${relay.address}/p2p-circuit/p2p/${libp2p.peerId}`,
      `/ip4/127.0.0.1/tcp/9/p2p/${id}/p2p-circuit/p2p/${libp2p.peerId}`,
    ])
  })

  it('takes another relay in place of one that refuses, and tells why', async () => {
    const [full, other] = [await startRelay(), await startRelay()]
    await full.libp2p.unhandle('/libp2p/circuit/relay/0.2.0/hop')
    const relay = createRelay({
      libp2p: full.libp2p,
      rssBytes: () => 0,
      settings: { limits: { reservations: 0 } },
      log: quietLog,
      clock: systemClock,
    })
    await relay.start()
    stops.push(() => relay.stop())
    const { keeper } = await startPrivate([full, other])
    await eventually(
      () => keeper.standings()[0]?.reason !== undefined,
      () => 'not refused',
    )
    const [refused, held] = keeper.standings()
    assert.equal(refused!.reason, 'full')
    assert.ok(refused!.retryInMs! > 30_000)
    assert.equal(held!.state, 'held')
  })

  it('takes no call from a relay on which it has no reservation', async () => {
    const [relay, foreign] = [await startRelay(), await startRelay()]
    const { libp2p } = await startPrivate([relay])
    // the foreign relay is connected, and has a reservation of its own making
    await libp2p.dial(multiaddr(foreign.address))
    const client = await startClient()
    const address = `${foreign.address}/p2p-circuit/p2p/${libp2p.peerId}`
    await assert.rejects(client.dial(multiaddr(address)))
    const [connection] = foreign.libp2p.getConnections(libp2p.peerId)
    assert.equal(await receiveStopAnswer(connection!, client.peerId), 'permission-denied')
  })

  it('is dialled by js-libp2p, and dials what has its reservation by js-libp2p', async () => {
    const relay = await startRelay()
    const { libp2p } = await startPrivate([relay])
    const libraryNode = (listen: string[]) =>
      createLibp2p({
        addresses: { listen },
        transports: [tcp(), circuitRelayTransport()],
        connectionEncrypters: [noise()],
        streamMuxers: [yamux()],
        services: { identify: identify() },
      })
    const caller = await libraryNode([])
    stops.push(async () => caller.stop())
    const connection = await caller.dial(multiaddr(addressesOf(libp2p)[0]!))
    assert.ok(connection.remotePeer.equals(libp2p.peerId))
    const called = await libraryNode([`${relay.address}/p2p-circuit`])
    stops.push(async () => called.stop())
    await eventually(
      () => called.getMultiaddrs().length > 0,
      () => 'no reservation',
    )
    const client = await startClient()
    const there = await client.dial(called.getMultiaddrs()[0]!)
    assert.ok(there.remotePeer.equals(called.peerId))
  })
})
