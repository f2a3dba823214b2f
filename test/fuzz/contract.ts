/** The contract on the localnet's VM against the model of its rules, over random histories. */
import fc from 'fast-check'
import {
  apportionments,
  committees,
  histories,
  holdApportionment,
  holdCommittees,
  holdHistory,
  holdUpdates,
  updates,
} from '../chain/contract/differential/histories.ts'
import { Machine } from '../chain/contract/differential/machine.ts'
import type { FuzzOptions } from './main.ts'

/** Histories between two looks at the clock. */
const BATCH = 50

/** Goes on for so many histories, or else for so many minutes. */
export async function run({ minutes, seed, histories: wanted }: FuzzOptions): Promise<void> {
  const machine = await Machine.create()
  const end = performance.now() + minutes * 60_000
  let done = 0
  const goesOn = () => (wanted === undefined ? performance.now() < end : done < wanted)
  for (let batch = 0; goesOn(); batch++) {
    const numRuns = Math.min(BATCH, (wanted ?? Number.POSITIVE_INFINITY) - done)
    const parameters = { seed: seed + batch, numRuns }
    const parts = { ...parameters, numRuns: numRuns * 2 }
    fc.assert(
      fc.property(apportionments, input => holdApportionment(machine, input)),
      parts,
    )
    fc.assert(
      fc.property(updates, input => holdUpdates(machine, input)),
      parts,
    )
    fc.assert(
      fc.property(committees, input => holdCommittees(machine, input)),
      parts,
    )
    fc.assert(
      fc.property(histories, input => holdHistory(machine, input)),
      parameters,
    )
    done += numRuns
    if (batch % 20 === 19) console.log(`${done} histories`)
  }
  console.log(`${done} histories, and ${done * 2} of each part: all alike (seed ${seed})`)
}
