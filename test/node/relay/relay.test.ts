import assert from 'node:assert/strict'
import type { Connection, Stream } from '@libp2p/interface'
import { systemClock } from '../../../base/clock.ts'
import { RELAY_WINDOW_BYTES } from '../../../node/network/limits.ts'
import { RELAY, type RELAY_LIMITS } from '../../../node/relay/limits.ts'
import {
  CIRCUIT,
  type CircuitEnd,
  CircuitError,
  connectThrough,
  createHandshake,
  HopAnswerMessage,
  HopRequestMessage,
  receiveCall,
  reserveAt,
  StopAnswerMessage,
  StopRequestMessage,
} from '../../../protocols/index.ts'
import { encodeFrame } from '../../../protocols/stream/frame.ts'
import { createStreamReader } from '../../../protocols/stream/reader.ts'
import { createStreamWriter } from '../../../protocols/stream/writer.ts'
import { eventually } from '../../protocols/support/eventually.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { type TestPeer, type TestRelay, type TestRelays, testRelays } from './support.ts'

const MIB = 1024 * 1024
const options = { clock: systemClock }
const LIMIT = { timeoutMs: 10_000 }

describe('relay', () => {
  let relays: TestRelays
  beforeEach(() => {
    relays = testRelays()
  })
  afterEach(() => relays.stop())

  /** A peer with a reservation. */
  const target = async (relay: TestRelay): Promise<TestPeer> => {
    const peer = await relays.peer(relay)
    await reserveAt(peer.connection, options)
    return peer
  }
  const open = async (relay: TestRelay) => {
    const [called, caller] = [await target(relay), await relays.peer(relay)]
    const call = called.nextCall()
    const there = await connectThrough(caller.connection, called.libp2p.peerId, options)
    return { called, caller, there, here: await call }
  }
  const refusalOf = async (asked: Promise<unknown>) => {
    try {
      await asked
    } catch (error) {
      assert.ok(error instanceof CircuitError, String(error))
      return error.details as { status?: string; reason?: string; retryAfterMs?: number }
    }
    throw new Error('it was granted')
  }

  it('grants a reservation that tells until when, where, and how busy it is', async () => {
    const relay = await relays.relay()
    const peer = await relays.peer(relay)
    const answer = await reserveAt(peer.connection, options)
    assert.equal(answer.loadPermille, 0)
    assert.equal(answer.reservation?.addresses.length, relay.libp2p.getMultiaddrs().length)
    const leftMs = answer.reservation!.expiresAtSeconds * 1000 - Date.now()
    assert.ok(leftMs > RELAY.reservationMs / 2 && leftMs <= RELAY.reservationMs)
    assert.equal(relay.relay.view().reservations, 1)
    // again on the same connection: it is the same
    await reserveAt(peer.connection, options)
    assert.equal(relay.relay.view().reservations, 1)
  })

  it('tells where its STUN is, but for a port at which peers do not ask', async () => {
    for (const [stunPort, told] of [
      [1_024, 1_024],
      [443, undefined],
    ] as const) {
      const { connection } = await relays.peer(await relays.relay({ stunPort }))
      assert.equal((await reserveAt(connection, options)).stunPort, told)
    }
  })

  it('joins two peers, tells the called one who calls, and counts what moves', async () => {
    const relay = await relays.relay()
    const { caller, there, here } = await open(relay)
    assert.ok(here.peer.equals(caller.libp2p.peerId))
    const data = new Uint8Array(3 * MIB).fill(7)
    const reader = createStreamReader(here.stream, systemClock)
    const writer = createStreamWriter(there.stream, systemClock)
    await Promise.all([
      writer.write(data, LIMIT).then(() => writer.close(LIMIT)),
      reader.exact(data.length, LIMIT).then(bytes => assert.deepEqual(bytes, data)),
    ])
    assert.equal(await reader.hasMore(LIMIT), false)
    await here.stream.close()
    await eventually(
      () => relay.relay.view().circuits === 0,
      () => 'the circuit stays',
    )
    assert.equal(relay.relay.view().counts.bytes.strangers, data.length)
    assert.equal(relay.relay.view().month.bytes, data.length)
  })

  it('loses nothing of what the called peer says right behind its answer', async () => {
    const relay = await relays.relay()
    const [called, caller] = [await target(relay), await relays.peer(relay)]
    await called.libp2p.unhandle(CIRCUIT.stop)
    await called.libp2p.handle(CIRCUIT.stop, async stream => {
      const handshake = createHandshake(stream, systemClock)
      await handshake.read(StopRequestMessage, AbortSignal.timeout(5_000))
      const answer = encodeFrame(StopAnswerMessage.encode({ status: 'ok' }))
      stream.send(Uint8Array.from([...answer, 1, 2, 3]))
    })
    const { stream, first } = await connectThrough(caller.connection, called.libp2p.peerId, options)
    const reader = createStreamReader(stream, systemClock)
    const rest = await reader.exact(3 - first.length, LIMIT)
    assert.deepEqual([...first, ...rest], [1, 2, 3])
  })

  it('tells a lost connection from an end, whether or not the end had been said before', async () => {
    const relay = await relays.relay()
    for (const said of [false, true]) {
      const { called, there, here } = await open(relay)
      const reader = createStreamReader(there.stream, systemClock)
      if (said) {
        await here.stream.close()
        assert.equal(await reader.hasMore(LIMIT), false)
      }
      called.connection.abort(new Error('the line is cut'))
      await closed(there)
      assert.equal(there.stream.status, 'reset')
      if (!said) await assert.rejects(reader.hasMore(LIMIT), { code: 'CONNECTION_LOST' })
    }
  })

  it('ends a reservation with its connection', async () => {
    const relay = await relays.relay()
    const [called, caller] = [await target(relay), await relays.peer(relay)]
    await called.connection.close()
    await eventually(
      () => relay.relay.view().reservations === 0,
      () => 'the reservation stays',
    )
    await assert.rejects(connectThrough(caller.connection, called.libp2p.peerId, options), {
      code: 'NO_RESERVATION',
    })
  })

  /** A member whose reservation has ended just now, and who calls it. */
  async function memberAway() {
    const relay = await relays.relay({ isMember: () => true })
    const [called, caller] = [await target(relay), await relays.peer(relay)]
    await called.connection.close()
    await eventually(
      () => relay.relay.view().reservations === 0,
      () => 'the reservation stays',
    )
    return { relay, called, caller }
  }

  /** A call waits until the member is back. */
  async function expectWait({ relay, called, caller }: Awaited<ReturnType<typeof memberAway>>) {
    const calling = connectThrough(caller.connection, called.libp2p.peerId, options)
    calling.catch(() => undefined)
    const back = await called.libp2p.dial(relay.libp2p.getMultiaddrs())
    await reserveAt(back, options)
    const [here, there] = await Promise.all([called.nextCall(), calling])
    here.stream.abort(new Error('over'))
    there.stream.abort(new Error('over'))
  }

  it('has calls wait for a member that is back in a moment', async () => {
    await expectWait(await memberAway())
  })

  it('has nobody wait who has left', async () => {
    const away = await memberAway()
    const { called, caller } = away
    const leave = new AbortController()
    const ofLeaving = { ...options, signal: leave.signal }
    const calls = Array.from({ length: RELAY.awaitingPerPeer + 1 }, () =>
      connectThrough(caller.connection, called.libp2p.peerId, ofLeaving),
    )
    // there is no place for the last one: all others wait
    await assert.rejects(Promise.race(calls), { code: 'RELAY_REFUSED' })
    leave.abort()
    await Promise.allSettled(calls)
    // one more has a place, and waits until the member is back
    await expectWait(away)
  })

  it('holds no more than a window and a message of a peer that floods one that does not read', async () => {
    const relay = await relays.relay()
    const { there, here } = await open(relay)
    here.stream.addEventListener('message', () => undefined)
    here.stream.pause()
    const chunk = new Uint8Array(65_536)
    let sent = 0
    const flood = () => {
      while (sent < 64 * MIB && there.stream.writeBufferLength < 2 * MIB) {
        sent += chunk.length
        there.stream.send(chunk)
      }
    }
    there.stream.addEventListener('drain', flood)
    flood()
    const left = () => sent - there.stream.writeBufferLength
    let before = -1
    // until nothing has moved for a while
    await eventually(
      () => {
        const still = before === left() && relay.relay.view().counts.pauses > 0
        before = left()
        return still
      },
      () => `${left()} bytes and counting`,
    )
    const [inner] = relay.libp2p
      .getConnections()
      .map(held)
      .sort((a, b) => b - a)
    assert.ok(inner! <= 2 * RELAY_WINDOW_BYTES, `${inner} bytes held`)
    assert.ok(left() <= here.stream.readBufferLength + 2 * RELAY_WINDOW_BYTES, `${left()} bytes taken`)
  })

  it('keeps nothing that comes behind the last word, of who asked and of a relay that was turned away', async () => {
    const relay = await relays.relay()
    const [peer, other] = [await relays.peer(relay), await relays.peer(relay)]
    const flood = async (stream: Stream) => {
      const writer = createStreamWriter(stream, systemClock)
      for (let i = 0; i < 32; i++) await writer.write(new Uint8Array(65_536), LIMIT)
    }
    const asking = await peer.connection.newStream(CIRCUIT.hop)
    const handshake = createHandshake(asking, systemClock)
    handshake.write(HopRequestMessage, { kind: 'reserve' })
    await handshake.read(HopAnswerMessage, AbortSignal.timeout(5_000))
    await flood(asking)
    // what was sent before this has arrived
    await reserveAt(peer.connection, options)
    assert.equal(Math.max(...relay.libp2p.getConnections(peer.libp2p.peerId).map(held)), 0)

    await peer.libp2p.unhandle(CIRCUIT.stop)
    await peer.libp2p.handle(CIRCUIT.stop, async stream => {
      await receiveCall(stream, () => false, options)
    })
    const [there] = relay.libp2p.getConnections(peer.libp2p.peerId)
    const calling = await there!.newStream(CIRCUIT.stop)
    const call = createHandshake(calling, systemClock)
    call.write(StopRequestMessage, { peer: other.libp2p.peerId })
    assert.equal((await call.read(StopAnswerMessage, AbortSignal.timeout(5_000))).status, 'permission-denied')
    await flood(calling)
    await assert.rejects(connectThrough(other.connection, peer.libp2p.peerId, options))
    assert.equal(held(peer.connection), 0)
  })

  it('takes no more than a window of a caller before the called peer has answered, and loses none of it', async () => {
    const relay = await relays.relay()
    const [called, caller] = [await target(relay), await relays.peer(relay)]
    const answering = Promise.withResolvers<void>()
    const streams = Promise.withResolvers<Stream>()
    await called.libp2p.unhandle(CIRCUIT.stop)
    await called.libp2p.handle(CIRCUIT.stop, async stream => {
      const handshake = createHandshake(stream, systemClock)
      await handshake.read(StopRequestMessage, AbortSignal.timeout(5_000))
      await answering.promise
      handshake.write(StopAnswerMessage, { status: 'ok' })
      handshake.release()
      streams.resolve(stream)
    })
    const data = Uint8Array.from({ length: 4 * MIB }, (_, i) => (i * 7 + (i >> 9)) & 0xff)
    const stream = await caller.connection.newStream(CIRCUIT.hop)
    const asked = createHandshake(stream, systemClock)
    asked.write(HopRequestMessage, { kind: 'connect', peer: called.libp2p.peerId })
    stream.send(data)
    // each round trip brings what the relay has granted by then
    for (let i = 0; i < 20; i++) await reserveAt(caller.connection, options)
    const taken = data.length - stream.writeBufferLength
    assert.ok(taken > 0 && taken <= RELAY_WINDOW_BYTES, `${taken} bytes taken`)
    answering.resolve()
    const reader = createStreamReader(await streams.promise, systemClock)
    assert.deepEqual(await reader.exact(data.length, LIMIT), data)
  })

  it('opens another circuit beside one that is full', async () => {
    const relay = await relays.relay()
    const first = await open(relay)
    first.here.stream.pause()
    first.there.stream.send(new Uint8Array(4 * MIB))
    await eventually(
      () => relay.relay.view().counts.pauses > 0,
      () => 'never full',
    )
    const call = first.called.nextCall()
    const second = await connectThrough(first.caller.connection, first.called.libp2p.peerId, options)
    const reader = createStreamReader((await call).stream, systemClock)
    second.stream.send(new Uint8Array([42]))
    assert.deepEqual(await reader.exact(1, LIMIT), new Uint8Array([42]))
  })

  it('refuses with a reason and a time: full, per address, per source, per target', async () => {
    const relay = await relays.relay()
    const limit = (limits: Partial<typeof RELAY_LIMITS>) => relay.relay.configure({ limits })
    const [called, caller] = [await target(relay), await relays.peer(relay)]
    limit({ reservations: 1 })
    const wanting = await relays.peer(relay)
    assert.deepEqual(await refusalOf(reserveAt(wanting.connection, options)), {
      status: 'reservation-refused',
      reason: 'full',
      retryAfterMs: 60_000,
    })
    limit({ reservationsPerAddress: 1 })
    assert.equal((await refusalOf(reserveAt(wanting.connection, options))).reason, 'address')
    const { peerId } = called.libp2p
    const again = async () => refusalOf(connectThrough(caller.connection, peerId, options))
    limit({ circuits: 0 })
    assert.deepEqual(await again(), {
      status: 'resource-limit-exceeded',
      reason: 'full',
      retryAfterMs: 60_000,
    })
    limit({ circuitsPerSource: 0 })
    assert.equal((await again()).reason, 'source')
    limit({ circuitsPerAddress: 0 })
    assert.equal((await again()).reason, 'address')
    limit({ circuitsPerTarget: 0 })
    assert.equal((await again()).reason, 'target')
    assert.equal(relay.relay.view().counts.refused.full, 2)
    assert.equal(relay.relay.view().circuits, 0)
  })

  it('refuses when its month is used up, until the next, and when it is short of memory', async () => {
    const clock = new VirtualClock(Date.UTC(2026, 10, 30, 23))
    await relays.stop()
    relays = testRelays(clock)
    let rss = 0
    const month = { month: '2026-11', bytes: RELAY.bytesPerMonth }
    const counts = {
      reservations: 0,
      circuits: 0,
      bytes: { members: 0, strangers: 0 },
      pauses: 0,
      refused: {},
    }
    const relay = await relays.relay({ rssBytes: () => rss, kept: { month, counts } })
    const peer = await relays.peer(relay)
    const refused = await refusalOf(reserveAt(peer.connection, options))
    assert.deepEqual([refused.reason, refused.retryAfterMs], ['month', 3_600_000])
    await clock.advance(3_600_000)
    await reserveAt(peer.connection, options)
    rss = RELAY.fullRssBytes + 1
    assert.equal((await refusalOf(reserveAt(peer.connection, options))).reason, 'memory')
  })

  it('lets what is open rest when its month is used up, until it is idle for too long', async () => {
    const clock = new VirtualClock(Date.UTC(2026, 10, 1))
    await relays.stop()
    relays = testRelays(clock)
    const relay = await relays.relay({ settings: { limits: { bytesPerMonth: MIB } } })
    const { there, here } = await open(relay)
    here.stream.addEventListener('message', () => undefined)
    there.stream.send(new Uint8Array(8 * MIB))
    await eventually(
      () => relay.relay.view().counts.pauses > 0 && relay.relay.view().month.bytes >= MIB,
      () => 'it goes on',
    )
    await clock.advance(RELAY.idleMs + 10_000)
    await closed(there)
    const { month, circuits } = relay.relay.view()
    assert.ok(month.bytes <= MIB + 2 * RELAY_WINDOW_BYTES, `${month.bytes} bytes`)
    assert.equal(circuits, 0)
  })

  it('ends what is open of those who are denied from now on', async () => {
    const relay = await relays.relay()
    const first = await open(relay)
    const second = await open(relay)
    const name = ({ libp2p }: TestPeer) => libp2p.peerId.toString()
    relay.relay.configure({ access: { allow: [], deny: [name(first.caller), name(second.called)] } })
    await closed(first.there)
    await closed(second.there)
    assert.equal(relay.relay.view().reservations, 1)
    assert.equal(first.called.connection.status, 'open')
    assert.equal(first.caller.connection.status, 'open')
  })

  it('ends the circuit that is just being made of one who is denied, and of one for whom there is no time as the relay stops', async () => {
    for (const end of ['deny', 'stop'] as const) {
      const relay = await relays.relay()
      const [called, caller] = [await target(relay), await relays.peer(relay)]
      await called.libp2p.unhandle(CIRCUIT.stop)
      const ringing = Promise.withResolvers<Stream>()
      await called.libp2p.handle(CIRCUIT.stop, stream => ringing.resolve(stream))
      const asked = assert.rejects(connectThrough(caller.connection, called.libp2p.peerId, options))
      const stream = await ringing.promise
      assert.equal(relay.relay.view().circuits, 1)
      const deny = [caller.libp2p.peerId.toString()]
      if (end === 'deny') relay.relay.configure({ access: { allow: [], deny } })
      else await relay.relay.stop()
      await asked
      await eventually(
        () => stream.status !== 'open',
        () => 'it is still called',
      )
      assert.equal(relay.relay.view().circuits, 0)
      assert.equal(called.connection.status, 'open')
    }
  })

  it('denies whom the lists name, and others when they name who may; members only by name', async () => {
    const members = new Set<string>()
    const relay = await relays.relay({ isMember: peer => members.has(peer) })
    const peer = await relays.peer(relay)
    const name = peer.libp2p.peerId.toString()
    const denied = { status: 'permission-denied', reason: 'denied', retryAfterMs: 3_600_000 }
    for (const deny of [[name], ['127.0.0.0/8'], ['127.0.0.1']]) {
      relay.relay.configure({ access: { allow: [], deny } })
      assert.deepEqual(await refusalOf(reserveAt(peer.connection, options)), denied)
    }
    relay.relay.configure({ access: { allow: ['10.0.0.0/8'], deny: [] } })
    assert.deepEqual(await refusalOf(reserveAt(peer.connection, options)), denied)
    members.add(name)
    await reserveAt(peer.connection, options)
    assert.throws(() => relay.relay.configure({ access: { allow: ['everybody'], deny: [] } }), {
      code: 'ACCESS_ENTRY',
    })
  })

  it('gives the place of the longest idle stranger to a member', async () => {
    const members = new Set<string>()
    const relay = await relays.relay({ isMember: peer => members.has(peer) })
    const [first, second] = [await target(relay), await target(relay)]
    relay.relay.configure({ limits: { reservations: 2, reservationsPerAddress: 1 } })
    const member = await relays.peer(relay)
    members.add(member.libp2p.peerId.toString())
    const gone = new Promise(resolve => first.connection.addEventListener('close', resolve))
    await reserveAt(member.connection, options)
    // it is told by the end of its connection
    await gone
    assert.equal(second.connection.status, 'open')
    assert.equal(relay.relay.view().reservations, 2)
  })

  it('ends circuits in which no byte moves, and all when it stops', async () => {
    const clock = new VirtualClock()
    await relays.stop()
    relays = testRelays(clock)
    const relay = await relays.relay()
    const idle = await open(relay)
    await clock.advance(RELAY.idleMs / 2)
    const busy = await open(relay)
    await clock.advance(RELAY.idleMs / 2 + 10_000)
    await closed(idle.there)
    await closed(idle.here)
    assert.equal(busy.there.stream.status, 'open')
    await relay.relay.stop()
    await closed(busy.there)
    assert.equal(relay.relay.view().circuits, 0)
  })

  it('answers malformed and unexpected messages, and says when the called peer does not take the call', async () => {
    const relay = await relays.relay()
    const [called, caller] = [await target(relay), await relays.peer(relay)]
    const say = async (bytes: Uint8Array) => {
      const stream = await caller.connection.newStream(CIRCUIT.hop)
      const handshake = createHandshake(stream, systemClock)
      stream.send(bytes)
      try {
        return (await handshake.read(HopAnswerMessage, AbortSignal.timeout(5_000))).status
      } finally {
        handshake.release()
        stream.abort(new Error('over'))
      }
    }
    assert.equal(await say(encodeFrame(new Uint8Array([8, 9]))), 'malformed')
    const stop = StopRequestMessage.encode({ peer: called.libp2p.peerId })
    assert.equal(await say(encodeFrame(stop.with(1, 2))), 'unexpected')
    // over the limit: the length alone is enough
    await assert.rejects(say(new Uint8Array([0xff, 0x7f])))
    await called.libp2p.unhandle(CIRCUIT.stop)
    const failed = await refusalOf(connectThrough(caller.connection, called.libp2p.peerId, options))
    assert.equal(failed.status, 'connection-failed')
    assert.equal(relay.relay.view().circuits, 0)
  })

  it('bounds how often one address may ask', async () => {
    const relay = await relays.relay()
    const peer = await relays.peer(relay)
    const asked = async () =>
      reserveAt(peer.connection, options).then(
        () => undefined,
        error => (error as CircuitError).details as { reason?: string },
      )
    const answers: ({ reason?: string } | undefined)[] = []
    while (answers.length <= 2 * RELAY.askBurst && answers.at(-1) === undefined) {
      answers.push(...(await Promise.all(Array.from({ length: 60 }, asked))))
    }
    assert.equal(answers.at(-1)?.reason, 'rate')
  })
})

/** Bytes that the node holds of the streams of a connection. */
function held(connection: Connection): number {
  return connection.streams.reduce(
    (sum, { readBufferLength, writeBufferLength }) => sum + readBufferLength + writeBufferLength,
    0,
  )
}

function closed({ stream }: Pick<CircuitEnd, 'stream'>): Promise<unknown> {
  return stream.status === 'open'
    ? new Promise(resolve => (stream as Stream).addEventListener('close', resolve))
    : Promise.resolve()
}
