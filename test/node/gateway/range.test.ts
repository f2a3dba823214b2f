import assert from 'node:assert/strict'
import fc from 'fast-check'
import { ifRangeHolds, noneMatchHits } from '../../../node/gateway/content/conditions.ts'
import { parseRange } from '../../../node/gateway/content/range.ts'

describe('gateway ranges', () => {
  const cases: [string | undefined, number, ReturnType<typeof parseRange>][] = [
    [undefined, 10, { kind: 'whole' }],
    ['bytes=0-0', 10, { kind: 'parts', ranges: [{ start: 0, end: 1 }] }],
    ['bytes=0-9', 10, { kind: 'parts', ranges: [{ start: 0, end: 10 }] }],
    ['bytes=2-', 10, { kind: 'parts', ranges: [{ start: 2, end: 10 }] }],
    ['bytes=2-999', 10, { kind: 'parts', ranges: [{ start: 2, end: 10 }] }],
    ['bytes=-3', 10, { kind: 'parts', ranges: [{ start: 7, end: 10 }] }],
    ['bytes=-99', 10, { kind: 'parts', ranges: [{ start: 0, end: 10 }] }],
    ['Bytes= 1-2 ', 10, { kind: 'parts', ranges: [{ start: 1, end: 3 }] }],
    ['bytes=10-', 10, { kind: 'unsatisfiable' }],
    ['bytes=-0', 10, { kind: 'unsatisfiable' }],
    ['bytes=5-2', 10, { kind: 'unsatisfiable' }],
    ['bytes=-', 10, { kind: 'unsatisfiable' }],
    ['bytes=', 10, { kind: 'unsatisfiable' }],
    ['bytes=a-b', 10, { kind: 'unsatisfiable' }],
    ['bytes=1-2=3', 10, { kind: 'unsatisfiable' }],
    ['bytes=0-', 0, { kind: 'unsatisfiable' }],
    ['bytes=-5', 0, { kind: 'whole' }],
    [
      'bytes=4-5, ,0-1',
      10,
      {
        kind: 'parts',
        ranges: [
          { start: 4, end: 6 },
          { start: 0, end: 2 },
        ],
      },
    ],
    ['bytes=0-1,90-', 10, { kind: 'parts', ranges: [{ start: 0, end: 2 }] }],
    ['bytes=90-,91-', 10, { kind: 'unsatisfiable' }],
    ['bytes=0-1,x', 10, { kind: 'unsatisfiable' }],
    ['bytes=0-,0-', 10, { kind: 'whole' }],
    [`bytes=${Array(33).fill('0-0').join()}`, 100, { kind: 'whole' }],
    ['items=0-1', 10, { kind: 'whole' }],
    ['bytes', 10, { kind: 'whole' }],
    [`bytes=${'9'.repeat(400)}-`, 10, { kind: 'unsatisfiable' }],
    [`bytes=0-${'9'.repeat(400)}`, 10, { kind: 'parts', ranges: [{ start: 0, end: 10 }] }],
  ]
  for (const [header, size, expected] of cases) {
    it(`${header?.slice(0, 30)} of ${size} bytes`, () => assert.deepEqual(parseRange(header, size), expected))
  }

  it('gives the same bytes as slicing, for every pair', () => {
    const bounds = fc.tuple(fc.nat(200), fc.nat(250), fc.nat(200))
    fc.assert(
      fc.property(bounds, ([first, last, size]) => {
        const data = Array.from({ length: size }, (_, i) => i)
        const answer = parseRange(`bytes=${first}-${last}`, size)
        const expected = last < first ? [] : data.slice(first, last + 1)
        const [range] = answer.kind === 'parts' ? answer.ranges : []
        const got = range === undefined ? [] : data.slice(range.start, range.end)
        assert.deepEqual(got, expected)
        assert.equal(answer.kind, expected.length > 0 ? 'parts' : 'unsatisfiable')
      }),
    )
  })

  it('gives the last bytes for a suffix', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 200 }), (length, size) => {
        const data = Array.from({ length: size }, (_, i) => i)
        const answer = parseRange(`bytes=-${length}`, size)
        assert.ok(answer.kind === 'parts')
        const [range] = answer.ranges
        assert.deepEqual(data.slice(range.start, range.end), data.slice(-length))
      }),
    )
  })

  it('never leaves the blob, whatever is sent', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(), (text, size) => {
        const answer = parseRange(`bytes=${text}`, size)
        if (answer.kind !== 'parts') return
        for (const { start, end } of answer.ranges)
          assert.ok(Number.isSafeInteger(start) && 0 <= start && start < end && end <= size)
      }),
    )
  })
})

describe('gateway conditions', () => {
  it('compares If-None-Match weakly, in lists, and knows *', () => {
    assert.equal(noneMatchHits(undefined, '"a"'), false)
    assert.equal(noneMatchHits('"a"', '"a"'), true)
    assert.equal(noneMatchHits('W/"a"', '"a"'), true)
    assert.equal(noneMatchHits('"b", "a"', '"a"'), true)
    assert.equal(noneMatchHits('*', '"a"'), true)
    assert.equal(noneMatchHits('"ab"', '"a"'), false)
    assert.equal(noneMatchHits('a', '"a"'), false)
  })

  it('honours a range only for the same strong validator', () => {
    assert.equal(ifRangeHolds(undefined, '"a"'), true)
    assert.equal(ifRangeHolds('"a"', '"a"'), true)
    assert.equal(ifRangeHolds('W/"a"', '"a"'), false)
    assert.equal(ifRangeHolds('Sat, 01 Jan 2000 00:00:00 GMT', '"a"'), false)
  })
})
