import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const CHANGES = 'sim/scenarios/changes.test.ts'
const FAILURES = 'sim/scenarios/failures.test.ts'
const CHAIN = 'sim/scenarios/chain.test.ts'
const EPOCHS = 'node/storage/epochs/epochs.test.ts'
const SHARDS = 'node/storage/epochs/scenarios/moves.test.ts'
const OWNERS = 'node/storage/epochs/scenarios/previous-owner.test.ts'
const BLOBS = 'node/storage/epochs/scenarios/blobs.test.ts'
const SHOWN = 'node/storage/epochs/scenarios/chain.test.ts'
const KILLS = 'node/storage/epochs/kills.test.ts'
const OUTAGES = 'node/storage/epochs/outages.test.ts'
const DRIVER = 'node/storage/epochs/driver.test.ts'
const TABLES = 'node/storage/tables/tables.test.ts'
const PROCESSES = 'e2e/epochs/processes-die.test.ts'
const MOVES = 'e2e/epochs/shards-move.test.ts'

/** What may happen while epochs turn, and where it is tried: the tests there begin with the number. */
const SCENARIOS: readonly (readonly [number: number, name: string, files: readonly string[]])[] = [
  [1, 'no stake moves', [CHANGES, SHARDS, PROCESSES]],
  [2, 'one shard moves', [SHARDS, PROCESSES]],
  [3, 'whole committee swapped, and back', [CHANGES, SHARDS, PROCESSES]],
  [4, 'shard lost in one epoch, gained in the next', [SHARDS]],
  [5, 'committee grows and shrinks', [CHANGES, SHARDS]],
  [6, 'node with stake but no shard', [CHANGES, SHARDS]],
  [7, 'kill before and after each step of a change', [KILLS, PROCESSES]],
  [8, 'kill while a sync goes on in the epoch after', [KILLS]],
  [9, 'previous owner gone', [CHANGES, OWNERS]],
  [10, 'previous owner sends a wrong, a truncated and a foreign sliver', [OWNERS]],
  [11, 'previous owner sends empty pages, or none, for ever', [CHANGES, OWNERS]],
  [12, 'previous owner itself never had the blob', [CHANGES, OWNERS]],
  [13, 'source still in the epoch before', [OWNERS]],
  [14, 'f weight serves wrong symbols', [FAILURES]],
  [15, 'f weight silent, one honest node late', [FAILURES]],
  [16, 'fewer than enough secondaries to be had', ['node/storage/recovery/by-decoding.test.ts']],
  [17, 'unrequested, repeated, oversized symbols', ['node/storage/recovery/rebuild.test.ts']],
  [18, 'disk wiped', [FAILURES, TABLES]],
  [19, 'disk full in mid-handoff', [CHANGES]],
  [20, 'bit rot in 1% of slivers', [FAILURES, 'node/storage/recovery/cluster.test.ts']],
  [21, 'node away for 1, 2, 3, 10 epochs', [FAILURES]],
  [22, 'recovery longer than two epochs, with restarts', [FAILURES]],
  [23, 'history pruned while away', [FAILURES, TABLES]],
  [24, 'all nodes restarted at once, in each phase', [FAILURES, KILLS, PROCESSES]],
  [25, 'blob expires while it is recovered', [FAILURES, BLOBS]],
  [26, 'blob deleted while it is recovered, registered again at once', [BLOBS]],
  [27, 'blob extended in the epoch in which it would end', [BLOBS]],
  [28, 'what ended is dropped while the next epoch begins', [OUTAGES]],
  [29, 'invalid blob during handoff', ['node/storage/recovery/wrong-blob.test.ts']],
  [30, 'upload: change between register and slivers', [MOVES]],
  [31, 'upload: change between confirmations and certify', [PROCESSES]],
  [32, 'registered in one epoch, certified in the next', [CHAIN, BLOBS]],
  [33, "certificate seen before the uploader's tail", [BLOBS]],
  [34, 'all call voting_end and initiate at once', [CHANGES, OUTAGES, DRIVER]],
  [35, 'reply to a report lost; sent twice', [EPOCHS]],
  [36, 'node without gas', [CHAIN, SHOWN]],
  [37, 'RPC 30 s behind for one node', [CHAIN, SHOWN, OUTAGES]],
  [38, 'RPC switched to a node that is behind', [EPOCHS]],
  [39, 'RPC answers slowly through a whole change', [CHAIN, OUTAGES]],
  [40, 'event known before the RPC shows the committee', [SHOWN]],
  [41, 'clocks off by 10 min, the clock of the chain jumps', [CHAIN, DRIVER]],
  [42, 'BLS key rotated in the change', [CHAIN, 'node/storage/custody/certificates.test.ts']],
  [43, 'network key and address change in mid-sync', [CHAIN, OUTAGES]],
  [44, 'partition that leaves 2f+1, then heals', [CHAIN]],
  [45, 'f+1 weight never reports', [CHAIN, SHOWN]],
  [46, 'readers with committees of the epoch before', [CHAIN]],
  [47, 'read while owners lack 60% of their slivers', [FAILURES]],
  [48, 'prefetch under way, or killed, when the change starts', [SHARDS]],
]

describe('the scenarios of epochs and recovery', () => {
  it('are 48, each once', () => {
    assert.deepEqual(
      SCENARIOS.map(([number]) => number),
      Array.from({ length: 48 }, (_, i) => i + 1),
    )
  })

  for (const [number, name, files] of SCENARIOS) {
    it(`${number} ${name}: is tried where it is said to be`, () => {
      assert.notEqual(files.length, 0)
      for (const file of files) {
        const text = readFileSync(join(import.meta.dirname, file), 'utf8')
        assert.match(
          text,
          new RegExp(String.raw`^\s*(it\(\s*)?['"\`]${number} `, 'm'),
          `${file} has no test of it`,
        )
      }
    })
  }
})
