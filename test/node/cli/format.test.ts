import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import fc from 'fast-check'
import { sentence } from '../../../node/cli/errors.ts'
import { createOutput } from '../../../node/cli/output.ts'
import {
  formatBytes,
  formatDuration,
  formatRows,
  formatTable,
  formatWal,
  safe,
} from '../../../node/cli/text.ts'

describe('figures for people', () => {
  it('bytes', () => {
    const cases: [number | bigint, string][] = [
      [0, '0 bytes'],
      [1, '1 byte'],
      [1023, '1023 bytes'],
      [1024, '1 KiB'],
      [1536, '1.5 KiB'],
      [1024 * 1024 - 1, '1 MiB'],
      [20 * 1024 * 1024, '20 MiB'],
      [1n << 40n, '1 TiB'],
      [1n << 70n, '1048576 PiB'],
    ]
    for (const [bytes, text] of cases) assert.equal(formatBytes(bytes), text)
  })

  it('WAL, without losing a FROST', () => {
    assert.equal(formatWal(0n), '0 WAL')
    assert.equal(formatWal(1n), '0.000000001 WAL')
    assert.equal(formatWal(1_500_000_000n), '1.5 WAL')
    fc.assert(
      fc.property(fc.bigInt(0n, 2n ** 64n), frost => {
        const [whole, fraction = ''] = formatWal(frost).replace(' WAL', '').split('.')
        assert.equal(BigInt(whole + fraction.padEnd(9, '0')), frost)
      }),
    )
  })

  it('durations', () => {
    const cases: [number, string][] = [
      [850.4, '850 ms'],
      [4210, '4.2 s'],
      [90_000, '1.5 min'],
      [7_200_000, '2 h'],
      [86_400_000, '1 day'],
      [14 * 86_400_000, '14 days'],
    ]
    for (const [ms, text] of cases) assert.equal(formatDuration(ms), text)
  })
})

describe('an error as a sentence', () => {
  it('begins with a capital letter where it begins with a word', () => {
    const sentences: Record<string, string> = {
      'no Sui RPC answers (http://a)': 'No Sui RPC answers (http://a).',
      'command-argument value is invalid.': 'Command-argument value is invalid.',
      'refused: too many': 'Refused: too many.',
      'http://127.0.0.1:9000: fetch failed': 'http://127.0.0.1:9000: fetch failed.',
      'node-03: it is full': 'node-03: it is full.',
      '/data/a does not exist': '/data/a does not exist.',
      '0x6 is no blob': '0x6 is no blob.',
    }
    for (const [clause, text] of Object.entries(sentences)) assert.equal(sentence(clause), text)
  })
})

describe("strangers' names on a terminal", () => {
  const name = 'node-1\n  node-2  99 shards\u001b[1A\u202e'
  const harmless = 'node-1\\n  node-2  99 shards\\x1b[1A\\u{202e}'

  it('stay in their cell', () => {
    assert.equal(String(formatRows([[name, name]])), `  ${harmless}  ${harmless}`)
    const table = `  ${'a'.padEnd(harmless.length)}  b\n  ${harmless}  x`
    assert.equal(String(formatTable(['a', 'b'], [[name, 'x']])), table)
  })

  it('do not act, whatever a command prints or however it fails', async () => {
    for (const json of [true, false]) {
      const written: string[] = []
      const stream = () => {
        const one = new PassThrough()
        one.on('data', data => written.push(String(data)))
        return one as unknown as NodeJS.WriteStream
      }
      const output = createOutput({ stdout: stream(), stderr: stream() }, json)
      await output.result({ name }, safe`it is ${name}`)
      output.say(safe`${name}`)
      output.failure({ code: 'UNEXPECTED', exitCode: 1, message: `refused: ${name}`, hint: name })
      const all = written.join('')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
      assert.doesNotMatch(all, /[\0-\x09\x0b-\x1f\x7f-\x9f\u202e]/)
      if (json) assert.equal(JSON.parse(all.split('\n')[0]!).name, name)
    }
  })
})
