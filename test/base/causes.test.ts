import assert from 'node:assert/strict'
import { causesOf, codesOf } from '../../base/causes.ts'

const coded = (code: unknown, options?: ErrorOptions) =>
  Object.assign(new Error(`${code}`, options), { code })

describe('causes of an error', () => {
  it('are itself, what it names and what it gathers, the nearest first', () => {
    const deep = coded('EMFILE')
    const error = coded('OUTER', {
      cause: new AggregateError([coded(7), coded('EIO', { cause: deep })], 'all'),
    })
    assert.deepEqual(codesOf(error), ['OUTER', 'EIO', 'EMFILE'])
    assert.deepEqual(
      causesOf(error).map(({ message }) => message),
      ['OUTER', 'all', '7', 'EIO', 'EMFILE'],
    )
  })

  it('end where an error is its own cause, and with what is none', () => {
    const error = coded('LOOP')
    error.cause = new Error('back', { cause: error })
    assert.equal(causesOf(error).length, 2)
    assert.deepEqual(causesOf('text'), [])
    assert.deepEqual(causesOf(new Error('of a text', { cause: 'text' })).length, 1)
  })
})
