import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { multiaddr } from '@multiformats/multiaddr'
import { CONNECTIONS, WEB_RTC } from '../../../../node/network/limits.ts'
import { rtcCertificate } from '../../../../node/network/web-rtc/certificate.ts'
import { type ComersLimits, createComers } from '../../../../node/network/web-rtc/comers.ts'
import {
  decodeFrames,
  encodeFrame,
  FLAG,
  FRAME_OVERHEAD_BYTES,
} from '../../../../node/network/web-rtc/framing.ts'
import { HeldChannel } from '../../../../node/network/web-rtc/held.ts'
import { certhashOf, rtcPlace } from '../../../../node/network/web-rtc/kinds.ts'
import { createUfrag, fingerprintIn, isUfrag, withUfrag } from '../../../../node/network/web-rtc/sdp.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

describe('the certificate of WebRTC', () => {
  const made = rtcCertificate(new Uint8Array(32).fill(3))

  it('is one that others can read, signed by its own key, and ends in no time that anybody lives to see', () => {
    const certificate = new X509Certificate(made.cert)
    assert.ok(certificate.verify(certificate.publicKey))
    assert.ok(certificate.publicKey.asymmetricKeyDetails?.namedCurve === 'prime256v1')
    assert.ok(certificate.validToDate.getUTCFullYear() === 9999)
    assert.equal(
      certificate.fingerprint256.replaceAll(':', ''),
      Buffer.from(made.fingerprint).toString('hex').toUpperCase(),
    )
  })

  it('is that of the network key, always', () => {
    assert.deepEqual(rtcCertificate(new Uint8Array(32).fill(3)), made)
    assert.notDeepEqual(rtcCertificate(new Uint8Array(32).fill(4)).fingerprint, made.fingerprint)
  })
})

describe('an address of WebRTC', () => {
  const fingerprint = Uint8Array.from({ length: 32 }, (_, i) => 255 - i)
  const at = '/ip4/192.0.2.1/udp/4001/webrtc-direct'

  it('says where it leads, and to whom', () => {
    const place = rtcPlace(multiaddr(`${at}/certhash/${certhashOf(fingerprint)}`))
    assert.deepEqual(place, { host: '192.0.2.1', port: 4001, family: 4, fingerprint })
  })

  it('leads nowhere without a certificate, with a hash of another kind, by a name, or over a relay', () => {
    const sha1 = `uERQ${certhashOf(fingerprint).slice(4, 31)}`
    const relayed = `/ip4/192.0.2.1/tcp/1/p2p/12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5/p2p-circuit/webrtc-direct`
    for (const text of [at, `${at}/certhash/${sha1}`, '/dns4/floe.example/udp/1/webrtc-direct', relayed])
      assert.equal(rtcPlace(multiaddr(text)), undefined, text)
  })
})

describe('frames in data channels', () => {
  it('are read as they were written, several in a message, too', () => {
    const frames = [
      { message: new Uint8Array(0) },
      { message: new Uint8Array(300).fill(5) },
      { flag: FLAG.FIN },
      { flag: FLAG.RESET, message: new Uint8Array(16_376).fill(1) },
    ]
    const written = frames.map(encodeFrame)
    assert.deepEqual(
      decodeFrames(Buffer.concat(written).subarray()),
      frames.map(frame => (frame.message ? { ...frame, message: Buffer.from(frame.message) } : frame)),
    )
    for (const [i, { message }] of frames.entries())
      assert.ok(written[i]!.length <= FRAME_OVERHEAD_BYTES + (message?.length ?? 0))
  })

  it('are as libp2p writes them', () => {
    assert.deepEqual([...encodeFrame({ flag: FLAG.FIN_ACK })], [2, 8, 3])
    assert.deepEqual([...encodeFrame({ message: Uint8Array.of(7) })], [3, 0x12, 1, 7])
  })

  it('that are cut short, too long, or of unknown fields are none', () => {
    for (const bytes of [[3, 8], [2, 0x12, 9], [2, 0x1a, 0], [0x80], [0xff, 0xff, 0xff, 0xff, 1], [1, 8]])
      assert.equal(decodeFrames(Uint8Array.from(bytes)), undefined, String(bytes))
  })
})

