import assert from 'node:assert/strict'
import { silentLog } from '../../../../base/log.ts'
import {
  createRelayScores,
  type RelayScoreStorage,
  restoreRelayScores,
} from '../../../../node/network/circuit/relay-scores.ts'
import { relaysIn } from '../../../../node/network/circuit/relays-in.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

const MIB = 1024 * 1024

function memory(): RelayScoreStorage & { kept: Map<string, Uint8Array> } {
  const kept = new Map<string, Uint8Array>()
  return {
    kept,
    async *load() {
      yield* kept
    },
    put: (relay, score) => void kept.set(relay, score),
    delete: relay => void kept.delete(relay),
  }
}

describe('how relays have been', () => {
  it('is their latency, heavier by their load, what a sliver takes at their rate, and what failed lately', async () => {
    const clock = new VirtualClock(Date.now())
    const scores = createRelayScores({ clock })
    assert.equal(scores.of('a'), undefined)
    scores.reserved('a', { latencyMs: 20, load: 0.5 })
    // a MiB per second until more is seen
    assert.equal(scores.of('a'), 60 + 250)
    // less may have been wanted
    scores.moved('a', MIB / 2)
    assert.equal(scores.of('a'), 60 + 250)
    scores.moved('a', 5 * MIB)
    assert.equal(scores.of('a'), 60 + 50)
    scores.moved('a', 2 * MIB)
    assert.equal(scores.of('a'), 60 + 50)
    await clock.advance(3_600_000)
    assert.equal(scores.of('a'), 60 + 250)
    scores.moved('a', 2 * MIB)
    assert.equal(scores.of('a'), 60 + 125)
    scores.failed('a')
    scores.failed('a')
    assert.equal(scores.of('a'), 185 + 2_000)
    await clock.advance(600_000)
    assert.equal(scores.of('a'), 185 + 1_000)
  })

  it('is what calls over it took as long as there is no reservation, and what failed', () => {
    const scores = createRelayScores({ clock: new VirtualClock(Date.now()) })
    scores.called('a', { tookMs: 40 })
    scores.called('a', { tookMs: 80 })
    assert.equal(scores.of('a'), 60 + 250)
    scores.called('a', 'failed')
    assert.equal(scores.of('a'), 60 + 250 + 1_000)
    scores.reserved('a', { latencyMs: 20, load: undefined })
    assert.equal(scores.of('a'), 20 + 250 + 1_000)
  })

  it('is kept through a restart, of so many relays, and what is none is dropped', async () => {
    const clock = new VirtualClock(Date.now())
    const storage = memory()
    const scores = createRelayScores({ clock, storage })
    for (let i = 0; i < 300; i++) scores.reserved(`r${i}`, { latencyMs: i, load: undefined })
    scores.failed('r299')
    scores.flush()
    assert.equal(storage.kept.size, 256)
    storage.kept.set('r298', new TextEncoder().encode('{"latencyMs":-1}'))
    storage.kept.set('r297', new TextEncoder().encode('{'))
    const again = await restoreRelayScores({ clock, storage, log: silentLog() })
    assert.equal(again.of('r299'), 299 + 250 + 1_000)
    assert.equal(again.of('r44'), 44 + 250)
    for (const gone of ['r0', 'r43', 'r297', 'r298']) assert.equal(again.of(gone), undefined)
    assert.equal(storage.kept.size, 254)
  })
})

describe('the relays in a record', () => {
  it('are those by which its peer is called, three at most', () => {
    const peers = ['A', 'B', 'C', 'D'].map(
      last => `12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDE${last.toLowerCase()}`,
    )
    const [a, b, c, d] = peers.map((peer, i) => `/ip4/192.0.2.${i}/tcp/4001/p2p/${peer}`)
    const six = `/ip6/2001:db8::1/tcp/4001/p2p/${peers[0]}`
    const over = (relay?: string) => `${relay}/p2p-circuit/p2p/${peers[3]}`
    assert.deepEqual(
      relaysIn(['/ip4/192.0.2.9/tcp/1', over(a), over(b), over(c), over(d), over(six), over(a)]),
      [a, b, c, six],
    )
    assert.deepEqual(relaysIn([over('/ip4/192.0.2.1/tcp/1')]), [])
  })
})
