import type { OpenSliver } from '../../../protocols/ports.ts'

/** A sliver that is in memory as a whole. */
export function openBytes(bytes: Uint8Array): OpenSliver {
  return {
    length: bytes.length,
    read: async (offset, length) => bytes.subarray(offset, offset + length),
  }
}
