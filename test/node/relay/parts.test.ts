import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Connection } from '@libp2p/interface'
import fc from 'fast-check'
import { createMonth } from '../../../base/month.ts'
import { createAccess } from '../../../node/relay/access.ts'
import { createCircuits } from '../../../node/relay/circuits.ts'
import { readSettings, readState, relayFolder, writeState } from '../../../node/relay/folder.ts'
import { RELAY, RELAY_LIMITS } from '../../../node/relay/limits.ts'
import { createPace } from '../../../node/relay/pace.ts'
import { createReservations } from '../../../node/relay/reservations.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const caller = (peer: string, address = '192.0.2.1') => ({
  connection: { remotePeer: { toString: () => peer } } as unknown as Connection,
  address,
})

describe('parts of a relay', () => {
  it('let no more bytes move than the rates over a whole run, once the first second is through', async () => {
    const rate = fc.integer({ min: 200, max: 2_000 })
    const step = fc.record({
      target: fc.constantFrom('a', 'b'),
      address: fc.constantFrom('x', 'y'),
      bytes: fc.integer({ min: 1, max: 400 }),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 60 }),
        rate,
        rate,
        rate,
        async (steps, all, target, address) => {
          const limits = {
            ...RELAY_LIMITS,
            bytesPerSecond: all,
            bytesPerSecondPerReservation: target,
            bytesPerSecondPerAddress: address,
          }
          const clock = new VirtualClock()
          const pace = createPace(() => limits, clock)
          const moved = new Map<string, number>()
          const add = (name: string, bytes: number) => moved.set(name, (moved.get(name) ?? 0) + bytes)
          for (const { target, address, bytes } of steps) {
            // a source rests for as long as it is told
            await clock.advance(Math.ceil(pace.moved(target, address, bytes)))
            for (const name of ['all', target, address]) add(name, bytes)
          }
          const seconds = clock.monotonic() / 1000
          const most = (rate: number) => rate * (seconds + 1) + 1
          assert.ok(moved.get('all')! <= most(all))
          for (const one of ['a', 'b']) assert.ok((moved.get(one) ?? 0) <= most(target))
          for (const one of ['x', 'y']) assert.ok((moved.get(one) ?? 0) <= most(address))
        },
      ),
    )
  })

  it('tell their load of the last seconds', async () => {
    const clock = new VirtualClock()
    const pace = createPace(() => ({ ...RELAY_LIMITS, bytesPerSecond: 1_000 }), clock)
    assert.equal(pace.load(), 0)
    for (let i = 0; i < 60; i++) {
      pace.moved('a', 'x', 500)
      await clock.advance(1_000)
    }
    assert.ok(Math.abs(pace.load() - 0.5) < 0.1, `${pace.load()}`)
    await clock.advance(60_000)
    assert.ok(pace.load() < 0.01)
  })

  it('count a month in UTC, and give nothing back when the clock is set back', async () => {
    const clock = new VirtualClock(Date.UTC(2026, 11, 31, 23, 59))
    const month = createMonth({ month: '2026-12', bytes: 5 }, clock)
    month.add(3)
    assert.deepEqual(month.count(), { month: '2026-12', bytes: 8 })
    assert.equal(month.endsInMs(), 60_000)
    await clock.advance(60_000)
    assert.deepEqual(month.count(), { month: '2027-01', bytes: 0 })
    const back = createMonth({ month: '2027-02', bytes: 7 }, clock)
    assert.deepEqual(back.count(), { month: '2027-02', bytes: 7 })
    // a clock that was years ahead would have used up the bytes until then
    const wrong = createMonth({ month: '2031-01', bytes: 7 }, clock)
    assert.deepEqual(wrong.count(), { month: '2027-01', bytes: 0 })
    wrong.add(1)
    assert.deepEqual(wrong.count(), { month: '2027-01', bytes: 1 })
  })

  describe('when all circuits are taken', () => {
    let clock: VirtualClock
    let circuits: ReturnType<typeof createCircuits>
    let aborted: string[]
    beforeEach(() => {
      clock = new VirtualClock()
      aborted = []
      const limits = { circuits: 2, circuitsPerSource: 2, circuitsPerAddress: 9, circuitsPerTarget: 9 }
      circuits = createCircuits({ limits: () => limits, isMember: peer => peer.startsWith('member'), clock })
    })
    const call = (source: string, target: string): ReturnType<typeof circuits.take> => {
      const circuit = circuits.take(caller(source), target)
      if (typeof circuit === 'object') circuit.abort = () => void aborted.push(`${source} to ${target}`)
      return circuit
    }
    const isTaken = (circuit: ReturnType<typeof call>): boolean => typeof circuit === 'object'

    it('give the place of the longest idle circuit between strangers to a member, not of one that has just begun', async () => {
      for (const source of ['a', 'b']) {
        call(source, 't')
        await clock.advance(5_000)
      }
      assert.equal(call('stranger', 'u'), 'full')
      await clock.advance(1)
      assert.ok(isTaken(call('member', 'u')))
      assert.deepEqual(aborted, ['a to t'])
      assert.equal(call('member', 'u'), 'full')
      assert.equal(circuits.size, 2)
    })

    it('give the place of who has called a member and is done to the next one, between strangers first', async () => {
      call('a', 'member')
      call('b', 't')
      await clock.advance(10_000)
      assert.equal(call('c', 'member'), 'full')
      await clock.advance(1)
      assert.ok(isTaken(call('c', 'member')))
      assert.deepEqual(aborted, ['b to t'])
      assert.ok(isTaken(call('d', 'member')))
      assert.deepEqual(aborted, ['b to t', 'a to member'])
      assert.equal(call('e', 'member'), 'full')
      // neither do strangers take the place of one who calls a member
      await clock.advance(60_000)
      assert.equal(call('f', 't'), 'full')
    })

    it('leave members their own', async () => {
      call('member-1', 'member-2')
      call('member-2', 'member-3')
      await clock.advance(60_000)
      for (const source of ['a', 'member-4']) assert.equal(call(source, 'member-1'), 'full')
      assert.deepEqual(aborted, [])
    })
  })

  it('grant so many circuits to one address whatever its PeerIds are, members not counted', () => {
    const limits = { circuits: 9, circuitsPerSource: 9, circuitsPerAddress: 2, circuitsPerTarget: 9 }
    const isMember = (peer: string) => peer === 'member'
    const circuits = createCircuits({ limits: () => limits, isMember, clock: new VirtualClock() })
    const taken = ['a', 'b'].map(source => circuits.take(caller(source), 't'))
    assert.equal(circuits.take(caller('c'), 't'), 'address')
    assert.ok(typeof circuits.take(caller('c', '192.0.2.2'), 't') === 'object')
    assert.ok(typeof circuits.take(caller('member'), 't') === 'object')
    assert.ok(typeof taken[0] === 'object')
    circuits.leave(taken[0])
    assert.ok(typeof circuits.take(caller('c'), 't') === 'object')
  })

  it('grant one address half of the circuits to one node, and the others to others', () => {
    const limits = { circuits: 9, circuitsPerSource: 9, circuitsPerAddress: 9, circuitsPerTarget: 3 }
    const isMember = (peer: string) => peer === 'member'
    const circuits = createCircuits({ limits: () => limits, isMember, clock: new VirtualClock() })
    const taken = ['a', 'a'].map(source => circuits.take(caller(source), 't'))
    assert.equal(circuits.take(caller('b'), 't'), 'address')
    assert.ok(typeof circuits.take(caller('b'), 'u') === 'object')
    assert.ok(typeof circuits.take(caller('member'), 't') === 'object')
    assert.equal(circuits.take(caller('c', '192.0.2.2'), 't'), 'target')
    assert.ok(typeof taken[0] === 'object')
    circuits.leave(taken[0])
    assert.ok(typeof circuits.take(caller('b'), 't') === 'object')
  })

  it('count a reservation that moves where it moves to: two addresses are not enough for all places', () => {
    const limits = { reservations: 9, reservationsPerAddress: 1 }
    const reservations = createReservations({
      limits: () => limits,
      isMember: () => false,
      mayBeMember: () => false,
      displaced: () => undefined,
      clock: new VirtualClock(),
    })
    const connection = (id: string) => ({ id, status: 'open' }) as Connection
    assert.ok(typeof reservations.reserve('a', 'x', connection('1')) === 'object')
    assert.ok(typeof reservations.reserve('b', 'y', connection('2')) === 'object')
    assert.equal(reservations.reserve('a', 'y', connection('3')), 'address')
    // a new connection from where it was, and a move to where there is a place
    assert.ok(typeof reservations.reserve('a', 'x', connection('4')) === 'object')
    assert.ok(typeof reservations.reserve('a', 'z', connection('5')) === 'object')
    assert.equal(reservations.size, 2)
  })

  it('wait for who was there a moment ago, or before the relay was started, and not for who stays away', async () => {
    const clock = new VirtualClock()
    const reservations = createReservations({
      limits: () => RELAY_LIMITS,
      isMember: () => true,
      mayBeMember: peer => peer !== 'stranger',
      displaced: () => undefined,
      clock,
    })
    const connection = (id: string, peer: string) =>
      ({ id, status: 'open', remotePeer: { toString: () => peer } }) as unknown as Connection
    const comes = (peer: string, signal?: AbortSignal) => {
      const seen = { over: false }
      const back = reservations.cameBack(peer, 'x', signal).finally(() => (seen.over = true))
      return { seen, back }
    }
    const first = comes('a')
    await comes('stranger').back
    reservations.reserve('b', 'y', connection('1', 'b'))
    await clock.advance(RELAY.comesBackMs - 1)
    assert.equal(first.seen.over, false)
    reservations.reserve('a', 'x', connection('2', 'a'))
    await first.back
    // `c` was never there, and the relay is no new one any more
    await clock.advance(1)
    await comes('c').back
    reservations.ended(connection('2', 'a'))
    await clock.advance(RELAY.comesBackMs - 1)
    const late = comes('a')
    const left = comes('a', AbortSignal.abort(new Error('the client has left')))
    await assert.rejects(left.back, /the client has left/)
    assert.equal(late.seen.over, false)
    await clock.advance(1)
    await late.back
    await comes('a').back
    assert.equal(clock.waiting, 0)
    reservations.reserve('d', 'x', connection('3', 'd'))
    reservations.ended(connection('3', 'd'))
    const many = Array.from({ length: RELAY.awaitingPerPeer + 1 }, () => comes('d'))
    assert.equal(await many.at(-1)!.back, false)
    reservations.reserve('d', 'x', connection('4', 'd'))
    for (const { back } of many.slice(0, -1)) assert.equal(await back, true)
  })

  it('rest for minutes at most when a rate is 0, and are not at an end then', () => {
    const clock = new VirtualClock()
    const pace = createPace(() => ({ ...RELAY_LIMITS, bytesPerSecond: 0 }), clock)
    assert.equal(pace.load(), 0)
    assert.equal(pace.moved('a', 'x', 1), RELAY.longestRestMs)
    assert.ok(pace.load() > 0 && pace.load() <= 1)
  })

  it('know PeerIds, addresses and networks in lists', () => {
    const peer = '12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5'
    const access = createAccess({ allow: [], deny: ['192.0.2.0/24', '2001:db8::/32', peer] })
    assert.equal(access('other', '192.0.2.77', true), false)
    assert.equal(access('other', '192.0.3.77', false), true)
    assert.equal(access('other', '2001:db8:5::1', false), false)
    assert.equal(access(peer, undefined, true), false)
    for (const entry of ['192.0.2.0/33', '192.0.2.0/8/8', 'example.org', '10.0.0.0/x', '']) {
      assert.throws(() => createAccess({ allow: [entry], deny: [] }), { code: 'ACCESS_ENTRY' }, entry)
    }
  })

  describe('in their folder', () => {
    let dir: string
    beforeEach(async () => {
      dir = await mkdtemp(join(tmpdir(), 'floe-relay-'))
    })
    afterEach(() => rm(dir, { recursive: true }))

    it('keep what was counted, and start without it when it is damaged', async () => {
      const folder = relayFolder(dir)
      assert.equal(await readState(folder), undefined)
      const state = {
        counts: {
          reservations: 1,
          circuits: 2,
          bytes: { members: 3, strangers: 4 },
          pauses: 5,
          refused: { full: 6 },
        },
        month: { month: '2026-11', bytes: 7 },
      }
      await writeState(folder, state)
      assert.deepEqual(await readState(folder), state)
      for (const damaged of ['', '{}', '{"month":{"month":"2026-11","bytes":-1}}', 'null']) {
        await writeFile(folder.state, damaged)
        assert.equal(await readState(folder), undefined, damaged)
      }
    })

    it('take limits and lists, and name the field that is wrong', async () => {
      const folder = relayFolder(dir)
      assert.deepEqual(await readSettings(folder), {})
      await writeFile(folder.settings, '{ "limits": { "circuits": 7 }, /* mine */ "deny": ["10.0.0.0/8"], }')
      assert.deepEqual(await readSettings(folder), {
        limits: { circuits: 7 },
        access: { allow: [], deny: ['10.0.0.0/8'] },
      })
      for (const [text, field] of [
        ['{', 'JSON'],
        ['null', 'JSON'],
        ['[]', 'JSON'],
        ['{ "limit": {} }', 'limit'],
        ['{ "limits": { "cicuits": 1 } }', 'cicuits'],
        ['{ "limits": { "circuits": -1 } }', 'circuits'],
        ['{ "allow": "everybody" }', 'allow'],
      ] as const) {
        await writeFile(folder.settings, text)
        await assert.rejects(readSettings(folder), {
          code: 'RELAY_SETTINGS',
          details: { path: folder.settings, field },
        })
      }
      await writeFile(folder.settings, '{ "deny": ["10.0.0.0/99"] }')
      await assert.rejects(readSettings(folder), { code: 'ACCESS_ENTRY' })
    })
  })
})
