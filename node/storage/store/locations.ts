import { crc32 } from 'node:zlib'
import type { BlobId } from '../../../codec/types.ts'
import { sliversOfBlob } from './keys.ts'
import type { SliverLocation } from './pack-file.ts'
import { decodeJson, encodeJson, type Records } from './records.ts'

/** A small sliver, which lies in the index: its record is all there is of it. */
export interface InlineSliver {
  length: number
  bytes: Uint8Array
  /** CRC-32 of what was stored */
  crc32: number
}

/** Where a sliver lies: what its record says. */
export type SliverPlace = SliverLocation | InlineSliver

export const isInline = (place: SliverPlace): place is InlineSliver => 'bytes' in place

export const inlineOf = (bytes: Uint8Array): InlineSliver => ({
  length: bytes.length,
  bytes,
  crc32: crc32(bytes),
})

/** Whether the bytes are still those that were stored. */
export const isIntact = ({ bytes, crc32: stored }: InlineSliver): boolean => crc32(bytes) === stored

export const isSamePlace = (a: SliverPlace, b: SliverPlace): boolean =>
  isInline(a) || isInline(b)
    ? isInline(a) && isInline(b) && a.crc32 === b.crc32 && Buffer.compare(a.bytes, b.bytes) === 0
    : a.file === b.file && a.offset === b.offset

/** A record is JSON, or this byte (which JSON never begins with), the CRC-32 (u32, little-endian) and the sliver. */
const INLINE = 1
const HEAD_BYTES = 5

export function encodePlace(place: SliverPlace): Uint8Array {
  if (!isInline(place)) return encodeJson(place)
  const record = Buffer.allocUnsafe(HEAD_BYTES + place.length)
  record.writeUInt8(INLINE)
  record.writeUInt32LE(place.crc32, 1)
  record.set(place.bytes, HEAD_BYTES)
  return record
}

/** undefined for a record that cannot be read. */
export function parsePlace(record: Uint8Array): SliverPlace | undefined {
  if (record[0] !== INLINE) return parseLocation(record)
  if (record.length < HEAD_BYTES) return undefined
  const bytes = record.subarray(HEAD_BYTES)
  const view = new DataView(record.buffer, record.byteOffset, record.length)
  return { length: bytes.length, bytes, crc32: view.getUint32(1, true) }
}

/** Where all slivers of a blob lie that are in files, by key. */
export async function locationsOf(records: Records, blobId: BlobId): Promise<Map<string, SliverLocation>> {
  const locations = new Map<string, SliverLocation>()
  for await (const { key, value } of records.list(sliversOfBlob(blobId))) {
    const location = parseLocation(value)
    if (location !== undefined) locations.set(key, location)
  }
  return locations
}

/** undefined for a record that cannot be read, and for that of a sliver which is in no file. */
export function parseLocation(record: Uint8Array): SliverLocation | undefined {
  const value = record[0] === INLINE ? undefined : decodeJson(record)
  if (typeof value !== 'object' || value === null) return undefined
  const { file, offset, length, sha256 } = value as Partial<SliverLocation>
  const whole =
    typeof file === 'string' &&
    Number.isSafeInteger(offset) &&
    Number.isSafeInteger(length) &&
    typeof sha256 === 'string'
  return whole ? (value as SliverLocation) : undefined
}
