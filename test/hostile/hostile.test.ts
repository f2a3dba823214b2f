import assert from 'node:assert/strict'
import { attackNames, loadAttack } from './attack.ts'
import { type Network, startNetwork } from './target.ts'
import { type Attackers, startAttackers } from './under-attack.ts'

/** At least; it goes on until it has taken place. `npm run hostile -- NAME` runs one for as long as one says, against a devnet of the usual size. */
const SECONDS = 0.6
/** Of five kinds that are asked side by side, the slowest is waited for. */
const PAUSE_MS = 200
/** Each of what is refused costs a little, and the collector comes when it comes. */
const MAX_GROWTH_BYTES = 250 * 1024 ** 2
/** An honest request must not wait for an attacker's; seconds, because tests share machines. */
const MAX_LAG_MS = 4_000

describe('a network under attack from one address', function () {
  this.timeout(90_000)
  let network: Network
  let attackers: Attackers

  before(async function () {
    this.timeout(240_000)
    network = await startNetwork({ nodes: 4, shards: 10 })
    attackers = await startAttackers()
  })
  after(async () => {
    await attackers?.close()
    await network?.close()
  })

  for (const name of attackNames()) {
    it(`answers everybody else: ${name}`, async () => {
      const { refused: expected } = await loadAttack(name)
      const report = await attackers.attack(network, name, {
        seconds: SECONDS,
        pauseMs: PAUSE_MS,
        atMostSeconds: 30,
        untilAnswered: true,
        untilRefused: expected,
      })
      const shown = JSON.stringify(report)
      assert.deepEqual(report.errors, [], shown)
      for (const { answered } of Object.values(report.honest)) assert.ok(answered >= 2, shown)
      assert.ok(report.rssMost - report.rssBefore < MAX_GROWTH_BYTES, shown)
      assert.ok(report.lagMs < MAX_LAG_MS, shown)
      // it took place: something was refused, or what it tried did not fail each time
      const { tried = 0, failed = 0 } = report.attack
      const wasRefused = expected?.some(key => (report.refused[key] ?? 0) > 0)
      assert.ok(wasRefused ?? failed < tried, shown)
    })
  }
})
