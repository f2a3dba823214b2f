import assert from 'node:assert/strict'
import { multiaddr } from '@multiformats/multiaddr'
import { mayDial, pathWord } from '../../../node/page/page-transports.ts'

describe('what a page dials', () => {
  it('is what its browser lets it: everything by HTTP, TLS and its own machine by HTTPS', () => {
    const cases = [
      ['/ip4/203.0.113.7/tcp/1/ws', true, false],
      ['/ip4/192.168.1.7/tcp/1/ws', true, false],
      ['/ip4/127.0.0.1/tcp/1/ws', true, true],
      ['/dns/node.example.org/tcp/1/tls/ws', true, true],
      ['/dns/node.example.org/tcp/1/wss', true, true],
    ] as const
    for (const [text, byHttp, byHttps] of cases) {
      const address = multiaddr(text)
      const may = [false, true].map(isSecure => mayDial(address, { isSecure }))
      assert.deepEqual(may, [byHttp, byHttps], text)
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
