import assert from 'node:assert/strict'
import { multiaddr } from '@multiformats/multiaddr'
import { relaysFor, stunOf } from '../../../../../node/network/paths/punch/for-node.ts'

describe('where relays have STUN', () => {
  const ONE = '12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5'
  const TWO = '12D3KooWPqSVSo6Es6p4VK4YWw8eA6NzVRzVVoXkdBcMiXrwQZLK'
  const at = (...relays: string[]) => {
    const told = (relay: string) => (relay === ONE ? 4_321 : undefined)
    return stunOf(
      relays.map(text => multiaddr(text)),
      told,
    ).map(({ host, family, port }) => `${host} ${family} ${port}`)
  }

  it('is where they say, and else at 3478', () => {
    const [four, six] = ['/ip4/192.0.2.1/tcp/4001', '/ip6/2001:db8::1/tcp/4001']
    assert.deepEqual(at(`${four}/p2p/${ONE}`, `${six}/p2p/${TWO}`), [
      '192.0.2.1 4 4321',
      '2001:db8::1 6 3478',
    ])
    // over a relay it is the relay that has said it, and not who is called
    assert.deepEqual(at(`${four}/p2p/${TWO}/p2p-circuit/p2p/${ONE}`), ['192.0.2.1 4 3478'])
    assert.deepEqual(at(`${four}/p2p/${ONE}/p2p-circuit/p2p/${TWO}`), ['192.0.2.1 4 4321'])
    assert.deepEqual(at(`${four}/p2p-circuit/p2p/${ONE}`), ['192.0.2.1 4 3478'])
  })

  it('is asked at all addresses of the relay that a connection goes over, before others', () => {
    const used = `/ip4/192.0.2.1/tcp/4001/p2p/${ONE}`
    const six = `/ip6/2001:db8::1/tcp/4001/p2p/${ONE}`
    const other = `/dns/relay.example/tcp/4001/p2p/${TWO}`
    const relayed = { remoteAddr: multiaddr(`${used}/p2p-circuit/p2p/${TWO}`) }
    assert.deepEqual(at(...relaysFor(relayed, [other, used, six]).map(String)), [
      '192.0.2.1 4 4321',
      '2001:db8::1 6 4321',
      // a name that says no family may have both
      'relay.example 6 3478',
      'relay.example 4 3478',
    ])
  })

  it('is asked once, and never on this machine', () => {
    const relay = `/ip4/192.0.2.1/tcp/4001/p2p/${ONE}`
    assert.deepEqual(at(`${relay}/p2p-circuit/p2p/${TWO}`, relay), ['192.0.2.1 4 4321'])
    // two relays of one machine
    assert.deepEqual(at(relay, `/ip4/192.0.2.1/tcp/4002/p2p/${TWO}`).length, 2)
    assert.deepEqual(at(`/ip4/127.0.0.1/tcp/4001/p2p/${ONE}`), [])
  })
})
