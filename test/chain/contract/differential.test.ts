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
} from './differential/histories.ts'
import { Machine } from './differential/machine.ts'

/** `npm run fuzz -- contract --histories 10000` takes another seed and many more. */
const seed = 20_261
const numRuns = 25

describe('the contract, against a model of its rules', function () {
  this.timeout(120_000)
  let machine: Machine
  before(async () => {
    machine = await Machine.create()
  })

  it('divides shards alike', () => {
    fc.assert(
      fc.property(apportionments, input => holdApportionment(machine, input)),
      { seed, numRuns: 100 },
    )
  })

  it('keeps the active set alike', () => {
    fc.assert(
      fc.property(updates, input => holdUpdates(machine, input)),
      { seed, numRuns: 100 },
    )
  })

  it('moves the same shards', () => {
    fc.assert(
      fc.property(committees, input => holdCommittees(machine, input)),
      { seed, numRuns: 100 },
    )
  })

  it('has the same stakes, rewards, commissions, committees and aborts over random histories', () => {
    fc.assert(
      fc.property(histories, input => holdHistory(machine, input)),
      { seed, numRuns },
    )
  })
})
