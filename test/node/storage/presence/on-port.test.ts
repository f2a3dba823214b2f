import assert from 'node:assert/strict'
import { onPort } from '../../../../node/storage/presence/on-port.ts'

describe('multiaddrs at another port', () => {
  it('keep everything but the port; several ports stay apart', () => {
    assert.deepEqual(onPort(['/ip4/1.2.3.4/tcp/100', '/ip6/::/tcp/100/ws', '/dns/a.example/tcp/200'], 7), [
      '/ip4/1.2.3.4/tcp/7',
      '/ip6/::/tcp/7/ws',
      '/dns/a.example/tcp/8',
    ])
    assert.deepEqual(onPort(['/ip4/1.2.3.4/tcp/100', '/ip4/1.2.3.4/udp/100/webrtc-direct'], 7), [
      '/ip4/1.2.3.4/tcp/7',
      '/ip4/1.2.3.4/udp/7/webrtc-direct',
    ])
    assert.deepEqual(onPort([], 7), [])
    assert.deepEqual(onPort(['/memory/x'], 7), ['/memory/x'])
  })
})
