import assert from 'node:assert/strict'
import { compileTests, runMoveTests } from '../../../chain/localnet/vm/testing/index.ts'
import { testPackage } from '../../../chain/move/compiler.ts'
import { walrusPackage } from '../../../chain/move/contract.ts'
import { loadBls } from '../../../codec/index.ts'

/** One line of the compiler's report: `[ PASS    ] walrus::module::test`. */
const line = /^\[ (PASS|FAIL|TIMEOUT)\s*\] (?:0x[0-9a-f]+|walrus)::(\S+)/gm

describe("contract: Move's own unit tests", function () {
  this.timeout(180_000)

  let onCompilersVm: Map<string, boolean>

  it("pass on the compiler's VM", async () => {
    const { passed, output } = await testPackage(walrusPackage({ tests: true }))
    onCompilersVm = new Map([...output.matchAll(line)].map(([, outcome, name]) => [name, outcome === 'PASS']))
    assert.ok(passed, output)
    assert.ok(onCompilersVm.size > 0, output)
  })

  it("pass on the localnet's VM, where signatures are real, and are the same tests", async () => {
    const tests = await compileTests(walrusPackage({ tests: true }))
    const results = await runMoveTests(tests, { bls: await loadBls() })
    assert.deepEqual(
      results.filter(({ passed }) => !passed),
      [],
    )
    const names = results.map(({ name }) => name.replace(/^(?:0x[0-9a-f]+|walrus)::/, ''))
    assert.deepEqual(names.sort(), [...onCompilersVm.keys()].sort())
  })
})
