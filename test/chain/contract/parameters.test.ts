import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { PARAMETERS, type ParameterRule } from '../../../chain/parameters.ts'

describe('parameters of the network', () => {
  const source = readFileSync(
    new URL('../../../chain/contract/walrus/sources/governance/parameters.move', import.meta.url),
    'utf8',
  )
  const rules: readonly ParameterRule[] = Object.values(PARAMETERS)
  const number = (text: string) => Number(text.replaceAll('_', ''))

  it("have the contract's names and bounds, in its order", () => {
    const bounds = [...source.matchAll(/name == b"(\w+)"\) \((\d[\d_]*), (\d[\d_]*)\)/g)]
    assert.deepEqual(
      bounds.map(([, name, least, most]) => [name, number(least!), number(most!)]),
      rules.map(({ name, least, most }) => [name, least, most]),
    )
  })

  it('begin as in the contract', () => {
    const first = /fun first\(\): Parameters \{\n {4}Parameters \{([^}]*)\}/.exec(source)![1]!
    assert.deepEqual(
      [...first.matchAll(/(\w+): (\d[\d_]*),/g)].map(([, name, value]) => [name, number(value!)]),
      rules.map(({ name, first }) => [name, first]),
    )
  })
})
