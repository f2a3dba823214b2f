import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { LineRates } from '../../../protocols/quota/pacing.ts'
import { createTurns, type Waiting } from '../../../protocols/quota/turns.ts'

const KIB = 1024
const UNLIMITED = Number.POSITIVE_INFINITY

interface Moved extends Waiting {
  atMs: number
}

interface Arrival extends Omit<Waiting, 'bytes'> {
  /** of the longest piece */
  share: number
  /** after the one before */
  afterMs: number
}

/** Lets what arrives move as soon as it may, or a little later, as timers are late. */
function simulate(
  rates: (nowMs: number) => LineRates,
  arrivals: readonly Arrival[],
  lateMs: () => number = () => 0,
): Moved[] {
  let now = 1_000
  const turns = createTurns<Waiting>(() => rates(now))
  const moved: Moved[] = []
  let at = 0
  let arrivesAt = now
  for (;;) {
    const next = turns.next(now)
    if (next !== undefined && !('waitMs' in next)) {
      moved.push({ ...next, atMs: now })
      continue
    }
    const arrival = arrivals[at]
    const wakesAt = next === undefined ? UNLIMITED : now + next.waitMs + lateMs()
    if (arrival === undefined && next === undefined) return moved
    if (arrival !== undefined && arrivesAt + arrival.afterMs <= wakesAt) {
      arrivesAt += arrival.afterMs
      now = Math.max(now, arrivesAt)
      const { peer, share, small } = arrival
      turns.add({ peer, small, bytes: Math.max(1, Math.floor(share * turns.pieceBytes())) })
      at++
      continue
    }
    assert.ok(wakesAt > now, 'who has to wait is not asked in vain')
    now = wakesAt
  }
}

/** What moved in the second from each piece on, at most. */
function mostInASecond(moved: readonly Moved[]): number {
  let most = 0
  for (const [i, { atMs }] of moved.entries()) {
    let sum = 0
    for (let j = i; j < moved.length && moved[j]!.atMs < atMs + 1_000; j++) sum += moved[j]!.bytes
    most = Math.max(most, sum)
  }
  return most
}

