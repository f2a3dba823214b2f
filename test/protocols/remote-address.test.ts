import assert from 'node:assert/strict'
import { multiaddr } from '@multiformats/multiaddr'
import { addressOf, addressToCount, ipToCount } from '../../protocols/rpc/remote-address.ts'

describe('address to count by', () => {
  const peer = '12D3KooWLRPJAA5o6Pm1ZTnEVbLxXbcnRG1kcPEDXzpA6uXTL5Wa'
  const relay = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp'
  for (const [address, expected] of [
    ['/ip4/192.0.2.7/tcp/4001', '192.0.2.7'],
    ['/ip4/127.0.0.1/tcp/4001', undefined],
    // one machine can play many
    ['/ip4/127.0.0.2/tcp/4001', '127.0.0.2'],
    ['/ip6/::1/tcp/4001', undefined],
    // one customer has a /64: all its addresses count as one
    ['/ip6/2001:db8:1:2:3:4:5:6/tcp/4001', '2001:db8:1:2'],
    ['/ip6/2001:db8:1:2::9/tcp/4001', '2001:db8:1:2'],
    ['/ip6/2001:db8::9/tcp/4001', '2001:db8:0:0'],
    ['/ip6/::ffff:192.0.2.7/tcp/4001', '192.0.2.7'],
    ['/ip6/::ffff:127.0.0.1/tcp/4001', undefined],
    [`/ip4/192.0.2.7/tcp/4001/p2p/${relay}/p2p-circuit`, `relay ${relay}`],
    [`/ip4/127.0.0.1/tcp/4001/p2p/${relay}/p2p-circuit/p2p/${peer}`, `relay ${relay}`],
  ] as const) {
    it(`of ${address} is ${expected}`, () => {
      assert.equal(addressToCount(multiaddr(address)), expected)
    })
  }
})

describe('address of a connection', () => {
  it('is that of the own machine, too, and one for all whose address says nothing', () => {
    const named = (address: string) => addressOf(multiaddr(address))
    assert.equal(named('/ip4/127.0.0.1/tcp/4001'), '127.0.0.1')
    assert.equal(named('/ip6/::1/tcp/4001'), '::1')
    assert.equal(named('/ip6/2001:db8:1:2:3:4:5:6/tcp/4001'), '2001:db8:1:2')
    assert.equal(named('/unix/socket'), 'nowhere')
    assert.equal(named('/ip4/192.0.2.7/tcp/4001/p2p-circuit'), 'nowhere')
  })
})

describe('IP address to count by', () => {
  for (const [ip, expected] of [
    ['192.0.2.7', '192.0.2.7'],
    ['127.0.0.1', undefined],
    ['::1', undefined],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::ffff:127.0.0.1', undefined],
    ['::ffff:c000:207', '192.0.2.7'],
    ['0:0:0:0:0:ffff:192.0.2.7', '192.0.2.7'],
    ['0:0:0:0:0:0:0:1', undefined],
    ['2001:db8:1:2::9', '2001:db8:1:2'],
  ] as const) {
    it(`of ${ip} is ${expected}`, () => assert.equal(ipToCount(ip), expected))
  }
})
