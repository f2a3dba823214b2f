import assert from 'node:assert/strict'
import fc from 'fast-check'
import { ipFromBytes, ipScope, ipToBytes, networkOf } from '../../base/ip.ts'

describe('network of an IP address', () => {
  for (const [ip, expected] of [
    ['192.0.2.7', '192.0.2.7'],
    ['::1', '::1'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['::2', '0:0:0:0'],
    ['2001:DB8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8:1:2::9', '2001:db8:1:2'],
    ['2001:db8::', '2001:db8:0:0'],
    ['2001:db8:1:2:3:4:192.0.2.7', '2001:db8:1:2'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::ffff:c000:207', '192.0.2.7'],
    ['0:0:0:0:0:ffff:192.0.2.7', '192.0.2.7'],
    ['::FFFF:127.0.0.1', '127.0.0.1'],
    ['', ''],
    ['localhost', 'localhost'],
    ['1:2:3', '1:2:3'],
    ['1::2::3', '1::2::3'],
    ['192.0.2.256', '192.0.2.256'],
  ] as const) {
    it(`of ${ip} is ${expected}`, () => assert.equal(networkOf(ip), expected))
  }

  it('is the same however the address is spelt', () => {
    fc.assert(
      fc.property(fc.ipV6(), ip => {
        const canonical = new URL(`http://[${ip}]`).hostname.slice(1, -1)
        assert.equal(networkOf(ip), networkOf(canonical))
        assert.equal(networkOf(ip.toUpperCase()), networkOf(canonical))
      }),
    )
  })

  it('is that of all who differ in the last 64 bits only', () => {
    const group = fc.nat(0xffff).map(value => value.toString(16))
    const half = fc.array(group, { minLength: 4, maxLength: 4 }).map(groups => groups.join(':'))
    fc.assert(
      fc.property(half, half, half, (network, one, other) => {
        fc.pre(network !== '0:0:0:0')
        assert.equal(networkOf(`${network}:${one}`), network)
        assert.equal(networkOf(`${network}:${one}`), networkOf(`${network}:${other}`))
      }),
    )
  })
})

describe('scope of an IP address', () => {
  const table = {
    public: [
      '1.1.1.1',
      '172.15.0.1',
      '172.32.0.1',
      '100.63.0.1',
      '100.128.0.1',
      '192.169.0.1',
      '223.255.255.255',
      '2a00::1',
    ],
    private: [
      '10.0.0.1',
      '172.16.0.1',
      '172.31.255.255',
      '192.168.1.1',
      '100.64.0.1',
      '100.127.0.1',
      'fd00::1',
      'fc00::1',
    ],
    'link-local': ['169.254.1.1', 'fe80::1', 'febf::1'],
    loopback: ['127.0.0.1', '127.255.0.1', '::1', '::ffff:127.0.0.1'],
    multicast: ['224.0.0.1', '239.1.1.1', 'ff02::1'],
    reserved: [
      '0.0.0.0',
      '240.0.0.1',
      '255.255.255.255',
      '::',
      '2002:7f00:1::',
      '64:ff9b::7f00:1',
      '4000::1',
      'localhost',
      '',
    ],
  } as const
  for (const [scope, ips] of Object.entries(table)) {
    it(`is ${scope} of ${ips.join(', ')}`, () => {
      for (const ip of ips) assert.equal(ipScope(ip), scope, ip)
    })
  }

  it('is that of the IPv4 address that is mapped into IPv6', () => {
    fc.assert(fc.property(fc.ipV4(), ip => assert.equal(ipScope(`::ffff:${ip}`), ipScope(ip))))
  })
})

describe('an IP address as bytes', () => {
  it('is the same text however it is spelt, and comes back', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), ip => {
        const bytes = ipToBytes(ip)
        assert.ok(bytes !== undefined)
        const text = ipFromBytes(bytes)
        assert.deepEqual(ipToBytes(text), bytes)
        assert.equal(ipFromBytes(ipToBytes(text)!), text)
      }),
    )
    assert.equal(ipFromBytes(ipToBytes('2001:DB8::0102:3')!), '2001:db8:0:0:0:0:102:3')
    assert.equal(ipToBytes('1.2.3'), undefined)
  })
})
