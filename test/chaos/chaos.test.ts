import assert from 'node:assert/strict'
import { planOf } from './plan.ts'
import { runChaos } from './run.ts'

/** With `npm run chaos -- --seed 13 --minutes 0.67 --nodes 4` it can be looked at. */
const SEED = 13
const NODES = 4
const MS = 40_000

describe('chaos', function () {
  // what is under way then is brought to its end, on a machine that may be busy
  this.timeout(300_000)

  it('is planned by its seed', () => {
    const init = { nodes: 7, steps: 200 }
    assert.deepEqual(planOf({ seed: 1, ...init }), planOf({ seed: 1, ...init }))
    assert.notDeepEqual(planOf({ seed: 1, ...init }), planOf({ seed: 2, ...init }))
    // a run that lasts longer begins in the same way
    assert.deepEqual(planOf({ seed: 1, nodes: 7, steps: 20 }), planOf({ seed: 1, ...init }).slice(0, 20))
    const kindsOf = (wallets: boolean) =>
      new Set(planOf({ seed: 1, wallets, ...init }).map(({ kind }) => kind))
    assert.equal(kindsOf(false).size, 16)
    assert.deepEqual(kindsOf(true).difference(kindsOf(false)), new Set(['broke', 'poor']))
  })

  it('no read fails and nothing is lost, whatever happens to processes, disks and links', async () => {
    const said: string[] = []
    const { failures, counts, live } = await runChaos({
      seed: SEED,
      nodes: NODES,
      ms: MS,
      say: line => said.push(line),
    })
    assert.deepEqual(failures, [], said.join('\n'))
    assert.ok(live > 0 && counts.read! > live, JSON.stringify(counts))
  })
})
