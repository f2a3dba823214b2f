import { comparisons } from './differential/histories.ts'
import { Machine } from './differential/machine.ts'

/** `npm run fuzz -- contract --histories 10000` takes another seed and many more. */
const seed = 20_261

describe('the contract, against a model of its rules', function () {
  // the contract is compiled with its tests, while other tests run
  this.timeout(600_000)
  let machine: Machine
  before(async () => {
    machine = await Machine.create()
  })

  it('divides shards alike', () => comparisons.apportionment(machine, { seed, numRuns: 100 }))

  it('keeps the active set alike', () => comparisons.activeSet(machine, { seed, numRuns: 100 }))

  it('moves the same shards', () => comparisons.committees(machine, { seed, numRuns: 100 }))

  it('has the same stakes, rewards, commissions, committees and aborts over random histories', () =>
    comparisons.histories(machine, { seed, numRuns: 25 }))
})
