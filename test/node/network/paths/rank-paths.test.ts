import assert from 'node:assert/strict'
import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import { ipScope } from '../../../../base/ip.ts'
import { MAX_CANDIDATES, rankPaths } from '../../../../node/network/paths/rank-paths.ts'

const RELAY = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp'
const circuit = (ip: string) => `/ip4/${ip}/tcp/4001/p2p/${RELAY}/p2p-circuit`
const rank = (addresses: readonly string[], outer: readonly string[] = [], isPrivate = false): string[] =>
  rankPaths(
    addresses.map(address => multiaddr(address)),
    { outer, isPrivate },
  ).map(String)

const ip4 = fc.ipV4().map(ip => `/ip4/${ip}/tcp/4001`)
const ip6 = fc.ipV6().map(ip => `/ip6/${ip}/tcp/4001`)
const relayed = fc.ipV4().map(circuit)
const home = fc.constantFrom('/ip4/192.168.1.5/tcp/4001', '/ip6/fd00::7/tcp/4001', '/ip4/127.0.0.1/tcp/9')
const anyAddresses = fc.array(fc.oneof(ip4, ip6, relayed, home), { maxLength: 20 })

describe('paths to a peer', () => {
  it('come by kind, and within a kind as they were', () => {
    assert.deepEqual(
      rank(
        [
          circuit('198.51.100.1'),
          '/dns/a.example.org/tcp/1',
          '/ip4/192.0.2.9/tcp/1',
          '/ip6/2001:db8::1/tcp/1',
          '/ip4/10.0.0.2/tcp/1',
          '/dns6/b.example.org/tcp/1',
          '/ip4/192.0.2.9/tcp/1',
        ],
        ['192.0.2.9'],
      ),
      [
        '/ip4/10.0.0.2/tcp/1',
        '/ip6/2001:db8::1/tcp/1',
        '/dns6/b.example.org/tcp/1',
        '/dns/a.example.org/tcp/1',
        '/ip4/192.0.2.9/tcp/1',
        circuit('198.51.100.1'),
      ],
    )
  })

  it('lead to private addresses only behind the same outer IP, or in a private network', () => {
    const addresses = ['/ip4/192.168.1.5/tcp/1', '/ip4/192.0.2.9/tcp/1', circuit('10.0.0.1')]
    assert.deepEqual(rank(addresses, ['192.0.2.8']), ['/ip4/192.0.2.9/tcp/1'])
    assert.equal(rank(addresses, ['192.0.2.9']).length, 3)
    assert.equal(rank(addresses, [], true).length, 3)
    // the relay's own IP says nothing of where the peer is
    assert.deepEqual(rank(['/ip4/192.168.1.5/tcp/1', circuit('192.0.2.8')], ['192.0.2.8']), [
      circuit('192.0.2.8'),
    ])
  })

  it('lead to loopback in a private network only, whatever outer IP a peer says that it has', () => {
    const addresses = ['/ip4/127.0.0.1/tcp/1', '/ip6/::1/tcp/1', '/ip4/192.0.2.9/tcp/1']
    assert.deepEqual(rank(addresses, ['192.0.2.9']), ['/ip4/192.0.2.9/tcp/1'])
    assert.equal(rank(addresses, [], true).length, 3)
  })

  it('never lead to where nobody can be', () => {
    const nowhere = [
      '/ip4/0.0.0.0/tcp/1',
      '/ip4/224.0.0.1/tcp/1',
      '/ip4/169.254.1.1/tcp/1',
      '/ip6/fe80::1/tcp/1',
      '/ip6/::/tcp/1',
      '/ip6/ff02::1/tcp/1',
      '/unix/socket',
    ]
    assert.deepEqual(rank(nowhere, [], true), [])
  })

  it('are some of those that were given, few, each once, in an order that does not change when ranked again', () => {
    fc.assert(
      fc.property(anyAddresses, fc.boolean(), (addresses, isPrivate) => {
        const ranked = rank(addresses, [], isPrivate)
        assert.ok(ranked.length <= MAX_CANDIDATES)
        assert.equal(new Set(ranked).size, ranked.length)
        const given = new Set(addresses.map(address => multiaddr(address).toString()))
        assert.ok(ranked.every(address => given.has(address)))
        assert.deepEqual(rank(ranked, [], isPrivate), ranked)
      }),
    )
  })

  it('lead over the best relay first, one that is not known between good and bad ones', () => {
    const other = '12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X'
    const third = '12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo'
    const over = (relay: string) => `/ip4/192.0.2.1/tcp/4001/p2p/${relay}/p2p-circuit`
    const scores: Record<string, number> = { [RELAY]: 9_000, [third]: 20 }
    const addresses = [over(RELAY), over(other), over(third), '/ip4/192.0.2.2/tcp/1'].map(one =>
      multiaddr(one),
    )
    const own = { outer: [], isPrivate: false, relayScore: (relay: string) => scores[relay] }
    assert.deepEqual(rankPaths(addresses, own).map(String), [
      '/ip4/192.0.2.2/tcp/1',
      over(third),
      over(other),
      over(RELAY),
    ])
  })

  it('are eight at most, the best of all', () => {
    const many = Array.from({ length: 9 }, (_, i) => `/ip4/192.0.2.${i}/tcp/1`)
    const ranked = rank([...many, '/ip6/2001:db8::1/tcp/1'])
    assert.deepEqual(ranked, ['/ip6/2001:db8::1/tcp/1', ...many.slice(0, 7)])
  })

  it('keep private addresses in their network, whatever else is known', () => {
    fc.assert(
      fc.property(anyAddresses, addresses => {
        for (const address of rank(addresses)) {
          const first = multiaddr(address).getComponents()[0]!
          assert.equal(ipScope(first.value!), 'public')
        }
      }),
    )
  })
})
