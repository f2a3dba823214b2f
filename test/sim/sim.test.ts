import assert from 'node:assert/strict'
import { temporaryFolder } from '../support/temporary.ts'
import { FAULTS } from './faults.ts'
import { INVARIANTS } from './invariants.ts'
import { SimFailure, type SimOptions } from './options.ts'
import { simulate } from './simulation.ts'

/** `npm run sim -- --seed N` takes other seeds and sizes. */
const SEEDS = 200
const AT_ONCE = 25
const SMALL = { nodes: 7, shards: 10, blobs: 20, uploads: 14, epochs: 3 } satisfies Omit<SimOptions, 'seed'>
const CHALLENGES = { rounds: 1, draws: 10 }

/** A small world, of another shape for each seed; every tenth one lives so long that history can be pruned, and every eighth one has storage challenges. */
function small(seed: number): SimOptions {
  const nodes = 4 + (seed % 3)
  const shards = seed % 3 === 0 ? 10 : 7
  const challenges = seed % 8 === 0 ? CHALLENGES : undefined
  return { seed, nodes, shards, blobs: 6, uploads: 3, epochs: seed % 10 === 0 ? 3 : 1, challenges }
}

describe('a simulated network', function () {
  this.timeout(240_000)

  it('does the same for the same seed, and something else for another', async () => {
    const run = (seed: number) => simulate({ ...SMALL, seed, challenges: CHALLENGES })
    const [first, again, other] = [await run(101), await run(101), await run(102)]
    assert.deepEqual(again, first)
    assert.notEqual(other.digest, first.digest)
  })

  describe('whatever goes wrong with f weight', () => {
    const checked = new Set<string>()
    const faults = new Set<string>()
    for (let from = 1; from <= SEEDS; from += AT_ONCE) {
      const to = from + AT_ONCE - 1
      it(`loses nothing, with seeds ${from} to ${to}`, async () => {
        for (let seed = from; seed <= to; seed++) {
          const result = await simulate(small(seed))
          assert.equal(result.lost, 0)
          for (const invariant of Object.keys(result.checks)) checked.add(invariant)
          for (const fault of Object.keys(result.faults)) faults.add(fault)
        }
      })
    }

    it('has seen every fault, and looked at every invariant', () => {
      assert.deepEqual([...checked].sort(), Object.keys(INVARIANTS).sort())
      assert.deepEqual([...faults].sort(), FAULTS.toSorted())
    })
  })

  it('loses nothing of a larger committee either', async () => {
    const size = { nodes: 16, shards: 40, blobs: 100, uploads: 6, epochs: 2 }
    const { lost } = await simulate({ ...size, seed: 1 })
    assert.equal(lost, 0)
  })

  it('loses nothing with the real codec and real stores, and does the same again', async () => {
    const run = async () => {
      const folder = await temporaryFolder()
      try {
        const size = { nodes: 4, shards: 7, blobs: 4, uploads: 4, epochs: 1 }
        return await simulate({ ...size, seed: 1, path: folder.path, challenges: CHALLENGES })
      } finally {
        await folder.remove()
      }
    }
    const first = await run()
    assert.equal(first.lost, 0)
    assert.ok(first.uploads.stored > 0)
    assert.ok(first.challenges!.passed > 0)
    assert.deepEqual(await run(), first)
  })

  it('tells how to run a failure again, and what happened before it', async () => {
    const failing = simulate({ ...SMALL, seed: 1, sabotage: true })
    await assert.rejects(failing, (error: unknown) => {
      assert.ok(error instanceof SimFailure)
      assert.match(error.message, /seed 1, step \d+: invariant 1 /)
      assert.match(error.message, /npm run sim -- --seed 1 --nodes 7/)
      assert.equal(error.last.length, 50)
      return true
    })
  })
})