describe('turns on a line', () => {
  const rate = fc.integer({ min: 32 * KIB, max: 64 * KIB * KIB })
  const arrival = fc.record({
    peer: fc.constantFrom('a', 'b', 'c', 'd'),
    small: fc.boolean(),
    share: fc.oneof(fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true })),
    afterMs: fc.oneof(
      { weight: 20, arbitrary: fc.constant(0) },
      { weight: 1, arbitrary: fc.integer({ min: 0, max: 1_500 }) },
    ),
  })
  const lateness = fc.array(fc.double({ min: 0, max: 60, noNaN: true }), { minLength: 1, maxLength: 20 })
  const cycling = (times: readonly number[]) => {
    let i = 0
    return () => times[i++ % times.length]!
  }

  it('let no more than the rates move within any second, of all and of each peer', () => {
    fc.assert(
      fc.property(
        rate,
        fc.oneof(fc.double({ min: 0.05, max: 1, noNaN: true }), fc.constant(UNLIMITED)),
        fc.array(arrival, { maxLength: 300, size: 'max' }),
        lateness,
        (total, part, arrivals, late) => {
          const perPeer = Math.ceil(part * total)
          const moved = simulate(() => ({ total, perPeer }), arrivals, cycling(late))
          assert.equal(moved.length, arrivals.length)
          assert.ok(mostInASecond(moved) <= total)
          for (const peer of ['a', 'b', 'c', 'd'])
            assert.ok(mostInASecond(moved.filter(one => one.peer === peer)) <= perPeer)
        },
      ),
    )
  })

  it('do so while the rates change', () => {
    fc.assert(
      fc.property(
        rate,
        rate,
        fc.array(arrival, { maxLength: 300, size: 'max' }),
        lateness,
        fc.boolean(),
        (before, after, arrivals, late, ofPeers) => {
          const rates = (now: number) => {
            const limited = now < 2_000 ? before : after
            return ofPeers ? { total: UNLIMITED, perPeer: limited } : { total: limited, perPeer: UNLIMITED }
          }
          const moved = simulate(rates, arrivals, cycling(late))
          const lines = ofPeers
            ? ['a', 'b', 'c', 'd'].map(peer => moved.filter(one => one.peer === peer))
            : [moved]
          for (const line of lines) {
            assert.ok(mostInASecond(line) <= Math.max(before, after))
            // a piece that was cut for the rate before may be among them
            const since = line.filter(({ atMs }) => atMs >= 2_000)
            assert.ok(mostInASecond(since) <= after + before / 32)
          }
        },
      ),
    )
  })

  for (const [whose, limited] of [
    ['of all', (rate: number) => ({ total: rate, perPeer: UNLIMITED })],
    ['of each peer', (rate: number) => ({ total: UNLIMITED, perPeer: rate })],
  ] as const) {
    it(`are earlier when the rate ${whose} is raised, later when it is lowered`, () => {
      let rate = 1_000
      const turns = createTurns<Waiting>(() => limited(rate))
      // at 15/16 of the rate, and from the slack before now on
      for (let i = 0; i < 3; i++) turns.add({ peer: 'a', bytes: 937.5 + 23.4375, small: false })
      turns.next(0)
      assert.deepEqual(turns.next(0), { waitMs: 1_000 })
      rate = 10_000
      assert.deepEqual(turns.next(0), { waitMs: 100 })
      rate = 5_000
      assert.deepEqual(turns.next(50), { waitMs: 100 })
      rate = UNLIMITED
      assert.ok(!('waitMs' in turns.next(50)!))
      assert.ok(!('waitMs' in turns.next(50)!))
    })
  }

  const waitingAt0 = (count: number, peer: string, small = false): Arrival[] =>
    Array.from({ length: count }, () => ({ peer, small, share: 1, afterMs: 0 }))

  it('use nine tenths of the rate while somebody waits, also when timers are a little late', () => {
    const total = 1024 * KIB
    const moved = simulate(
      () => ({ total, perPeer: UNLIMITED }),
      waitingAt0(320, 'a'),
      cycling([0, 3, 9, 20]),
    )
    const seconds = (moved.at(-1)!.atMs - moved[0]!.atMs) / 1_000
    const bytes = moved.reduce((sum, one) => sum + one.bytes, 0)
    assert.ok(bytes / seconds >= 0.9 * total, `${bytes / seconds}`)
  })

  it('give one with many streams no more than one with a single stream', () => {
    const rates = { total: 320 * KIB, perPeer: UNLIMITED }
    const moved = simulate(
      () => rates,
      [...waitingAt0(100, 'a'), ...waitingAt0(10, 'b'), ...waitingAt0(10, 'c')],
    )
    // the very first came when nobody else was there
    const first = moved.slice(1, 31).map(({ peer }) => peer)
    for (const peer of ['a', 'b', 'c']) assert.equal(first.filter(one => one === peer).length, 10)
  })

  it('do not keep others waiting for a peer that is over its own rate', () => {
    const rates = { total: 3_200 * KIB, perPeer: 64 * KIB }
    const moved = simulate(
      () => rates,
      [...waitingAt0(10, 'a'), ...waitingAt0(1, 'b'), ...waitingAt0(1, 'c')],
    )
    assert.deepEqual(
      moved.slice(0, 3).map(({ peer }) => peer),
      ['a', 'b', 'c'],
    )
  })

  it('let messages pass queues of slivers, and slivers a flood of messages', () => {
    const rates = { total: 320 * KIB, perPeer: UNLIMITED }
    const slivers = waitingAt0(50, 'a')
    const behind = simulate(() => rates, [...slivers, ...waitingAt0(1, 'b', true)])
    assert.ok(behind.findIndex(({ small }) => small) <= 1)
    const flooded = simulate(() => rates, [...waitingAt0(50, 'b', true), ...slivers])
    assert.equal(flooded.slice(0, 40).filter(({ small }) => small).length, 20)
  })

  it('are not given to one that waits no longer', () => {
    const turns = createTurns<Waiting>(() => ({ total: 32, perPeer: UNLIMITED }))
    const [first, gone, last] = ['a', 'b', 'c'].map(peer => ({ peer, bytes: 1, small: false }))
    for (const one of [first!, gone!, last!]) turns.add(one)
    turns.remove(gone!)
    turns.remove(gone!)
    assert.equal(turns.waiting, 2)
    assert.equal(turns.next(0), first)
    assert.equal(turns.next(10_000), last)
    assert.equal(turns.next(20_000), undefined)
  })
})
