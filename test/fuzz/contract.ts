/** The contract on the localnet's VM against the model of its rules, over random histories. */
import { comparisons } from '../chain/contract/differential/histories.ts'
import { Machine } from '../chain/contract/differential/machine.ts'
import type { FuzzOptions } from './main.ts'

/** Histories between two looks at the clock. */
const BATCH = 50

/** Goes on for so many histories, or else for so many minutes. */
export async function run({ minutes, seed, histories }: FuzzOptions): Promise<void> {
  const machine = await Machine.create()
  const end = performance.now() + minutes * 60_000
  let done = 0
  const goesOn = () => (histories === undefined ? performance.now() < end : done < histories)
  for (let batch = 0; goesOn(); batch++) {
    const numRuns = Math.min(BATCH, (histories ?? Number.POSITIVE_INFINITY) - done)
    for (const compare of Object.values(comparisons)) compare(machine, { seed: seed + batch, numRuns })
    done += numRuns
    if (batch % 20 === 19) console.log(`${done} histories`)
  }
  console.log(`${done} histories, and as many of each part: all alike (seed ${seed})`)
}
