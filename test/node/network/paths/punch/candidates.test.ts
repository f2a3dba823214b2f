import assert from 'node:assert/strict'
import fc from 'fast-check'
import { ipFromBytes, ipScope, networkOf } from '../../../../../base/ip.ts'
import {
  allowedCandidates,
  candidatesFor,
  isSameNetwork,
  type OwnCandidates,
} from '../../../../../node/network/paths/punch/candidates.ts'
import { PUNCH, type PunchCandidate } from '../../../../../protocols/index.ts'

const at = (ip: string, port = 40_000) => ({ ip, port })
const own = {
  outer: [at('2a00:1:2:3:0:0:0:9', 1_000), at('198.51.100.1', 1_001)],
  inner: [at('2a00:1:2:3:0:0:0:9', 1_000), at('192.168.1.9', 1_001)],
}
/** With a relay that says what the peer says. */
const allowed = (theirs: PunchCandidate[], mine: OwnCandidates) =>
  allowedCandidates(theirs, mine, { isHome: isSameNetwork(theirs, mine) })
const ips = (candidates: { ip: string }[]) => candidates.map(({ ip }) => ip)
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const anyIp = fc.oneof(
  bytes(4).map(ipFromBytes),
  bytes(16).map(ipFromBytes),
  fc.constantFrom(
    '192.168.1.7',
    '10.0.0.1',
    '127.0.0.1',
    '169.254.0.1',
    '224.0.0.1',
    '198.51.100.1',
    'fd00:0:0:0:0:0:0:1',
  ),
)
const candidate = fc.record({ ip: anyIp, port: fc.nat(65_535) })

describe('candidates of a punch', () => {
  it('are public: loopback, multicast, link-local, reserved and low ports are refused', () => {
    const bad = [
      '127.0.0.1',
      '224.0.0.1',
      '169.254.1.1',
      '0.0.0.0',
      '255.255.255.255',
      'fe80:0:0:0:0:0:0:1',
      'ff02:0:0:0:0:0:0:1',
    ]
    assert.deepEqual(allowed([...bad.map(ip => at(ip)), at('203.0.113.1', 1_023)], own), [])
  })

  it('begin with IPv6, and are those of kinds that this side has as well', () => {
    const theirs = [at('203.0.113.1'), at('2a00:9:0:0:0:0:0:1')]
    assert.deepEqual(ips(allowed(theirs, own)), ['2a00:9:0:0:0:0:0:1', '203.0.113.1'])
    const v4 = { outer: [at('198.51.100.1')], inner: [] }
    assert.deepEqual(ips(allowed(theirs, v4)), ['203.0.113.1'])
  })

  it('are private ones only of a peer with the same outer address, and those first', () => {
    const home = at('192.168.1.7')
    assert.deepEqual(allowed([home, at('203.0.113.1')], own), [at('203.0.113.1')])
    assert.deepEqual(allowed([at('198.51.100.1'), home], own), [home, at('198.51.100.1')])
    // one /64 is one home
    assert.deepEqual(ips(allowed([at('2a00:1:2:3:0:0:0:5'), home], own))[0], home.ip)
  })

  it('are none of the services in the own network, whatever outer address a peer says that it has', () => {
    const outer = at('198.51.100.1')
    for (const port of [1_024, 5_000, 8_080, 32_767]) {
      for (const ip of ['192.168.1.7', '10.0.0.1', 'fd00:0:0:0:0:0:0:1'])
        assert.deepEqual(allowed([outer, at(ip, port)], own), [outer])
    }
  })

  it('that are told leave out where this side is in its own network, but to a peer of the same', () => {
    assert.deepEqual(candidatesFor(own, false), own.outer)
    assert.deepEqual(candidatesFor(own, true), [...own.outer, at('192.168.1.9', 1_001)])
  })

  it('are of the same network by the outer address that a peer says that it has', () => {
    assert.ok(isSameNetwork([at('203.0.113.1'), at('198.51.100.1')], own))
    assert.ok(!isSameNetwork([at('203.0.113.1'), at('2a00:1:2:4:0:0:0:9')], own))
    // that the relay denies
    const home = at('192.168.1.7')
    assert.deepEqual(allowedCandidates([at('198.51.100.1'), home], own, { isHome: false }), [
      at('198.51.100.1'),
    ])
  })

  it('are never private, low, own or double ones, and at most eight, whatever a peer says', () => {
    fc.assert(
      fc.property(fc.array(candidate, { maxLength: 30 }), theirs => {
        const taken = allowed(theirs, own)
        const isHome = theirs.some(({ ip }) => own.outer.some(mine => networkOf(mine.ip) === networkOf(ip)))
        assert.ok(taken.length <= 8)
        assert.equal(new Set(taken.map(({ ip, port }) => `${ip} ${port}`)).size, taken.length)
        for (const { ip, port } of taken) {
          assert.ok(port >= (ipScope(ip) === 'private' ? PUNCH.leastInnerPort : PUNCH.leastPort))
          assert.ok(ipScope(ip) === 'public' || (isHome && ipScope(ip) === 'private'))
        }
      }),
    )
  })
})
