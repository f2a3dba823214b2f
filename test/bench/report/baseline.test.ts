import assert from 'node:assert/strict'
import {
  compare,
  formatBaseline,
  type Measured,
  machineKind,
  merge,
  parseBaseline,
  summarize,
} from './baseline.ts'
import { median, type Row, rowPrinter, shown } from './row.ts'

const took = (bench: string, name: string, ...values: number[]): Measured[] =>
  summarize(
    bench,
    values.map(value => [{ of: { bytes: 1 }, took: { [name]: value } }]),
    'abc',
  )
const judge = (before: Measured[], now: Measured[], threshold = 1.25) => {
  const [only, ...more] = compare(before, now, threshold)
  assert.deepEqual(more, [])
  return only && { ratio: only.ratio, verdict: only.verdict }
}

describe('the baseline of the benches', () => {
  it('names a kind of machine as files may be named', () => {
    assert.equal(
      machineKind('Intel(R) Xeon(R) CPU @ 2.60GHz', 2, 'v24.11.1'),
      'intel-r-xeon-r-cpu-2-60ghz-2-cores-node-24',
    )
  })

  it('holds the median and the ends of the rounds, of each case', () => {
    const of = (op: string, ms: number): Row => ({ of: { op }, took: { ms } })
    const rounds = [[of('a', 3), of('b', 10)], [of('a', 1), of('b', 30)], [of('a', 2)]]
    assert.deepEqual(summarize('codec', rounds, 'abc'), [
      {
        bench: 'codec',
        of: { op: 'a' },
        took: { ms: { low: 1, median: 2, high: 3 } },
        rounds: 3,
        commit: 'abc',
      },
      {
        bench: 'codec',
        of: { op: 'b' },
        took: { ms: { low: 10, median: 30, high: 30 } },
        rounds: 2,
        commit: 'abc',
      },
    ])
  })

  it('replaces what was measured again and keeps the rest', () => {
    const before = [...took('vm', 'ms', 1), ...took('codec', 'ms', 2), ...took('codec', 'gone', 3)]
    const merged = merge(before, took('codec', 'ms', 4))
    assert.deepEqual(merged, [...took('codec', 'ms', 4), ...took('vm', 'ms', 1)])
    assert.deepEqual(parseBaseline(formatBaseline(merged)), merged)
    assert.equal(formatBaseline(merged).split('\n').length, 3)
  })

  it('tells what takes more, in times and in rates', () => {
    assert.deepEqual(judge(took('a', 'ms', 10, 10), took('a', 'ms', 20, 20)), { ratio: 2, verdict: 'worse' })
    assert.deepEqual(judge(took('a', 'ms', 20), took('a', 'ms', 10)), { ratio: 0.5, verdict: 'better' })
    const [fast, slow] = [took('a', 'mibPerSecond', 100), took('a', 'mibPerSecond', 50)]
    assert.deepEqual(judge(fast, slow), { ratio: 2, verdict: 'worse' })
    assert.deepEqual(judge(slow, fast), { ratio: 0.5, verdict: 'better' })
  })

  it('marks nothing within the threshold, nor what the noise explains', () => {
    assert.equal(judge(took('a', 'ms', 10), took('a', 'ms', 12.5))?.verdict, 'same')
    assert.equal(judge(took('a', 'ms', 10), took('a', 'ms', 12.6))?.verdict, 'worse')
    assert.equal(judge(took('a', 'ms', 10), took('a', 'ms', 12.6), 1.5)?.verdict, 'same')
    const [noisy] = compare(took('a', 'ms', 10, 10, 31), took('a', 'ms', 30, 30, 30), 1.25)
    assert.deepEqual([noisy?.verdict, noisy?.noise], ['unclear', 2.1])
    assert.deepEqual(judge(took('a', 'ms', 0), took('a', 'ms', 0)), { ratio: 1, verdict: 'same' })
  })

  it('compares only what both know', () => {
    assert.equal(judge(took('a', 'ms', 1), took('b', 'ms', 1)), undefined)
    assert.equal(judge(took('a', 'ms', 1), took('a', 'otherMs', 1)), undefined)
    const other = took('a', 'ms', 1).map(one => ({ ...one, of: { bytes: 2 } }))
    assert.equal(judge(took('a', 'ms', 1), other), undefined)
  })
})

describe('the rows of a bench', () => {
  it('are printed below the names of their columns, said again where they change', () => {
    const lines: string[] = []
    const print = rowPrinter(line => lines.push(line.trim().replace(/ +/g, ' ')))
    print({ of: { op: 'encode', bytes: 1024 }, took: { ms: 1.234 } })
    print({ of: { op: 'decode', bytes: 1024 }, took: { ms: 123.46 } })
    print({ of: { case: 'a loop' }, took: { perSecond: 12345.6 } })
    assert.deepEqual(lines, [
      'op bytes ms',
      'encode 1024 1.23',
      'decode 1024 123.5',
      'case perSecond',
      'a loop 12346',
    ])
  })

  it('show a figure in the digits that mean something', () => {
    assert.deepEqual([0, 7, 0.123, 45.67, 1234.5].map(shown), ['0', '7', '0.12', '45.7', '1235'])
  })

  it('have a middle', () => {
    assert.equal(median([9, 1, 5]), 5)
    assert.equal(median([10, 9]), 10)
  })
})
