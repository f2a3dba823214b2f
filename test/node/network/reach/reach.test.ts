import assert from 'node:assert/strict'
import type { Connection } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { silentLog } from '../../../../base/log.ts'
import { createReach, type Reach } from '../../../../node/network/reach/reach.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

const HOUR_MS = 3_600_000
const MINUTES_MS = 300_000
const RELAYED = '/ip4/192.0.2.9/tcp/4001/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp/p2p-circuit'

describe('how a node is reached', () => {
  let clock: VirtualClock
  let reach: Reach
  let own: string[]
  let told: string[]
  let asked: string[]
  let mapped: { ip: string; port: number }[]
  let seen: Record<string, string>
  let connections: Connection[]
  /** what each peer says; `silent` fails */
  let says: Record<string, boolean | 'silent'>
  /** over IPv4 */
  let relays: string[]
  let closed: string[]
  const events = new EventTarget()
  const update = () => events.dispatchEvent(new Event('self:peer:update'))

  const connect = (peer: string, address = '/ip4/192.0.2.1/tcp/5') =>
    connections.push({
      remotePeer: { toString: () => peer },
      remoteAddr: multiaddr(address),
      status: 'open',
      direct: !address.includes('p2p-circuit'),
    } as unknown as Connection)

  beforeEach(() => {
    clock = new VirtualClock()
    own = ['/ip4/192.168.1.5/tcp/4001', '/ip6/fd00::1/tcp/4002', RELAYED]
    told = []
    asked = []
    mapped = []
    seen = {}
    connections = []
    says = {}
    relays = []
    closed = []
    reach = createReach({
      libp2p: Object.assign(events, {
        getConnections: () => connections,
        getMultiaddrs: () => own.map(text => multiaddr(text)),
      }) as never,
      async ask({ remotePeer }, ports) {
        const peer = remotePeer.toString()
        asked.push(`${peer} ${ports}`)
        if (says[peer] === 'silent') throw new Error('silent')
        const reached = ports.map(port => port !== 4001 && says[peer] === true)
        return { seen: seen[peer] ?? '192.0.2.7', reached }
      },
      isMember: peer => !peer.startsWith('stranger'),
      callRelays: async (family, count) =>
        (family === 4 ? relays : []).slice(0, count).map(name => {
          const close = async () => void closed.push(name)
          return { remotePeer: { toString: () => name }, close } as unknown as Connection
        }),
      changed: ({ state }) => told.push(state),
      mapped: () => mapped,
      clock,
      random: () => 0.5,
      log: silentLog(),
    })
  })
  afterEach(async () => {
    await reach.stop()
    assert.equal(clock.waiting, 0)
  })

  it('is what most of three members say that were reached directly', async () => {
    connect('e', RELAYED)
    for (const peer of ['a', 'stranger', 'b', 'c', 'd']) connect(peer)
    says = { a: true, b: false, c: true, d: false, stranger: false }
    reach.start()
    await clock.advance(0)
    assert.deepEqual(asked, ['a 4001,4002', 'b 4001,4002', 'c 4001,4002'])
    assert.deepEqual(told, ['public'])
  })

  it('is asked over each family, one of which is enough', async () => {
    connect('a')
    connect('b', '/ip6/2001:db8::1/tcp/5')
    connect('c', '/ip6/2001:db8::2/tcp/5')
    says = { b: true, c: true }
    reach.start()
    await clock.advance(0)
    assert.equal(reach.state, 'public')
  })

  it('is public by nobody’s word alone, who could have a private node give up its relays', async () => {
    connect('a')
    says = { a: true }
    reach.start()
    await clock.advance(0)
    assert.equal(reach.state, 'unknown')
    connect('b')
    says = { a: true, b: 'silent' }
    await clock.advance(5_000)
    assert.equal(reach.state, 'unknown')
    says = { a: true, b: true }
    await clock.advance(10_000)
    assert.deepEqual(told, ['public'])
  })

  it('is where most of them have found it, at ports of its router as well, and nowhere else', async () => {
    for (const peer of ['a', 'b', 'c']) connect(peer)
    says = { a: true, b: true, c: true }
    seen = { c: '192.0.2.99' }
    mapped = [
      { ip: '192.0.2.7', port: 5001 },
      { ip: '192.0.2.8', port: 4002 },
    ]
    reach.start()
    await clock.advance(0)
    assert.equal(asked[0], 'a 5001,4002,4001')
    assert.deepEqual(reach.reached, [
      { address: '/ip4/192.0.2.7/tcp/5001', mapped: true },
      { address: '/ip4/192.0.2.7/tcp/4002', mapped: false },
    ])
    // two that see it at different places prove neither
    seen = { b: '192.0.2.98', c: '192.0.2.99' }
    await clock.advance(HOUR_MS)
    assert.deepEqual(reach.reached, [])
    assert.deepEqual(told, ['public', 'private'])
  })

  it('is asked again when its router has another port, and told when only that has changed', async () => {
    for (const peer of ['a', 'b']) connect(peer)
    says = { a: true, b: true }
    reach.start()
    await clock.advance(10_000)
    assert.deepEqual(told, ['public'])
    mapped = [{ ip: '192.0.2.7', port: 5001 }]
    reach.mappingChanged()
    await clock.advance(10_000)
    assert.deepEqual(told, ['public', 'public'])
    reach.mappingChanged()
    await clock.advance(10_000)
    assert.deepEqual(told, ['public', 'public'])
    assert.equal(asked.length, 6)
  })

  it('is asked again every hour, and told when it has changed', async () => {
    connect('a')
    connect('b')
    reach.start()
    await clock.advance(0)
    assert.deepEqual(told, ['private'])
    says = { a: true, b: true }
    await clock.advance(HOUR_MS - 1)
    assert.equal(asked.length, 2)
    await clock.advance(1)
    assert.deepEqual(told, ['private', 'public'])
    // nobody can tell any more: it is as it was
    says = { a: 'silent', b: 'silent' }
    await clock.advance(HOUR_MS)
    assert.equal(reach.state, 'public')
  })

  it('stays public while one alone denies it, and others are busy, who are asked again in minutes', async () => {
    for (const peer of ['a', 'b', 'c']) connect(peer)
    says = { a: true, b: true, c: true }
    reach.start()
    await clock.advance(0)
    says = { a: 'silent', b: false, c: 'silent' }
    await clock.advance(HOUR_MS)
    assert.deepEqual([asked.length, told], [6, ['public']])
    assert.equal(reach.reached.length, 1)
    await clock.advance(MINUTES_MS - 1)
    assert.equal(asked.length, 6)
    says = { a: 'silent', b: false, c: false }
    await clock.advance(1)
    assert.deepEqual([asked.length, told], [9, ['public', 'private']])
    // what is believed is asked for again as seldom as ever
    await clock.advance(HOUR_MS - 1)
    assert.equal(asked.length, 9)
  })

  it('stays public over a family whose peers are busy, whatever the other says, unless nobody of it is left', async () => {
    for (const peer of ['a', 'b']) connect(peer, '/ip6/2001:db8::1/tcp/5')
    for (const peer of ['c', 'd']) connect(peer)
    says = { a: false, b: false, c: true, d: true }
    reach.start()
    await clock.advance(0)
    assert.deepEqual(told, ['public'])
    says = { a: false, b: false, c: 'silent', d: 'silent' }
    await clock.advance(HOUR_MS)
    assert.deepEqual(told, ['public'])
    connections = connections.slice(0, 2)
    await clock.advance(MINUTES_MS)
    assert.deepEqual(told, ['public', 'private'])
  })

  it('is asked again when an own address changes, not for a relay', async () => {
    connect('a')
    reach.start()
    await clock.advance(10_000)
    own.pop()
    update()
    await clock.advance(10_000)
    assert.equal(asked.length, 1)
    own[0] = '/ip4/192.168.7.5/tcp/4001'
    update()
    await clock.advance(10_000)
    assert.equal(asked.length, 2)
  })

  it('is not known while there is nobody to ask, who is looked for less and less often', async () => {
    reach.start()
    await clock.advance(4_000)
    assert.equal(reach.state, 'unknown')
    connect('a')
    await clock.advance(1_000)
    assert.deepEqual(told, ['private'])
  })

  it('is what relays say where no members are connected directly, beside the members that are', async () => {
    connect('e', RELAYED)
    relays = ['r1', 'r2', 'r3', 'r4']
    says = { r1: true, r2: true, r3: false }
    reach.start()
    await clock.advance(0)
    assert.deepEqual(told, ['public'])
    assert.deepEqual(closed, ['r1', 'r2', 'r3'])
    asked = []
    connect('a')
    connect('b')
    says = { a: false, b: false, r1: 'silent' }
    await clock.advance(HOUR_MS)
    assert.deepEqual(told, ['public', 'private'])
    assert.deepEqual(asked, ['a 4001,4002', 'b 4001,4002', 'r1 4001,4002'])
    assert.equal(closed.length, 4)
  })

  it('is private where nothing is listened on', async () => {
    own = [RELAYED]
    reach.start()
    await clock.advance(0)
    assert.deepEqual(told, ['private'])
    assert.deepEqual(asked, [])
  })
})
