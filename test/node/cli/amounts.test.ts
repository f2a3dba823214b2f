import assert from 'node:assert/strict'
import fc from 'fast-check'
import { frostArgument, sizeArgument, walArgument } from '../../../node/cli/arguments.ts'
import { formatWal } from '../../../node/cli/text.ts'

describe('amounts on the command line', () => {
  it('WAL: what is printed is read back to the FROST', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 5n * 10n ** 18n }), frost => {
        assert.equal(walArgument(formatWal(frost).replace(' WAL', '')), frost)
      }),
    )
  })

  it('WAL: refuses what is no amount', () => {
    for (const text of [
      '',
      '0',
      '0.0',
      '-1',
      '1e3',
      '1.',
      '.5',
      '0.0000000001',
      '1,5',
      '99999999999',
      ' 1',
    ]) {
      assert.throws(() => walArgument(text), { code: 'USAGE' }, text)
    }
  })

  it('prices are whole FROST, zero too', () => {
    assert.deepEqual([frostArgument('0'), frostArgument('11000')], [0n, 11_000n])
    for (const text of ['', '-1', '1.5', '18446744073709551616']) {
      assert.throws(() => frostArgument(text), { code: 'USAGE' }, text)
    }
  })

  it('sizes have units of 1024', () => {
    assert.deepEqual(['1', '5B', '2 KiB', '3mib', '1TiB'].map(sizeArgument), [
      1n,
      5n,
      2048n,
      3n * 2n ** 20n,
      2n ** 40n,
    ])
    for (const text of ['', '0', '1TB', '1.5GiB', '-1', '16384PiB']) {
      assert.throws(() => sizeArgument(text), { code: 'USAGE' }, text)
    }
  })
})
