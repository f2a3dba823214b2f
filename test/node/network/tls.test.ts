import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type ConnectionOptions, connect, createSecureContext, type SecureContextOptions } from 'node:tls'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type {
  ConnectionEncrypter,
  MessageStream,
  PeerId,
  SecuredConnection,
  StreamCloseEvent,
  StreamMuxerFactory,
} from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { type TLSComponents, tls } from '@libp2p/tls'
import { generateCertificate, toNodeDuplex } from '@libp2p/tls/utils'
import { type AbstractMessageStream, multiaddrConnectionPair } from '@libp2p/utils'
import { systemClock } from '../../../base/clock.ts'
import { nodeTls } from '../../../node/network/tls.ts'
import { TEST_TLS } from '../../support/tls.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const CENTURY_MS = 100 * 365 * DAY_MS

type Make = (components: TLSComponents) => ConnectionEncrypter

interface Side {
  encrypter: ConnectionEncrypter
  peer: PeerId
}

const MUXER: StreamMuxerFactory = { protocol: '/muxer/1', createStreamMuxer: () => assert.fail('not wanted') }

async function sideOf(make: Make, muxers = [MUXER]): Promise<Side> {
  const privateKey = await generateKeyPair('Ed25519')
  const upgrader = { getStreamMuxers: () => new Map(muxers.map(muxer => [muxer.protocol, muxer])) }
  const [line] = multiaddrConnectionPair()
  const components = {
    privateKey,
    logger: { forComponent: () => line.log },
    upgrader,
  } as unknown as TLSComponents
  return { encrypter: make(components), peer: peerIdFromPrivateKey(privateKey) }
}

const ours: Make = nodeTls(systemClock)
const theirs: Make = tls()

/** What either side says of a connection between them, the one that dials first. */
async function connectSides(
  from: Side,
  to: Side,
  options = {},
): Promise<[SecuredConnection, SecuredConnection]> {
  const [out, line] = multiaddrConnectionPair()
  return Promise.all([
    from.encrypter.secureOutbound(out, { remotePeer: to.peer, ...options }),
    to.encrypter.secureInbound(line, options),
  ])
}

/** What the side that is dialled makes of one that does as it likes. */
function dialledBy({ encrypter }: Side, own: SecureContextOptions, options: ConnectionOptions = {}) {
  const [out, line] = multiaddrConnectionPair()
  const socket = connect({
    ...options,
    socket: toNodeDuplex(out),
    secureContext: createSecureContext(own),
    rejectUnauthorized: false,
    ALPNProtocols: ['libp2p'],
  })
  socket.on('error', () => undefined)
  return { socket, out, line, secured: encrypter.secureInbound(line) }
}

/** The certificate that a side shows. */
async function shownBy(side: Side): Promise<string> {
  const { socket, secured } = dialledBy(side, TEST_TLS)
  secured.catch(() => undefined)
  await once(socket, 'secureConnect')
  const { fingerprint256 } = socket.getPeerX509Certificate()!
  socket.destroy()
  return fingerprint256
}

async function received(connection: MessageStream, bytes: number): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const part of connection) {
    parts.push(part.subarray())
    if (parts.reduce((sum, { length }) => sum + length, 0) >= bytes) break
  }
  return Buffer.concat(parts)
}

