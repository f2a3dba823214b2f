import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { abortName } from '../../../chain/abort-names.ts'

const sources = new URL('../../../chain/contract/', import.meta.url)

describe('chain/abort-names', () => {
  it('names every abort code of the contract as its source does', () => {
    let constants = 0
    for (const file of readdirSync(sources, { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.move') || !file.includes('sources')) continue
      const text = readFileSync(new URL(file, sources), 'utf8')
      const module = /^module \w+::(\w+)/m.exec(text)?.[1]
      for (const [, name, code] of text.matchAll(/^const (E[A-Z]\w*): u64 = (\d+);/gm)) {
        constants++
        assert.equal(abortName(module!, BigInt(code!)), name, `${module}: ${code}`)
      }
    }
    assert.ok(constants > 30)
  })

  it('knows nothing of others', () => {
    assert.equal(abortName('balance', 2n), undefined)
    assert.equal(abortName('toString', 0n), undefined)
  })
})
