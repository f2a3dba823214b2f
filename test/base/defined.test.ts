import assert from 'node:assert/strict'
import { defined } from '../../base/defined.ts'

describe('defined fields', () => {
  it('lack what is undefined, and keep whatever else is falsy, in order', () => {
    const fields = defined({ a: undefined, b: null, c: 0, d: '', e: false, f: 0n, g: 1 })
    assert.deepEqual(Object.entries(fields), [
      ['b', null],
      ['c', 0],
      ['d', ''],
      ['e', false],
      ['f', 0n],
      ['g', 1],
    ])
  })

  it('do not hide those that they are spread over', () => {
    const given: { a?: number; b?: number } = { a: undefined, b: 2 }
    assert.deepEqual({ a: 1, ...defined(given) }, { a: 1, b: 2 })
  })
})