describe('TLS between nodes', () => {
  for (const [name, from, to] of [
    ['its own', ours, ours],
    ['@libp2p/tls that it dials', ours, theirs],
    ['@libp2p/tls that dials it', theirs, ours],
  ] as const) {
    it(`with ${name}: both know the peer and the muxer, and what either sends arrives`, async () => {
      const [here, there] = [await sideOf(from), await sideOf(to)]
      // the second time each has seen the other's certificate
      for (const _ of [1, 2]) {
        const [dialling, dialled] = await connectSides(here, there)
        assert(dialling.remotePeer.equals(there.peer) && dialled.remotePeer.equals(here.peer))
        assert.equal(dialling.streamMuxer, MUXER)
        assert.equal(dialled.streamMuxer, MUXER)
        const bytes = Buffer.alloc(300_000, 'what is sent')
        for (const [sender, taker] of [
          [dialling, dialled],
          [dialled, dialling],
        ] as const) {
          sender.connection.send(bytes)
          assert(bytes.equals(await received(taker.connection, bytes.length)))
        }
        await dialling.connection.close()
      }
    })

    it(`with ${name}: muxers that are not shared, or not to be agreed on, are left for later`, async () => {
      const [here, there] = [await sideOf(from, []), await sideOf(to)]
      for (const { streamMuxer } of await connectSides(here, there)) assert.equal(streamMuxer, undefined)
      const [dialling] = await connectSides(await sideOf(from), there, { skipStreamMuxerNegotiation: true })
      assert.equal(dialling.streamMuxer, undefined)
    })

    it(`with ${name}: another peer than the one that was dialled is refused, each time`, async () => {
      const [here, there] = [await sideOf(from), await sideOf(to)]
      const { peer: other } = await sideOf(ours)
      for (const _ of [1, 2]) {
        const [out, line] = multiaddrConnectionPair()
        there.encrypter.secureInbound(line).catch(() => undefined)
        await assert.rejects(here.encrypter.secureOutbound(out, { remotePeer: other }), {
          name: 'UnexpectedPeerError',
        })
        assert.equal(out.status, 'aborted')
      }
    })
  }

  it('has what was sent before the handshake was looked at', async () => {
    const [here, there] = [await sideOf(theirs), await sideOf(ours)]
    const [out, line] = multiaddrConnectionPair()
    const dialled = there.encrypter.secureInbound(line)
    const { connection } = await here.encrypter.secureOutbound(out)
    connection.send(Buffer.from('early'))
    assert.equal(String(await received((await dialled).connection, 5)), 'early')
  })

  it('refuses who shows no certificate, or one of another kind, and ends the line', async () => {
    const side = await sideOf(ours)
    for (const [own, name] of [
      [{}, 'Error'],
      [TEST_TLS, 'InvalidCertificateError'],
    ] as const) {
      const { secured, line } = dialledBy(side, own)
      await assert.rejects(secured, { name })
      assert.equal(line.status, 'aborted')
    }
  })

  it('refuses TLS before 1.3, and what is not TLS', async () => {
    const side = await sideOf(ours)
    const own = await generateCertificate(await generateKeyPair('Ed25519'))
    await dialledBy(side, own).secured
    await assert.rejects(dialledBy(side, { ...own, maxVersion: 'TLSv1.2' }).secured)
    const [out, line] = multiaddrConnectionPair()
    out.send(Buffer.alloc(1_000, 'GET / HTTP/1.1'))
    await assert.rejects(side.encrypter.secureInbound(line))
    assert.equal(line.status, 'aborted')
  })

  it('gives up a handshake that is not gone on with, and one whose line ends', async () => {
    const { encrypter } = await sideOf(ours)
    for (const role of ['secureInbound', 'secureOutbound'] as const) {
      const abort = new AbortController()
      const [, line] = multiaddrConnectionPair()
      const secured = encrypter[role](line, { signal: abort.signal })
      abort.abort(new Error('too long'))
      await assert.rejects(secured, /too long/)
      const [other, ending] = multiaddrConnectionPair()
      const ended = encrypter[role](ending)
      other.abort(new Error('gone'))
      await assert.rejects(ended)
      assert.notEqual(ending.status, 'open')
      const [another, closing] = multiaddrConnectionPair()
      await Promise.all([assert.rejects(encrypter[role](closing)), another.close()])
    }
  })

  it('ends with a line on which something else comes', async () => {
    for (const role of ['dials', 'is dialled'] as const) {
      const [here, there] = [await sideOf(ours), await sideOf(ours)]
      const [out, line] = multiaddrConnectionPair()
      const [dialling, dialled] = await Promise.all([
        here.encrypter.secureOutbound(out),
        there.encrypter.secureInbound(line),
      ])
      const [{ connection }, other] = role === 'dials' ? [dialling, line] : [dialled, out]
      const ended = new Promise<StreamCloseEvent>(resolve => connection.addEventListener('close', resolve))
      // a record of 32 bytes
      other.send(Buffer.concat([Buffer.from('1703030020', 'hex'), Buffer.alloc(32)]))
      // by itself, and not as the other side sees to it
      assert.match(String((await ended).error), /bad record mac/)
    }
  })

  it('goes on with no session of before, by which a peer would need no key', async () => {
    const side = await sideOf(ours)
    const own = await generateCertificate(await generateKeyPair('Ed25519'))
    let session: Buffer | undefined
    for (const _ of [1, 2]) {
      const { socket, secured } = dialledBy(side, own, { session })
      socket.on('session', ticket => {
        session = ticket
      })
      const { connection } = await secured
      // sessions come before it
      connection.send(Buffer.from('after the handshake'))
      await once(socket, 'data')
      assert.equal(socket.isSessionReused(), false)
      assert(session !== undefined)
    }
  })

  it('shows one certificate for a day, and makes it anew when the clock has gone back', async () => {
    const clock = new VirtualClock(Date.now())
    const side = await sideOf(nodeTls(clock))
    const first = await shownBy(side)
    await clock.advance(DAY_MS - 1)
    assert.equal(await shownBy(side), first)
    await clock.advance(1)
    const second = await shownBy(side)
    assert.notEqual(second, first)
    assert.equal(await shownBy(side), second)
    await clock.advance(-DAY_MS / 2)
    assert.notEqual(await shownBy(side), second)
  })

  it('knows a certificate no longer than it is valid', async () => {
    const clock = new VirtualClock(Date.now())
    const [here, there] = [await sideOf(nodeTls(clock)), await sideOf(nodeTls(new VirtualClock(Date.now())))]
    await connectSides(here, there)
    await clock.advance(2 * CENTURY_MS)
    const { now } = Date
    Date.now = () => now() + 2 * CENTURY_MS
    try {
      await assert.rejects(async () => Promise.all(await connectSides(here, there)), {
        name: 'InvalidCertificateError',
      })
    } finally {
      Date.now = now
    }
  })
})

describe('TLS on a line that is ended by what came on it', () => {
  it('ends with it, and throws at nobody', async () => {
    const [out, line] = multiaddrConnectionPair()
    const [{ encrypter: here }, { encrypter: there }] = [await sideOf(ours), await sideOf(ours)]
    const [{ connection: sender }, { connection }] = await Promise.all([
      there.secureOutbound(out),
      here.secureInbound(line),
    ])
    connection.addEventListener('message', () => line.abort(new Error('that was too much')))
    // two records, which the line has by the time that it goes on
    const { onData } = line as unknown as AbstractMessageStream
    const records: Parameters<typeof onData>[0][] = []
    Object.assign(line, { onData: (data: (typeof records)[number]) => records.push(data) })
    sender.send(new Uint8Array(1_000))
    sender.send(new Uint8Array(1_000))
    while (records.length < 2) await new Promise(setImmediate)
    line.pause()
    for (const record of records) onData.call(line, record)
    const ended = new Promise(resolve => line.addEventListener('close', resolve))
    line.resume()
    await ended
    // what is thrown in a listener is told a moment later
    await new Promise(setImmediate)
    assert.equal(line.status, 'aborted')
  })
})
