import assert from 'node:assert/strict'
import { compileTests, runMoveTests } from '../../../chain/localnet/vm/testing/index.ts'
import { testPackage } from '../../../chain/move/compiler.ts'
import { walrusPackage } from '../../../chain/move/contract.ts'
import { loadBls } from '../../../codec/node.ts'
import { outcomes } from './support/outcomes.ts'

/** On the compiler's own VM every BLS signature is valid, so tests that need a bad one cannot pass there. */
const needsRealBls = (name: string): boolean => /::\w*real_bls\w*$/.test(name)

describe('vm on the contract', function () {
  // a compilation for each VM, and some 300 tests on both
  this.timeout(600_000)

  it('passes every Move test of the contract, as the Move VM does', async () => {
    const options = walrusPackage({ tests: true })
    const results = runMoveTests(await compileTests(options), { bls: await loadBls() })
    assert.deepEqual(
      results.filter(result => !result.passed),
      [],
    )
    const reference = outcomes((await testPackage(options)).output)
    const own = results.filter(({ name }) => name.startsWith('walrus::') && !needsRealBls(name))
    assert.ok(own.length > 0)
    assert.deepEqual(
      own.map(({ name }) => [name, reference.get(name)]).filter(([, passed]) => passed !== true),
      [],
    )
  })
})
