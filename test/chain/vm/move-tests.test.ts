import assert from 'node:assert/strict'
import { compileTests, runMoveTests } from '../../../chain/localnet/vm/testing/index.ts'
import { testPackage } from '../../../chain/move/compiler.ts'
import { outcomes } from './support/outcomes.ts'
import { probePackage } from './support/probe.ts'

describe('vm move tests', () => {
  it('gives every test of the probe the same outcome as the Move VM does', async () => {
    const reference = outcomes((await testPackage(probePackage())).output)
    const results = runMoveTests(await compileTests(probePackage()))
    assert.ok(results.length > 30, `${results.length} tests`)
    assert.deepEqual(
      results.filter(result => !result.passed),
      [],
    )
    assert.deepEqual(results.map(({ name, passed }) => [name, passed]).sort(), [...reference].sort())
  })

  it('sees that a test fails', async () => {
    const source = `
module probe::failing;
const EOne: u64 = 1;
const ETwo: u64 = 2;
#[test] fun aborts() { abort EOne }
#[test, expected_failure] fun passes() {}
#[test, expected_failure(abort_code = ETwo)] fun aborts_with_another_code() { abort EOne }
#[test, expected_failure(arithmetic_error, location = Self)] fun divides() { let x = vector<u64>[]; let _ = x[1]; }
#[test, expected_failure(abort_code = EOne, location = std::vector)] fun elsewhere() { abort EOne }
// #[test] fun commented() {}
#[test] fun passes_too() {}
#[random_test] fun never_large(n: u64) { assert!(n < 1000) }
`
    const options = { name: 'probe', files: { ...probePackage().files, 'sources/failing.move': source } }
    const compiled = await compileTests(options)
    const results = runMoveTests(compiled, { filter: '::failing::' })
    assert.deepEqual(
      results.map(({ name, passed }) => [name.split('::')[2], passed]),
      [
        ['aborts', false],
        ['passes', false],
        ['aborts_with_another_code', false],
        ['divides', false],
        ['elsewhere', false],
        ['passes_too', true],
        ['never_large', false],
      ],
    )
    const told = (seed: number) => runMoveTests(compiled, { filter: '::never_large', seed })[0]!.reason!
    assert.match(told(5), /\(seed 5, arguments \d+\)/)
    assert.equal(told(5), told(5), 'a seed gives other arguments the next time')
    assert.notEqual(told(5), told(6))
    const reference = outcomes((await testPackage(options)).output)
    for (const { name, passed } of results) assert.equal(reference.get(name), passed, name)
  })
})
