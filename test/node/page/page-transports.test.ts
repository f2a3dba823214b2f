import assert from 'node:assert/strict'
import { multiaddr } from '@multiformats/multiaddr'
import { pagePlace } from '../../../node/page/page-place.ts'
import { mayDial, pathWord } from '../../../node/page/page-transports.ts'

describe('what a page dials', () => {
  it('is what its browser lets it: its own machine and network where it may, by HTTPS only what has TLS', () => {
    const dns = '/dns/node.example.org'
    // by HTTP and by HTTPS, as a public page, and once its own network was chosen
    const cases = [
      ['/ip4/203.0.113.7/tcp/1/ws', true, false, true, false],
      ['/ip4/203.0.113.7/tcp/1/tls/ws', true, true, true, true],
      ['/ip4/203.0.113.7/udp/1/webrtc-direct', true, true, true, true],
      [`${dns}/tcp/1/tls/ws`, true, true, true, true],
      [`${dns}/tcp/1/wss`, true, true, true, true],
      ['/ip4/192.168.1.7/tcp/1/ws', false, false, true, false],
      ['/ip4/192.168.1.7/tcp/1/tls/ws', false, false, true, true],
      ['/ip4/10.0.0.1/udp/1/webrtc-direct', false, false, true, true],
      ['/ip6/fd00::1/tcp/1/ws', false, false, true, false],
      ['/ip4/169.254.0.1/tcp/1/ws', false, false, true, false],
      ['/ip4/127.0.0.1/tcp/1/ws', false, false, true, true],
      ['/ip4/127.0.0.1/udp/1/webrtc-direct', false, false, true, true],
      ['/ip6/::1/tcp/1/ws', false, false, true, true],
      ['/ip6/::ffff:127.0.0.1/tcp/1/ws', false, false, true, true],
      ['/dns4/localhost/tcp/1/ws', false, false, true, true],
      ['/dns/printer.local/tcp/1/tls/ws', false, false, true, true],
    ] as const
    for (const [text, ...expected] of cases) {
      const address = multiaddr(text)
      const may = [false, true].flatMap(dialsPrivate =>
        [false, true].map(isSecure => mayDial(address, { isSecure, dialsPrivate })),
      )
      assert.deepEqual(may, expected, text)
    }
  })

  it('is its own network unasked where it came from there, and elsewhere once that was chosen', () => {
    const cases = [
      ['http://127.0.0.1:31415', true],
      ['http://localhost:31415', true],
      ['https://floe.localhost', true],
      ['http://[::1]:31415', true],
      ['http://192.168.1.7', true],
      ['http://[fd00::1]', true],
      ['http://nas.local', true],
      ['https://203.0.113.7', false],
      ['https://localhost.example.org', false],
      ['https://10.example.org', false],
      ['https://[2001:db8::1]', false],
    ] as const
    for (const [text, isUnasked] of cases) {
      const url = new URL(text)
      const isSecure = url.protocol === 'https:'
      assert.deepEqual(pagePlace(url, false), { isSecure, dialsPrivate: isUnasked }, text)
      assert.deepEqual(pagePlace(url, true), { isSecure, dialsPrivate: true }, text)
    }
  })

  it('has a word each', () => {
    const relay =
      '/ip4/127.0.0.1/tcp/1/ws/p2p/12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5/p2p-circuit'
    const rtc = '/ip4/127.0.0.1/udp/1/webrtc-direct'
    const addresses = ['/ip4/127.0.0.1/tcp/1/ws', '/ip4/127.0.0.1/tcp/1/tls/ws', relay, rtc]
    assert.deepEqual(
      addresses.map(text => pathWord(multiaddr(text))),
      ['ws', 'wss', 'relay', 'webrtc'],
    )
  })
})
