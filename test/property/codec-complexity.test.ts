import assert from 'node:assert/strict'
import { createCodec } from '../../codec/index.ts'
import { allotEncode } from '../../codec/jobs/encode.ts'
import { enough, sliversOf, xorshiftBytes } from '../codec/support/data.ts'

const MIB = 2 ** 20

/** Processor time of this process, which other programs on the machine change little. */
async function cpuMs(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

/** The least of three runs: the first compiles and gets memory. */
async function least(work: () => Promise<unknown>): Promise<number> {
  return Math.min(await cpuMs(work), await cpuMs(work), await cpuMs(work))
}

describe('complexity of the codec', () => {
  const codec = createCodec({ threads: 0 })
  after(() => codec.close())

  it('encode and decode take time at most linear in the blob', async () => {
    const n = 100
    const times = { encode: [] as number[], decode: [] as number[] }
    for (const size of [2 * MIB, 16 * MIB]) {
      const data = xorshiftBytes(1, size)
      times.encode.push(await least(async () => (await codec.encode(data, n)).release()))
      const blob = await codec.encode(data, n)
      const { metadata } = blob
      const slivers = sliversOf(
        blob,
        'primary',
        Array.from({ length: enough(n, 'primary') }, (_, i) => n - 1 - i),
      )
      blob.release()
      times.decode.push(await least(() => codec.decode({ metadata, slivers, verify: false })))
    }
    for (const [operation, [small, large]] of Object.entries(times)) {
      // eight times the bytes; twice that leaves room for caches that no longer hold
      assert.ok(large! < 16 * small!, `${operation}: ${small} ms, ${large} ms`)
    }
  }).timeout(30_000)

  it('an encode in memory takes at most 5 times the blob and 64 MiB', () => {
    for (const n of [4, 10, 100, 1000]) {
      for (const bytes of [0, 1024, MIB, 16 * MIB, 64 * MIB, 256 * MIB]) {
        if (bytes > (n === 4 ? 390_000 : n === 10 ? 1_800_000 : n === 100 ? 149_000_000 : Infinity)) continue
        const { allotment } = allotEncode(n, bytes, 'slivers', 2)
        assert.ok(allotment.size <= 5 * bytes + 64 * MIB, `${n} shards, ${bytes} bytes: ${allotment.size}`)
      }
    }
  })

  it('a metadata-only encode takes less than twice the blob and 64 MiB', () => {
    for (const bytes of [1024, 64 * MIB, 256 * MIB]) {
      assert.ok(allotEncode(1000, bytes, 'message', 2).allotment.size <= 2 * bytes + 64 * MIB)
    }
  })
})
