import assert from 'node:assert/strict'
import fc from 'fast-check'
import { networkOf } from '../../base/ip.ts'

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
    ['', undefined],
    ['localhost', undefined],
    ['1:2:3', undefined],
    ['1::2::3', undefined],
    ['192.0.2.256', undefined],
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
