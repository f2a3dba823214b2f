import assert from 'node:assert/strict'
import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import { relayNetwork } from '../../../../node/network/circuit/network.ts'
import { planRelays, type RelayState } from '../../../../node/network/circuit/plan.ts'

const relay = (id: string, state: Partial<RelayState> = {}): RelayState => ({
  id,
  network: id,
  held: undefined,
  chosen: false,
  goneAt: undefined,
  asking: false,
  notBefore: 0,
  score: undefined,
  betterSince: undefined,
  ...state,
})
const held = (id: string, state: Partial<RelayState> = {}) =>
  relay(id, { held: { since: 0 }, chosen: true, score: 10, ...state })
const ids = (relays: readonly RelayState[]) => relays.map(({ id }) => id).sort()

describe('plan of relays', () => {
  it('asks four at first, and keeps the two best that answered, of different networks', () => {
    const all = ['a', 'b', 'c', 'd', 'e'].map(id => relay(id))
    assert.equal(planRelays(all, 2, 0).ask.length, 4)
    for (const [id, score, network] of [
      ['a', 30, 'x'],
      ['b', 20, 'x'],
      ['c', 40, 'y'],
      ['d', 90, 'z'],
    ] as const) {
      Object.assign(all.find(one => one.id === id)!, { score, network, held: { since: 1 } })
    }
    all[0]!.asking = true
    assert.deepEqual(planRelays(all, 2, 1), { ask: [], release: [] })
    all[0]!.asking = false
    const { ask, release } = planRelays(all, 2, 2)
    assert.deepEqual(ask, [])
    assert.deepEqual(ids(release), ['a', 'd'])
    assert.deepEqual(ids(all.filter(({ chosen }) => chosen)), ['b', 'c'])
  })

  it('takes two of one network when there are no others', () => {
    const all = [held('a', { network: 'x' }), relay('b', { network: 'x', score: 5 })]
    assert.deepEqual(ids(planRelays(all, 2, 0).ask), ['b'])
  })

  it('has another stand in for one that is gone, which comes back or is replaced after 30 s', () => {
    const gone = held('a', { held: undefined, goneAt: 0 })
    const all = [gone, held('b'), relay('c', { score: 15 })]
    assert.deepEqual(ids(planRelays(all, 2, 1).ask), ['a', 'c'])
    const standIn = all[2]!
    standIn.held = { since: 2 }
    assert.deepEqual(planRelays(all, 2, 5_000).release, [])
    const back = all.map(one =>
      one.id === 'a' ? { ...one, held: { since: 6_000 }, goneAt: undefined } : { ...one },
    )
    assert.deepEqual(ids(planRelays(back, 2, 6_000).release), ['c'])
    planRelays(all, 2, 30_000)
    assert.deepEqual(ids(all.filter(({ chosen }) => chosen)), ['b', 'c'])
  })

  it('changes to one that was twice as good for ten minutes, and to none that was it for less', () => {
    const all = [held('a', { score: 40 }), held('b', { score: 30 }), relay('c', { score: 20 })]
    const [, , better] = all
    planRelays(all, 2, 0)
    better!.score = 21
    planRelays(all, 2, 300_000)
    better!.score = 20
    planRelays(all, 2, 400_000)
    better!.held = { since: 900_000 }
    assert.deepEqual(ids(planRelays(all, 2, 900_000).release), ['c'])
    better!.held = { since: 1_000_000 }
    assert.deepEqual(ids(planRelays(all, 2, 1_000_000).release), ['a'])
  })

  it('never asks too early or twice, never lets go of one of the last two, and asks as long as any are missing', () => {
    const state = fc.record({
      isHeld: fc.boolean(),
      chosen: fc.boolean(),
      goneAt: fc.option(fc.nat(60_000), { nil: undefined }),
      asking: fc.boolean(),
      notBefore: fc.nat(120_000),
      score: fc.option(fc.integer({ min: 1, max: 1_000 }), { nil: undefined }),
      network: fc.constantFrom('x', 'y'),
    })
    fc.assert(
      fc.property(fc.array(state, { maxLength: 8 }), fc.nat(120_000), (states, now) => {
        const all = states.map(({ isHeld, ...rest }, i) =>
          relay(String(i), { ...rest, held: isHeld ? { since: 0 } : undefined }),
        )
        const { ask, release } = planRelays(all, 2, now)
        const holding = all.filter(one => one.held !== undefined)
        assert.ok(ask.every(one => !one.asking && one.notBefore <= now && one.held === undefined))
        assert.equal(new Set(ask).size, ask.length)
        assert.ok(holding.length - release.length >= Math.min(2, holding.length))
        const free = all.filter(one => one.held === undefined && !one.asking && one.notBefore <= now)
        const underWay = all.filter(one => one.asking).length
        if (holding.length + underWay < 2 && free.length > 0) assert.ok(ask.length > 0)
      }),
      { numRuns: 500 },
    )
  })

  it('knows networks by 24 bits of IPv4 and 48 of IPv6', () => {
    const of = (text: string) => relayNetwork(multiaddr(text))
    assert.equal(of('/ip4/192.0.2.1/tcp/1'), of('/ip4/192.0.2.200/tcp/2'))
    assert.notEqual(of('/ip4/192.0.2.1/tcp/1'), of('/ip4/192.0.3.1/tcp/1'))
    assert.equal(of('/ip6/2001:db8:1:2::1/tcp/1'), of('/ip6/2001:db8:1:3::1/tcp/1'))
    assert.notEqual(of('/ip6/2001:db8:1::1/tcp/1'), of('/ip6/2001:db8:2::1/tcp/1'))
    assert.equal(of('/dns/relay.example/tcp/1'), 'relay.example')
  })
})
