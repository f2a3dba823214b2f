import assert from 'node:assert/strict'
import type { SpoolBytes } from '../../../../node/client/download/sliver-spool.ts'
import { openSpoolFile } from '../../../../node/client/download/spool-file.ts'
import { createSpoolMemory } from '../../../../node/client/download/spool-memory.ts'

const MIB = 2 ** 20
const made: [string, () => Promise<SpoolBytes>][] = [
  ['a file', openSpoolFile],
  ['memory', async () => createSpoolMemory(8 * MIB)],
]

for (const [name, make] of made) {
  describe(`spool in ${name}`, () => {
    it('keeps bytes at their places, and zeros between them', async () => {
      await using spool = await make()
      // what it may keep, over its whole length
      const expected = new Uint8Array(5 * MIB)
      for (const [at, length] of [
        [3, 10],
        [MIB - 1, 2],
        [2 * MIB + 5, 700_001],
        [2 * MIB + 1, 9],
      ] as const) {
        const bytes = crypto.getRandomValues(new Uint8Array(length).subarray(0, 65_536))
        await spool.write(at, bytes)
        expected.set(bytes, at)
      }
      for (const [at, length] of [
        [0, 5 * MIB],
        [MIB - 1, 1],
        [2 * MIB + 3, 300_000],
        [4 * MIB, MIB],
      ] as const) {
        const target = new Uint8Array(length).fill(9)
        await spool.read(at, target)
        assert.deepEqual(target, expected.slice(at, at + length))
      }
    })
  })
}

describe('spool in memory', () => {
  it('takes no more than its limit', async () => {
    await using spool = createSpoolMemory(MIB)
    await spool.write(50 * MIB, new Uint8Array(MIB))
    await assert.rejects(spool.write(0, new Uint8Array(1)), { code: 'BLOB_TOO_LARGE' })
    await spool.write(50 * MIB + 7, new Uint8Array(1_000))
  })
})
