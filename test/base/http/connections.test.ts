import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { type ConnectionLimits, createConnections, type NoRoom } from '../../../base/http/connections.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

/** What is looked at of a socket; its descriptor is the lowest free one unless it is given. */
function world(limits: Partial<ConnectionLimits>) {
  const clock = new VirtualClock()
  const shed: NoRoom[] = []
  let turnedAway = 0
  const connections = createConnections({
    limits: { total: 100, perAddress: 100, descriptorCeiling: 1_000, ...limits },
    clock,
    onShed: why => shed.push(why),
    onTurnedAway: () => turnedAway++,
  })
  let next = 10
  const socketOf = (remoteAddress: string, fd = next++) => {
    const events = new EventEmitter()
    const socket = Object.assign(events, {
      remoteAddress,
      _handle: { fd },
      destroyed: false,
      destroy() {
        socket.destroyed = true
        events.emit('close')
      },
      resetAndDestroy: () => socket.destroy(),
    })
    return socket
  }
  const open = (remoteAddress: string, fd?: number) => {
    const socket = socketOf(remoteAddress, fd)
    return { socket, connection: connections.add(socket as unknown as Socket) }
  }
  /** One that may wait; `end` ends its request, with which it has begun at once. */
  const come = (remoteAddress: string) => {
    const socket = socketOf(remoteAddress)
    const one = { socket, isIn: false, end: (): void => undefined }
    connections.admit(socket as unknown as Socket, () => {
      const connection = connections.add(socket as unknown as Socket)
      assert.equal(connection.noRoom, undefined)
      Object.assign(one, { isIn: true, end: connection.begin() })
    })
    return one
  }
  return { clock, connections, shed, open, come, turnedAway: () => turnedAway }
}

describe('connections of a server', () => {
  it('of an address that has its share: the longest idle makes room, a busy one stays', async () => {
    const { clock, connections, shed, open } = world({ perAddress: 3 })
    const [busy, used, idle] = [open('192.0.2.1'), open('192.0.2.1'), open('192.0.2.1')]
    const other = open('192.0.2.2')
    busy.connection.begin()
    const end = used.connection.begin()
    await clock.advance(1)
    end()
    assert.equal(open('192.0.2.1').connection.noRoom, undefined)
    assert.deepEqual([shed, idle.socket.destroyed], [['address'], true])
    assert.ok(idle.connection.closed.aborted)
    assert.equal(connections.of(idle.connection.socket), undefined)
    assert.deepEqual(
      [busy, used, other].map(({ socket }) => socket.destroyed),
      [false, false, false],
    )
  })

  it('have no room where all are busy, and again when one is closed or idle', () => {
    const { connections, shed, open } = world({ perAddress: 2 })
    const [one, two] = [open('192.0.2.1'), open('192.0.2.1')]
    const ends = [one, two].map(({ connection }) => connection.begin())
    const late = open('192.0.2.1')
    assert.equal(late.connection.noRoom, 'address')
    assert.equal(connections.of(late.connection.socket), late.connection)
    // one that was never counted gives nothing back
    late.socket.destroy()
    assert.equal(open('192.0.2.1').connection.noRoom, 'address')
    one.socket.destroy()
    // its request is told of the end afterwards
    ends[0]!()
    const three = open('192.0.2.1')
    assert.equal(three.connection.noRoom, undefined)
    three.connection.begin()
    assert.equal(open('192.0.2.1').connection.noRoom, 'address')
    ends[1]!()
    assert.equal(open('192.0.2.1').connection.noRoom, undefined)
    assert.deepEqual([shed, two.socket.destroyed], [['address'], true])
  })

  it('of all: the address that has most makes room, by networks of IPv6', () => {
    const { shed, open } = world({ total: 4 })
    const first = open('192.0.2.1')
    const many = [1, 2, 3].map(i => open(`2001:db8:1:2::${i}`))
    assert.equal(open('192.0.2.9').connection.noRoom, undefined)
    assert.deepEqual(
      [shed, first.socket.destroyed, many[0]!.socket.destroyed],
      [['connections'], false, true],
    )
  })

  it('leave the process its descriptors: one that has been idle for a while makes room, none of a burst does', async () => {
    const { clock, shed, open } = world({ descriptorCeiling: 12 })
    const [first, second] = [open('192.0.2.1', 10), open('192.0.2.1', 11)]
    assert.equal(open('192.0.2.2', 12).connection.noRoom, 'files')
    await clock.advance(250)
    assert.equal(open('192.0.2.2', 13).connection.noRoom, undefined)
    assert.deepEqual([shed, first.socket.destroyed, second.socket.destroyed], [['files'], true, false])
    // below the ceiling itself, but with ours above it
    assert.equal(open('192.0.2.2', 10).connection.noRoom, undefined)
    assert.deepEqual([shed, second.socket.destroyed], [['files', 'files'], true])
    assert.equal(open('192.0.2.2', 9).connection.noRoom, 'files')
  })

  describe('that may wait', () => {
    const waiting = { total: 3, perAddress: 2, ms: 1_000 }
    const A = '192.0.2.1'
    const B = '192.0.2.2'

    it('come in by turns of their addresses, when a connection is closed or idle', () => {
      const { shed, come } = world({ total: 3, perAddress: 2, waiting })
      const [one, two, three] = [come(A), come(A), come(A)]
      const [other, later] = [come(B), come(B)]
      assert.deepEqual(
        [one, two, three, other, later].map(({ isIn }) => isIn),
        [true, true, false, true, false],
      )
      // the address that has fewer is next, whoever came first
      two.socket.destroy()
      assert.deepEqual([three.isIn, later.isIn], [true, false])
      one.end()
      assert.deepEqual([later.isIn, one.socket.destroyed], [true, true])
      assert.deepEqual(shed, ['connections'])
    })

    it('push nobody out that has come in just now', async () => {
      const { clock, open, come } = world({ total: 2, waiting })
      const [early, late] = [open(A), open(A)]
      const waiter = come(B)
      assert.deepEqual([waiter.isIn, early.socket.destroyed], [false, false])
      await clock.advance(250)
      // one that waits already is called by the next that makes room
      late.socket.destroy()
      assert.ok(waiter.isIn)
      assert.ok(come(B).isIn)
      assert.ok(early.socket.destroyed)
    })

    it('are reset when there are too many, and when they have waited for too long', async () => {
      const { clock, come, turnedAway } = world({ total: 1, waiting })
      const first = come(A)
      const [gone, patient, tooMany] = [come(A), come(A), come(A)]
      assert.deepEqual([tooMany.socket.destroyed, patient.socket.destroyed], [true, false])
      gone.socket.destroy()
      const after = [come(B), come(B)]
      assert.deepEqual([...after.map(one => one.socket.destroyed), turnedAway()], [false, false, 1])
      await clock.advance(1_000)
      assert.deepEqual(
        [patient, ...after].map(one => one.socket.destroyed),
        [true, true, true],
      )
      assert.deepEqual([turnedAway(), clock.waiting], [4, 0])
      first.socket.destroy()
      assert.ok(come(B).isIn)
    })
  })
})
