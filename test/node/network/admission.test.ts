import assert from 'node:assert/strict'
import type { MultiaddrConnection, PeerId } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { type AdmissionLimits, createAdmission } from '../../../node/network/admission.ts'
import { ADMISSION, CONNECTIONS } from '../../../node/network/limits.ts'

interface Fake extends MultiaddrConnection {
  aborted: boolean
}

const RELAY = '12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5'
const CALLER = '12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA'

describe('admission of connections', () => {
  let time: number
  let refusals: Record<string, number>
  let ports: number
  beforeEach(() => {
    time = 0
    ports = 1_000
    refusals = {}
  })

  const start = (limits: Partial<AdmissionLimits> = {}, members: string[] = []) =>
    createAdmission({
      isMember: peer => members.includes(peer),
      refused(reason) {
        refusals[reason] = (refusals[reason] ?? 0) + 1
      },
      limits: { ...ADMISSION, ...limits },
      clock: { monotonic: () => time },
    })
  type Admission = ReturnType<typeof start>

  /** A connection that comes from an address; libp2p closes it when it is denied. */
  function connectionFrom(address: string, port = ports++): Fake {
    const target = new EventTarget()
    const ip = address.includes(':') ? 'ip6' : 'ip4'
    return Object.assign(target, {
      status: 'open',
      aborted: false,
      remoteAddr: multiaddr(`/${ip}/${address}/tcp/${port}`),
      abort(this: Fake) {
        this.aborted = true
        target.dispatchEvent(new Event('close'))
      },
    }) as unknown as Fake
  }
  const knock = (admission: Admission, address = '192.0.2.1') => {
    const connection = connectionFrom(address)
    const denied = admission.gater.denyInboundConnection(connection)
    return { connection, denied }
  }
  const peer = (name: string) => ({ toString: () => name }) as unknown as PeerId
  const enter = (admission: Admission, name: string, address = '192.0.2.1') => {
    const { connection, denied } = knock(admission, address)
    if (denied) return { connection, denied }
    const refused =
      admission.gater.denyInboundEncryptedConnection(peer(name), connection) ||
      admission.gater.denyInboundUpgradedConnection(peer(name), connection)
    // as libp2p does with what is denied
    if (refused) connection.abort(new Error('denied'))
    return { connection, denied: refused }
  }

  it('lets the oldest handshake of an address go for a new one, and touches no other address', () => {
    const admission = start({ pendingPerAddress: 3 })
    const other = knock(admission, '192.0.2.2').connection
    const mine = Array.from({ length: 5 }, () => knock(admission).connection)
    assert.deepEqual(
      mine.map(({ aborted }) => aborted),
      [true, true, false, false, false],
    )
    assert.equal(other.aborted, false)
    assert.equal(admission.pending, 4)
    assert.deepEqual(refusals, { pending: 2 })
  })

  it('lets a handshake go of the address that has most, when there are too many', () => {
    const admission = start({ pending: 4 })
    const many = Array.from({ length: 3 }, () => knock(admission, '192.0.2.9').connection)
    const honest = ['192.0.2.1', '192.0.2.2', '192.0.2.3'].map(from => knock(admission, from))
    assert.deepEqual(
      many.map(({ aborted }) => aborted),
      [true, true, false],
    )
    assert.ok(honest.every(({ denied, connection }) => !denied && !connection.aborted))
  })

  it('lets all handshakes of an office end that came at once while this node stood still', () => {
    const admission = start()
    const office = Array.from({ length: 100 }, () => knock(admission))
    assert.ok(office.every(({ denied, connection }) => !denied && !connection.aborted))
    // one address cannot have more of them than its rate allows, so that it pushes out none of its own
    assert.ok(
      ADMISSION.pendingPerAddress >
        (ADMISSION.perSecondPerAddress * CONNECTIONS.inboundUpgradeTimeout) / 1_000,
    )
  })

  it('counts an IPv6 customer as one, and each loopback address by itself', () => {
    const admission = start({ pendingPerAddress: 1 })
    const first = knock(admission, '2001:db8:1:2::1').connection
    knock(admission, '2001:db8:1:2:ffff::9')
    assert.ok(first.aborted)
    const local = knock(admission, '127.0.0.1').connection
    knock(admission, '127.0.0.2')
    assert.ok(!local.aborted)
    knock(admission, '127.0.0.1')
    assert.ok(local.aborted)
  })

  it('lets the oldest of the address that has most go, whoever came first of all', () => {
    const admission = start({ pending: 3 })
    const early = knock(admission, '192.0.2.1').connection
    const many = [0, 1, 2].map(() => knock(admission, '192.0.2.9').connection)
    assert.equal(early.aborted, false)
    assert.deepEqual(
      many.map(({ aborted }) => aborted),
      [true, false, false],
    )
  })

  it('lets strangers go when it is to have fewer of them, but for those that it serves', () => {
    const admission = start({ strangers: 4 }, ['member'])
    const [served, ...idle] = ['a', 'b', 'c'].map(name => enter(admission, name, '192.0.2.9').connection)
    const member = enter(admission, 'member').connection
    admission.serving(served!)
    admission.setStrangers(2)
    const gone = (connections: Fake[]) => connections.map(({ aborted }) => aborted)
    assert.deepEqual(gone([served!, ...idle, member]), [false, true, false, false])
    admission.setStrangers(0)
    assert.deepEqual(gone([served!, ...idle, member]), [false, true, true, false])
    assert.ok(enter(admission, 'd').denied)
    admission.setStrangers(4)
    assert.ok(!enter(admission, 'd').denied)
  })

  it('gives a place away at once, not when the other connection has ended', () => {
    const admission = start({ pendingPerAddress: 1 })
    const { connection } = knock(admission)
    connection.abort = () => undefined
    knock(admission)
    assert.equal(admission.pending, 1)
    connection.dispatchEvent(new Event('close'))
    assert.equal(admission.pending, 1)
  })

  it('does not take one in that has ended meanwhile', () => {
    const admission = start()
    const closed = connectionFrom('192.0.2.1')
    Object.assign(closed, { status: 'closed' })
    assert.equal(admission.gater.denyInboundConnection(closed), true)
    const { connection } = knock(admission)
    connection.abort(new Error('gone'))
    assert.equal(admission.gater.denyInboundUpgradedConnection(peer('a'), connection), true)
    assert.deepEqual([admission.pending, admission.open], [0, 0])
  })

  it('tells connections apart that come from one port, one after the other', () => {
    const admission = start()
    const [first, second] = [connectionFrom('192.0.2.1', 7), connectionFrom('192.0.2.1', 7)]
    admission.gater.denyInboundConnection(first)
    admission.gater.denyInboundConnection(second)
    // the end of the first is noticed late
    assert.equal(admission.gater.denyInboundUpgradedConnection(peer('a'), first), true)
    first.abort(new Error('gone'))
    assert.equal(admission.gater.denyInboundUpgradedConnection(peer('a'), second), false)
    assert.deepEqual([admission.pending, admission.open], [0, 1])
  })

  it('takes several relayed connections of one peer, whose remote address is the same', () => {
    const admission = start({ perPeer: 2 })
    const relayed = () =>
      Object.assign(connectionFrom('192.0.2.1', 7), {
        remoteAddr: multiaddr(`/ip4/192.0.2.1/tcp/7/p2p/${RELAY}/p2p-circuit/p2p/${CALLER}`),
      })
    const direct = connectionFrom('192.0.2.1', 7)
    const all = [relayed(), direct, relayed()]
    for (const one of all) assert.equal(admission.gater.denyInboundConnection(one), false)
    const names = ['caller', 'relay', 'caller']
    all.forEach((one, i) => {
      assert.equal(admission.gater.denyInboundUpgradedConnection(peer(names[i]!), one), false)
    })
    assert.equal(admission.open, 3)
    // what is served is not pushed out, whichever of the two it came on
    const served = admission.serving(all[2]!)
    assert.equal(admission.gater.denyInboundEncryptedConnection(peer('caller'), relayed()), true)
    served()
    assert.equal(admission.gater.denyInboundEncryptedConnection(peer('caller'), relayed()), false)
  })

  it('limits how fast one address comes', () => {
    const admission = start({ burstPerAddress: 3, perSecondPerAddress: 1 })
    assert.deepEqual(
      Array.from({ length: 5 }, () => knock(admission).denied),
      [false, false, false, true, true],
    )
    assert.equal(knock(admission, '192.0.2.2').denied, false)
    time += 1_000
    assert.equal(knock(admission).denied, false)
    assert.deepEqual(refusals, { rate: 2 })
  })

  it('lets the longest idle stranger of an address go, and keeps who is being served', () => {
    const admission = start({ strangersPerAddress: 2 })
    const busy = enter(admission, 'a').connection
    const over = admission.serving(busy)
    time = 1
    const idle = enter(admission, 'b').connection
    time = 2
    assert.equal(enter(admission, 'c').denied, false)
    assert.deepEqual([busy.aborted, idle.aborted], [false, true])
    time = 3
    over()
    time = 4
    // c came before the request of a ended, so that it has been idle for longer
    assert.equal(enter(admission, 'd').denied, false)
    assert.equal(busy.aborted, false)
    assert.equal(admission.open, 2)
    assert.deepEqual(refusals, { idle: 2 })
  })

  it('counts idleness from the end of the handshake, and of each request once', () => {
    const admission = start({ strangersPerAddress: 2 })
    const slow = knock(admission).connection
    time = 1
    const quick = enter(admission, 'quick').connection
    time = 2
    assert.equal(admission.gater.denyInboundUpgradedConnection(peer('slow'), slow), false)
    time = 3
    // as libp2p names it once it is open
    const remoteAddr = multiaddr(
      `${slow.remoteAddr}/p2p/12D3KooWBmAwcd4PJNJvfV89HwE48nwkRmAgo8Vy3uQEyNNHBox2`,
    )
    const [over, stillServed] = [admission.serving({ remoteAddr }), admission.serving({ remoteAddr })]
    over()
    over()
    time = 4
    assert.equal(enter(admission, 'c').denied, false)
    assert.deepEqual([slow.aborted, quick.aborted], [false, true])
    admission.serving(enter(admission, 'd').connection)
    assert.equal(slow.aborted, false)
    stillServed()
  })

  it('refuses a peer before its multiplexer when all that it has are being served', () => {
    const admission = start({ perPeer: 1 })
    const { connection } = enter(admission, 'a')
    assert.equal(admission.gater.denyInboundEncryptedConnection(peer('a'), connection), false)
    admission.serving(connection)
    assert.equal(admission.gater.denyInboundEncryptedConnection(peer('a'), connection), true)
    assert.deepEqual(refusals, { peer: 1 })
  })

  it('takes the place of another idle stranger where the address that has most is being served', () => {
    const admission = start({ strangers: 3 })
    for (const name of ['a', 'b']) admission.serving(enter(admission, name, '192.0.2.9').connection)
    const idle = enter(admission, 'c', '192.0.2.1').connection
    assert.equal(enter(admission, 'd', '192.0.2.2').denied, false)
    assert.equal(idle.aborted, true)
  })

  it('refuses a stranger when all of its address are being served', () => {
    const admission = start({ strangersPerAddress: 2 })
    for (const name of ['a', 'b']) admission.serving(enter(admission, name).connection)
    assert.equal(enter(admission, 'c').denied, true)
    assert.equal(enter(admission, 'c', '192.0.2.2').denied, false)
    assert.deepEqual(refusals, { address: 1 })
    assert.equal(admission.pending, 0)
  })

  it('keeps places for members, whatever strangers take, from their address too', () => {
    const admission = start({ strangers: 3, strangersPerAddress: 3 }, ['member'])
    for (const name of ['a', 'b', 'c']) admission.serving(enter(admission, name).connection)
    assert.equal(enter(admission, 'd', '192.0.2.2').denied, true)
    assert.equal(enter(admission, 'member').denied, false)
    assert.deepEqual(refusals, { full: 1 })
  })

  it('takes the place of a stranger from the address that has most', () => {
    const admission = start({ strangers: 4 })
    const quiet = enter(admission, 'a', '192.0.2.1').connection
    const greedy = ['b', 'c', 'd'].map(name => enter(admission, name, '192.0.2.9').connection)
    time = 1
    assert.equal(enter(admission, 'e', '192.0.2.2').denied, false)
    assert.equal(quiet.aborted, false)
    assert.equal(greedy.filter(({ aborted }) => aborted).length, 1)
  })

  it('takes the place of the longest idle stranger where no address has more than another', () => {
    const admission = start({ strangers: 3 })
    const first = enter(admission, 'a', '192.0.2.1').connection
    time = 1
    const idle = enter(admission, 'b', '192.0.2.2').connection
    time = 2
    enter(admission, 'c', '192.0.2.3')
    time = 3
    admission.serving(first)()
    time = 4
    assert.equal(enter(admission, 'd', '192.0.2.4').denied, false)
    assert.deepEqual([first.aborted, idle.aborted], [false, true])
  })

  it('does not take from a member who was a stranger when it came', () => {
    const members: string[] = []
    const admission = start({ strangersPerAddress: 1 }, members)
    const { connection } = enter(admission, 'a')
    members.push('a')
    assert.equal(enter(admission, 'b').denied, true)
    assert.equal(connection.aborted, false)
  })

  it('lets one peer have a few connections, and its newest ones', () => {
    const admission = start({ perPeer: 2 }, ['member'])
    for (const name of ['stranger', 'member']) {
      const first = enter(admission, name).connection
      time++
      const later = [enter(admission, name), enter(admission, name)]
      assert.ok(first.aborted)
      for (const { denied, connection } of later) {
        assert.equal(denied, false)
        admission.serving(connection)
      }
      assert.equal(enter(admission, name).denied, true)
    }
    assert.deepEqual(refusals, { idle: 2, peer: 2 })
  })

  it('forgets who has gone', () => {
    const admission = start({ strangersPerAddress: 2, perPeer: 1 })
    for (let i = 0; i < 50; i++) {
      const { connection, denied } = enter(admission, 'a')
      assert.equal(denied, false)
      connection.abort(new Error('gone'))
    }
    knock(admission).connection.abort(new Error('gone'))
    assert.deepEqual([admission.pending, admission.open], [0, 0])
    assert.deepEqual(refusals, {})
  })

  it('says which handshakes took too long', () => {
    const admission = start()
    const { connection } = knock(admission)
    time += 60_000
    connection.abort(new Error('timeout'))
    assert.deepEqual(refusals, { handshake: 1 })
  })
})
