import type { BlobId } from '../../../codec/types.ts'
import { sliversOfBlob } from './keys.ts'
import type { SliverLocation } from './pack-file.ts'
import { decodeJson, type Records } from './records.ts'

/** Where all slivers of a blob lie, by key. */
export async function locationsOf(records: Records, blobId: BlobId): Promise<Map<string, SliverLocation>> {
  const locations = new Map<string, SliverLocation>()
  for await (const { key, value } of records.list(sliversOfBlob(blobId))) {
    const location = parseLocation(value)
    if (location !== undefined) locations.set(key, location)
  }
  return locations
}

/** undefined for a record that cannot be read. */
export function parseLocation(bytes: Uint8Array): SliverLocation | undefined {
  const value = decodeJson(bytes)
  if (typeof value !== 'object' || value === null) return undefined
  const { file, offset, length, sha256 } = value as Partial<SliverLocation>
  const whole =
    typeof file === 'string' &&
    Number.isSafeInteger(offset) &&
    Number.isSafeInteger(length) &&
    typeof sha256 === 'string'
  return whole ? (value as SliverLocation) : undefined
}
