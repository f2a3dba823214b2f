import assert from 'node:assert/strict'
import { createProgram } from '../../../node/cli/program.ts'
import { shieldBlobIds } from '../../../node/cli/run.ts'

describe('blob IDs that start with a dash', () => {
  const program = createProgram(() => {})
  const id = `-${'A'.repeat(42)}`
  const shield = (line: string) => shieldBlobIds(line.split(' '), program).join(' ')

  it('go behind --, in their order, and options before it', () => {
    assert.equal(shield(`read ${id}`), `read -- ${id}`)
    assert.equal(shield(`read ${id} -o out --json`), `read -o out --json -- ${id}`)
    assert.equal(shield(`delete 0x1 ${id} 0x2 --wallet w`), `delete 0x1 --wallet w -- ${id} 0x2`)
    assert.equal(
      shield(`attributes set ${id} a=b --network n c=d`),
      `attributes set --network n -- ${id} a=b c=d`,
    )
  })

  it('leaves other command lines alone', () => {
    for (const line of ['read AAAA -o out', 'store - --epochs 2', `read -- ${id}`])
      assert.equal(shield(line), line)
  })
})
