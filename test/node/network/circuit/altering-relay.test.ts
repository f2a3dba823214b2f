import assert from 'node:assert/strict'
import type { Connection, Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { systemClock } from '../../../../base/clock.ts'
import { createRelayKeeper } from '../../../../node/network/circuit/keeper.ts'
import { CIRCUIT_LISTEN, type RelayCall } from '../../../../node/network/circuit/transport.ts'
import { createNetworkNode, type NetworkNode } from '../../../../node/network/libp2p.ts'
import { createRelay } from '../../../../node/relay/relay.ts'
import { CIRCUIT } from '../../../../protocols/index.ts'
import { createStreamReader } from '../../../../protocols/stream/reader.ts'
import { createStreamWriter } from '../../../../protocols/stream/writer.ts'
import { eventually } from '../../../protocols/support/eventually.ts'
import { NETWORK } from '../../../protocols/support/fakes.ts'
import { quietLog } from '../../../protocols/support/quiet.ts'

const PROTOCOL = '/floe-test/altered/1.0.0'
const LIMIT = { timeoutMs: 20_000 }
const common = { network: NETWORK, log: quietLog, clock: systemClock, random: Math.random }

describe('a relay that alters what it passes on', function () {
  this.timeout(60_000)
  let stops: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const stop of stops.reverse()) await stop()
    stops = []
  })

  const start = async (...[options]: Parameters<typeof createNetworkNode>): Promise<NetworkNode> => {
    const libp2p = await createNetworkNode(options)
    stops.push(async () => libp2p.stop())
    return libp2p
  }

  /** A private node that says `words` over and over, and what dials it; `alters` is asked of each piece that reaches the caller. */
  async function behindRelay(words: Uint8Array, alters: (piece: Uint8Array) => boolean) {
    const relaying = await start({ ...common, roles: ['relay'], listen: ['/ip4/127.0.0.1/tcp/0'] })
    const { handle } = relaying
    relaying.handle = (protocol, handler, options) =>
      handle.call(
        relaying,
        protocol,
        (stream, connection) => {
          if (protocol === CIRCUIT.hop) alter(stream, alters)
          return handler(stream, connection)
        },
        options,
      )
    const relay = createRelay({ libp2p: relaying, rssBytes: () => 0, log: quietLog, clock: systemClock })
    await relay.start()
    stops.push(() => relay.stop())
    const called = await start({ ...common, roles: ['storage'], listen: [CIRCUIT_LISTEN] })
    const relays = relaying.getMultiaddrs().map(String)
    const keeper = createRelayKeeper({ ...common, libp2p: called, transport: called.circuits, relays })
    keeper.start()
    stops.push(() => keeper.stop())
    await keeper.settled()
    await called.handle(PROTOCOL, async stream => {
      const [reader, writer] = [
        createStreamReader(stream, systemClock),
        createStreamWriter(stream, systemClock),
      ]
      try {
        while (await reader.hasMore(LIMIT)) {
          await reader.exact(1, LIMIT)
          await writer.write(words, LIMIT)
        }
      } catch {
        // the circuit is gone
      }
    })
    const address = multiaddr(called.getMultiaddrs()[0]!.toString())
    return { caller: await start({ ...common, roles: ['client'] }), address, called }
  }

  function alter(stream: Stream, alters: (piece: Uint8Array) => boolean): void {
    const { send } = stream
    stream.send = data => {
      const bytes = data instanceof Uint8Array ? Uint8Array.from(data) : data.slice()
      if (alters(bytes)) bytes[bytes.length - 1]! ^= 1
      return send.call(stream, bytes)
    }
  }

  /** Asks the node for its words, again and again. */
  async function asking(connection: Connection, length: number) {
    const stream = await connection.newStream(PROTOCOL)
    const [reader, writer] = [
      createStreamReader(stream, systemClock),
      createStreamWriter(stream, systemClock),
    ]
    return async () => {
      await writer.write(new Uint8Array(1), LIMIT)
      return reader.exact(length, LIMIT)
    }
  }

  it('connects nobody when it does so while keys are exchanged', async () => {
    let altered = 0
    // the handshake of keys; what is shorter is the relay's own answer and the choice of protocols
    const isKeys = (piece: Uint8Array) => piece.length > 100 && altered++ >= 0
    const { caller, address } = await behindRelay(new Uint8Array(1), isKeys)
    const calls: RelayCall[] = []
    caller.circuits.onCalled((_, call) => calls.push(call))
    await assert.rejects(caller.dial(address, { signal: AbortSignal.timeout(LIMIT.timeoutMs) }))
    assert.ok(altered > 0)
    // fast as it was, it is called last from now on
    assert.deepEqual(
      calls.map(call => typeof call),
      ['object', 'string'],
    )
    assert.deepEqual(
      caller.getConnections().filter(({ remoteAddr }) => `${remoteAddr}`.includes('circuit')),
      [],
    )
  })

  it('ends the connection when it begins to, and no byte that it altered is read', async () => {
    const words = Uint8Array.from({ length: 1_000 }, (_, i) => i & 0xff)
    let isAltering = false
    const { caller, address, called } = await behindRelay(words, () => isAltering)
    const calls: RelayCall[] = []
    caller.circuits.onCalled((_, call) => calls.push(call))
    const failures = () => calls.filter(call => call === 'failed').length
    for (const times of [1, 2]) {
      isAltering = false
      const connection = await caller.dial(address)
      assert.ok(connection.remotePeer.equals(called.peerId))
      const ask = await asking(connection, words.length)
      assert.ok(Buffer.from(await ask()).equals(words))
      isAltering = true
      await assert.rejects(ask())
      assert.notEqual(connection.status, 'open')
      // once it may be the peer; from the second time on calls should not go over it
      if (times === 1) assert.equal(failures(), 0)
      else
        await eventually(
          () => failures() === 1,
          () => `${failures()} failures`,
        )
    }
  })

  it('is not blamed when the line to it is gone, or the caller is done, however often', async () => {
    for (const end of ['line', 'caller'] as const) {
      const { caller, address } = await behindRelay(new Uint8Array(1), () => false)
      const calls: RelayCall[] = []
      caller.circuits.onCalled((_, call) => calls.push(call))
      for (const _ of [1, 2]) {
        const connection = await caller.dial(address)
        await (await asking(connection, 1))()
        const closed = new Promise(resolve => connection.addEventListener('close', resolve))
        const relay = caller.getConnections().find(({ direct }) => direct)!
        if (end === 'line') relay.abort(new Error('the line is gone'))
        else await connection.close()
        await closed
        // it is told of in the turn after the one in which its circuit ended
        for (const _ of [1, 2]) await systemClock.sleep(0)
      }
      assert.deepEqual(
        calls.map(call => typeof call),
        ['object', 'object'],
        end,
      )
    }
  })

  it('is not blamed when the peer is gone', async () => {
    const { caller, address, called } = await behindRelay(new Uint8Array(1), () => false)
    const calls: RelayCall[] = []
    caller.circuits.onCalled((_, call) => calls.push(call))
    const connection = await caller.dial(address)
    await (await asking(connection, 1))()
    const closed = new Promise(resolve => connection.addEventListener('close', resolve))
    await called.stop()
    await closed
    for (const _ of [1, 2]) await systemClock.sleep(0)
    assert.deepEqual(
      calls.map(call => typeof call),
      ['object'],
    )
  })
})
