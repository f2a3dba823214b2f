import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { Stream } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { systemClock } from '../../../../base/clock.ts'
import { silentLog } from '../../../../base/log.ts'
import { createDialingNode } from '../../../../node/network/dialing-node.ts'
import { createNetworkNode, type NetworkNode } from '../../../../node/network/libp2p.ts'
import { MUXER_FRAMES, WEB_RTC } from '../../../../node/network/limits.ts'
import { webRtcDialing } from '../../../../node/network/web-rtc/dialing.ts'
import { rtcPlace } from '../../../../node/network/web-rtc/kinds.ts'
import { createUfrag } from '../../../../node/network/web-rtc/sdp.ts'
import type { createRefusals } from '../../../../node/refusals.ts'
import { eventually } from '../../../protocols/support/eventually.ts'
import { NETWORK } from '../../../protocols/support/fakes.ts'
import { quietLog } from '../../../protocols/support/quiet.ts'
import { connectNatively, stunRequest } from '../../../support/native-rtc.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

const MIB = 1024 * 1024
const PROTOCOL = '/floe/test/1'
const SEED = new Uint8Array(32).fill(9)

describe('a node that pages reach by WebRTC', function () {
  this.timeout(60_000)
  let node: NetworkNode
  let page: Awaited<ReturnType<typeof createDialingNode>>
  let refused: string[]
  const start = (options: object = {}) =>
    createNetworkNode({
      clock: systemClock,
      random: Math.random,
      network: NETWORK,
      roles: ['storage'],
      privateKey: SEED,
      listen: ['/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.1/udp/0/webrtc-direct'],
      log: quietLog,
      refusals: { refused: (_, reason) => void refused.push(reason) } as ReturnType<typeof createRefusals>,
      ...options,
    })
  beforeEach(async () => {
    refused = []
    node = await start()
    const dialing = webRtcDialing({ connect: connectNatively, clock: systemClock, random: Math.random })
    page = await createDialingNode([dialing as never], { clock: systemClock, log: silentLog() })
  })
  afterEach(async () => {
    await page.stop()
    await node.stop()
  })

  const addressOf = (of: Pick<NetworkNode, 'getMultiaddrs'>): Multiaddr => {
    const found = of.getMultiaddrs().find(one => one.toString().includes('/webrtc-direct/certhash/'))
    assert.ok(found, String(of.getMultiaddrs()))
    return found
  }
  const open = (signal = AbortSignal.timeout(20_000)) =>
    connectNatively(rtcPlace(addressOf(node))!, createUfrag(Math.random), signal)

  it('moves bytes both ways, streams beside each other, and ends them when both sides have all', async () => {
    const total = 4 * MIB
    await node.handle(PROTOCOL, (stream: Stream) => {
      stream.addEventListener('message', ({ data }) => stream.send(data))
      stream.addEventListener('end', () => void stream.close())
    })
    const echo = async (fill: number): Promise<number> => {
      const stream = await page.dialProtocol(addressOf(node), PROTOCOL)
      let back = 0
      const all = new Promise<void>((resolve, reject) => {
        stream.addEventListener('message', ({ data }) => {
          for (const byte of [data.subarray()[0], data.subarray().at(-1)]) assert.equal(byte, fill)
          back += data.byteLength
        })
        stream.addEventListener('close', ({ error }) => (error === undefined ? resolve() : reject(error)))
      })
      for (let sent = 0; sent < total; sent += MIB / 4) {
        if (!stream.send(new Uint8Array(MIB / 4).fill(fill))) await stream.onDrain()
      }
      await stream.close()
      await all
      return back
    }
    assert.deepEqual(await Promise.all([echo(1), echo(2)]), [total, total])
    const [connection] = node.getConnections(page.peerId)
    assert.match(String(connection?.remoteAddr), /^\/ip4\/127.0.0.1\/udp\/\d+\/webrtc-direct\/p2p\//)
    await eventually(
      () => connection!.streams.every(one => one.protocol !== PROTOCOL),
      () => 'streams are left',
    )
  })

  it('has the same certificate at the next start, and tells it where only the operator knows the address', async () => {
    const hash = /certhash\/([\w-]+)/.exec(addressOf(node).toString())![1]
    await node.stop()
    node = await start({ announce: ['/ip4/127.0.0.1/udp/4321/webrtc-direct'] })
    assert.equal(
      addressOf(node).toString(),
      `/ip4/127.0.0.1/udp/4321/webrtc-direct/certhash/${hash}/p2p/${node.peerId}`,
    )
  })

  it('is there for others where its UDP port is taken, and says so', async () => {
    const taken = createSocket('udp4').bind(0, '127.0.0.1')
    await once(taken, 'listening')
    const warned: unknown[] = []
    const log = { ...quietLog, warn: (about: { address?: string }) => void warned.push(about.address) }
    const address = `/ip4/127.0.0.1/udp/${taken.address().port}/webrtc-direct`
    await node.stop()
    try {
      node = await start({ log, listen: ['/ip4/127.0.0.1/tcp/0', address] })
      assert.deepEqual(warned, [address])
      assert.equal(node.getMultiaddrs().length, 1)
      assert.match(String(node.getMultiaddrs()[0]), /^\/ip4\/127\.0\.0\.1\/tcp\//)
    } finally {
      taken.close()
    }
  })

  it('is reached by WebRTC once its UDP port is free', async () => {
    const taken = createSocket('udp4').bind(0, '127.0.0.1')
    await once(taken, 'listening')
    const address = `/ip4/127.0.0.1/udp/${taken.address().port}/webrtc-direct`
    const clock = new VirtualClock()
    await node.stop()
    node = await start({ clock, listen: ['/ip4/127.0.0.1/tcp/0', address] })
    const told = new Promise(resolve => node.addEventListener('self:peer:update', resolve, { once: true }))
    await clock.advance(30_000)
    assert.equal(node.getMultiaddrs().length, 1)
    await new Promise<void>(resolve => taken.close(() => resolve()))
    // the try before may still be under way, in real time
    for (let tries = 0; tries < 1_000 && node.getMultiaddrs().length < 2; tries++) {
      await clock.advance(30_000)
      await systemClock.sleep(10)
    }
    assert.ok(addressOf(node).toString().startsWith(address))
    // and others are told
    await told
    await (await open()).link.close()
  })

  it('is not taken for another: neither its certificate nor its key can be somebody else’s', async () => {
    const other = await start({ privateKey: new Uint8Array(32).fill(8) })
    try {
      const [own, others] = [addressOf(node).toString(), addressOf(other).toString()]
      const port = /udp\/(\d+)/.exec(own)![0]
      const wrongCertificate = others.replace(/udp\/\d+/, port).replace(/p2p\/\w+$/, `p2p/${node.peerId}`)
      await assert.rejects(page.dial(multiaddr(wrongCertificate), { signal: AbortSignal.timeout(3_000) }))
      const wrongKey = own.replace(/p2p\/\w+$/, `p2p/${other.peerId}`)
      await assert.rejects(page.dial(multiaddr(wrongKey), { signal: AbortSignal.timeout(3_000) }))
    } finally {
      await other.stop()
    }
  })

  it('hears that a page has gone, and lets go of it', async () => {
    const connection = await page.dial(addressOf(node))
    const gone = once(node, 'peer:disconnect')
    await connection.close()
    await gone
    assert.deepEqual(node.getConnections(page.peerId), [])
  })

  it('cuts off who opens streams without end, sends text, or what is no frame, and goes on', async () => {
    const attacks = [
      (link: Awaited<ReturnType<typeof open>>) => {
        for (let i = 0; i < 300; i++) link.link.open()
      },
      ({ handshake }: Awaited<ReturnType<typeof open>>) => handshake.send(new Uint8Array(1_000).fill(0xff)),
    ]
    for (const attack of attacks) {
      const opening = await open()
      const ended = new Promise<void>(resolve => opening.link.onClosed(resolve))
      opening.handshake.listen({
        opened: () => undefined,
        drained: () => undefined,
        closed: () => undefined,
        message: () => undefined,
      })
      attack(opening)
      await ended
    }
    await page.dial(addressOf(node))
    assert.equal(node.getConnections(page.peerId).length, 1)
  })

  it('survives packets that are no request, and requests whose names the native library would not', async () => {
    const port = rtcPlace(addressOf(node))!.port
    const socket = createSocket('udp4')
    const names = [
      '',
      'a',
      'a:b',
      `${'a'.repeat(30)}\r\na=x:b`,
      'ü'.repeat(40),
      `${'a'.repeat(500)}:${'a'.repeat(500)}`,
    ]
    const own = 'libp2p+webrtc+v1/'.padEnd(40, 'z')
    const packets = [
      ...[0, 1, 19, 20, 1_400].map(length => randomBytes(length)),
      ...[...names, `${own}:${own}`].map(stunRequest),
      stunRequest(`${own}:${own}`).subarray(0, 30),
    ]
    for (let round = 0; round < 20; round++)
      for (const packet of packets)
        await new Promise(resolve => socket.send(packet, port, '127.0.0.1', resolve))
    socket.close()
    await page.dial(addressOf(node))
    assert.equal(node.getConnections(page.peerId).length, 1)
    // none was passed on to the native library, for which its address would have been charged
    assert.deepEqual(refused, [])
  })

  it('cuts off a peer that opens more streams than it may', async () => {
    const connection = await page.dial(addressOf(node))
    const ended = once(connection, 'close')
    const { muxer } = connection as unknown as { muxer?: { createStream(): Promise<unknown> } }
    const create = () => muxer?.createStream() ?? connection.newStream(PROTOCOL)
    const opening = Array.from({ length: MUXER_FRAMES.openBurst + 50 }, () =>
      Promise.resolve(create()).catch(() => undefined),
    )
    await ended
    await Promise.all(opening)
    assert.ok(refused.includes('rate'), refused.join())
  })

  it('has places for few handshakes of an address at a time', async () => {
    const stop = new AbortController()
    const openings = Array.from({ length: WEB_RTC.pendingPerAddress + 4 }, () =>
      open(stop.signal).catch(() => undefined),
    )
    await eventually(
      () => refused.filter(reason => reason === 'pending').length >= 4,
      () => refused.join(),
    )
    stop.abort()
    for (const opening of await Promise.all(openings)) opening?.link.close()
  })
})
