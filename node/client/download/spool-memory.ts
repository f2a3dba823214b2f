import { ClientError } from '../errors.ts'
import type { SpoolBytes } from './sliver-spool.ts'

const PART_BYTES = 256 * 1024

/** Memory, in parts that are there once something is written to them. Throws BLOB_TOO_LARGE above `maxBytes`. */
export function createSpoolMemory(maxBytes: number): SpoolBytes {
  const parts = new Map<number, Uint8Array>()

  /** Goes over the parts that a range touches. */
  function* touched(at: number, length: number) {
    for (let done = 0; done < length; ) {
      const index = Math.floor((at + done) / PART_BYTES)
      const start = (at + done) % PART_BYTES
      const count = Math.min(PART_BYTES - start, length - done)
      yield { index, start, done, count }
      done += count
    }
  }
  function partAt(index: number): Uint8Array {
    const known = parts.get(index)
    if (known !== undefined) return known
    const actualBytes = (parts.size + 1) * PART_BYTES
    if (actualBytes > maxBytes) {
      const message = `parts of the blob have to be put together, for which it is too large without a disk`
      throw new ClientError('BLOB_TOO_LARGE', message, { maxBytes, actualBytes })
    }
    const part = new Uint8Array(PART_BYTES)
    parts.set(index, part)
    return part
  }

  return {
    async read(at, target) {
      for (const { index, start, done, count } of touched(at, target.length)) {
        const part = parts.get(index)
        if (part === undefined) target.fill(0, done, done + count)
        else target.set(part.subarray(start, start + count), done)
      }
    },
    async write(at, bytes) {
      for (const { index, start, done, count } of touched(at, bytes.length))
        partAt(index).set(bytes.subarray(done, done + count), start)
    },
    async [Symbol.asyncDispose]() {
      parts.clear()
    },
  }
}
