import assert from 'node:assert/strict'
import { OPEN_RANGE_BYTES, requestedRange } from '../../../../node/page/service/requested-range.ts'

describe('a range that a player asks for', () => {
  const size = 10 * OPEN_RANGE_BYTES
  it('is what it names, within the blob', () => {
    assert.deepEqual(requestedRange('bytes=5-9', size), { start: 5, end: 10 })
    assert.deepEqual(requestedRange(`bytes=5-${2 * size}`, size), { start: 5, end: size })
    assert.deepEqual(requestedRange('bytes=-3', size), { start: size - 3, end: size })
    assert.deepEqual(requestedRange('bytes=-3', 2), { start: 0, end: 2 })
  })

  it('is a piece when it is open', () => {
    assert.deepEqual(requestedRange('bytes=0-', size), { start: 0, end: OPEN_RANGE_BYTES })
    assert.deepEqual(requestedRange(`bytes=${size - 1}-`, size), { start: size - 1, end: size })
  })

  it('is the whole where it is none, or more than one', () => {
    for (const header of [
      null,
      '',
      'bytes=',
      'bytes=-',
      'bytes=9-5',
      'bytes=0-1,4-5',
      'items=0-1',
      'bytes=a-b',
    ])
      assert.equal(requestedRange(header, size), undefined, String(header))
  })

  it('cannot be met beyond the end', () => {
    for (const [header, of] of [
      [`bytes=${size}-`, size],
      ['bytes=-0', size],
      ['bytes=0-0', 0],
      ['bytes=-5', 0],
    ] as const)
      assert.equal(requestedRange(header, of), 'unsatisfiable', header)
  })
})