describe('what both sides of WebRTC write for each other', () => {
  it('has a name that the native library takes', () => {
    assert.ok(isUfrag(createUfrag(() => 0.999)))
    for (const text of ['', 'short', `${'a'.repeat(30)}\r\na=x`, 'a'.repeat(257)]) assert.ok(!isUfrag(text))
  })

  it('is put in place of what the browser made up', () => {
    const sdp =
      'v=0\r\na=ice-ufrag:abcd\r\na=ice-pwd:secret\r\na=fingerprint:sha-256 ' +
      Array(32).fill('0A').join(':') +
      '\r\n'
    const changed = withUfrag(sdp, 'libp2p+webrtc+v1/x')
    assert.match(
      changed,
      /^v=0\r\na=ice-ufrag:libp2p\+webrtc\+v1\/x\r\na=ice-pwd:libp2p\+webrtc\+v1\/x\r\na=f/,
    )
    assert.equal(fingerprintIn(changed), Array(32).fill('0A').join(':'))
  })
})

describe('a channel that nobody listens to yet', () => {
  const create = () => {
    const seen: string[] = []
    const channel = new HeldChannel({
      isOpen: true,
      bufferedBytes: 0,
      send: () => undefined,
      close: () => void seen.push('closed'),
    })
    return { channel, seen }
  }

  it('keeps what comes, in order, and tells its end', () => {
    const { channel, seen } = create()
    channel.message(Uint8Array.of(1))
    channel.message(Uint8Array.of(2))
    channel.closed()
    const events = {
      opened() {},
      drained() {},
      message: ([byte]: Uint8Array) => void seen.push(String(byte)),
      closed: () => void seen.push('end'),
    }
    channel.listen(events)
    assert.deepEqual(seen, ['1', '2', 'end'])
  })

  it('is closed when it brings more than the beginning of a stream', () => {
    const many = create()
    for (let i = 0; i < 17; i++) many.channel.message(Uint8Array.of(i))
    const much = create()
    much.channel.message(new Uint8Array(64 * 1024 + 1))
    assert.deepEqual([many.seen, much.seen], [['closed'], ['closed']])
  })
})

describe('who comes by WebRTC', () => {
  const LIMITS = {
    ...WEB_RTC,
    pending: 4,
    pendingPerAddress: 2,
    burst: 20,
    perSecond: 1,
    burstPerAddress: 10,
    perSecondPerAddress: 1,
    connections: 3,
    connectionsPerAddress: 2,
    remembered: 100,
  }
  const start = (limits: Partial<ComersLimits> = {}) => {
    const clock = new VirtualClock()
    const refused: string[] = []
    const dropped: string[] = []
    const comers = createComers(clock, reason => refused.push(reason), { ...LIMITS, ...limits })
    const come = (host: string, name = host) => comers.arrive(host, () => dropped.push(name))
    return { clock, refused, dropped, come }
  }

  it('has so long to prove who it is', async () => {
    const { clock, refused, dropped, come } = start()
    come('192.0.2.1', 'slow')
    come('192.0.2.1', 'quick')?.admitted()
    come('192.0.2.2', 'gone')?.left()
    await clock.advance(CONNECTIONS.inboundUpgradeTimeout)
    assert.deepEqual([dropped, refused, clock.waiting], [['slow'], ['handshake'], 0])
  })

  it('makes way: the oldest of an address, and of all the oldest of who has most', () => {
    const { dropped, come } = start()
    for (const name of ['a1', 'a2', 'a3']) come('192.0.2.1', name)
    assert.deepEqual(dropped, ['a1'])
    for (const [i, name] of ['b1', 'c1', 'd1'].entries()) come(`192.0.2.${2 + i}`, name)
    assert.deepEqual(dropped, ['a1', 'a2'])
  })

  it('finds no place where an address, or all, have theirs open', () => {
    const { refused, come } = start()
    for (let i = 0; i < 2; i++) come('192.0.2.1')?.admitted()
    assert.equal(come('192.0.2.1'), undefined)
    const third = come('192.0.2.2')
    third?.admitted()
    assert.equal(come('192.0.2.3'), undefined)
    third?.left()
    assert.ok(come('192.0.2.3'))
    assert.deepEqual(refused, ['address', 'full'])
  })

  it('finds none above the rate of its address, or of all', () => {
    const { refused, come } = start({ burst: 4, burstPerAddress: 3 })
    for (let i = 0; i < 3; i++) come('192.0.2.1')?.left()
    assert.equal(come('192.0.2.1'), undefined)
    come('192.0.2.2')?.left()
    assert.equal(come('192.0.2.3'), undefined)
    assert.deepEqual(refused, ['rate', 'rate'])
  })
})
