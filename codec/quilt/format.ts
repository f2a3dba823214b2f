import { bcs } from '@mysten/bcs'
import { concatBytes } from '../../base/bytes.ts'
import { decodeExact } from '../bcs.ts'
import { ByteReader, u16le, u32le } from '../bytes.ts'
import { CodecError, isCodecError } from '../errors.ts'
import { blobIdFromBytes, blobIdToBytes } from '../ids.ts'
import type { BlobId } from '../types.ts'

/**
 * Quilts, version 1: many files in one blob. Each file has columns of the message matrix to itself, so that it can be
 * read from its secondary slivers alone. The first columns hold the index.
 *   index: version u8, length u32le, BCS of `QuiltIndexV1`
 *   file: version u8, length u32le, mask u8, identifier length u16le and BCS string, [tags length u16le and BCS map],
 *         contents; `length` counts what follows the mask
 */
export const QUILT_VERSION = 1
/** Columns that the index may take. */
export const MAX_INDEX_COLUMNS = 10
export const INDEX_PREFIX_BYTES = 5
const HEADER_BYTES = 6
const HAS_TAGS = 1
const MAX_U16 = 0xffff
const MAX_U32 = 0xffff_ffff

/** What a quilt tells of a file besides its name; text by name. */
export type Tags = Readonly<Record<string, string>>

export interface IndexEntry {
  /** first column after the file's */
  end: number
  identifier: string
  tags: Tags
}

const tagsBcs = bcs.map(bcs.string(), bcs.string())
const indexBcs = bcs.struct('QuiltIndexV1', {
  patches: bcs.vector(
    bcs.struct('QuiltPatchV1', { endIndex: bcs.u16(), identifier: bcs.string(), tags: tagsBcs }),
  ),
})

/** The index with what stands before it. */
export function encodeIndex(entries: readonly IndexEntry[]): Uint8Array {
  const patches = entries.map(({ end, identifier, tags }) => ({
    endIndex: end,
    identifier,
    tags: new Map(Object.entries(tags)),
  }))
  const bytes = indexBcs.serialize({ patches }).toBytes()
  return concatBytes(Uint8Array.of(QUILT_VERSION), u32le(bytes.length), bytes)
}

/** Bytes of the index that follow its prefix; throws QUILT_INVALID for another version. */
export function indexLength(prefix: Uint8Array): number {
  const reader = new ByteReader(prefix, 'quilt index')
  if (reader.u8() !== QUILT_VERSION) throw quiltInvalid('unknown version')
  return reader.u32()
}

/** Reads the index proper; throws QUILT_INVALID. */
export function decodeIndex(bytes: Uint8Array): IndexEntry[] {
  return orInvalid('index', () =>
    [...decodeExact(indexBcs, bytes).patches].map(({ endIndex, identifier, tags }) => ({
      end: endIndex,
      identifier,
      tags: Object.fromEntries(tags),
    })),
  )
}

/** What stands before a file's contents. Throws QUILT_INVALID when one of the three is too long, or is no text. */
export function encodeFileHeader(identifier: string, tags: Tags, contentBytes: number): Uint8Array {
  // a lone surrogate would be written as another character: two names could become one, and none be found
  const texts = [identifier, ...Object.entries(tags).flat()]
  if (!texts.every(isText)) throw quiltInvalid('identifier or tags are not well-formed text')
  const hasTags = Object.keys(tags).length > 0
  const parts = [bcs.string().serialize(identifier).toBytes()]
  if (hasTags) parts.push(tagsBcs.serialize(new Map(Object.entries(tags))).toBytes())
  if (parts.some(part => part.length > MAX_U16)) throw quiltInvalid('identifier or tags too long')
  const fields = concatBytes(...parts.flatMap(part => [u16le(part.length), part]))
  if (fields.length + contentBytes > MAX_U32) throw quiltInvalid('a file of 4 GiB or more')
  const mask = hasTags ? HAS_TAGS : 0
  return concatBytes(
    Uint8Array.of(QUILT_VERSION),
    u32le(fields.length + contentBytes),
    Uint8Array.of(mask),
    fields,
  )
}

/** A file of a quilt. */
export interface QuiltContents {
  identifier: string
  tags: Tags
  contents: Uint8Array
}

/** What stands before a file's contents, read. */
export interface FileHeader {
  identifier: string
  tags: Tags
  /** bytes of the contents, and where they begin in the file's columns */
  size: number
  contentsAt: number
}

/** Bytes that tell all of a file's header, whatever is in it. */
export const MAX_FILE_HEADER_BYTES = HEADER_BYTES + 2 * (2 + MAX_U16)

/** Reads the header of a file of `length` bytes from its first `MAX_FILE_HEADER_BYTES`, or all of it; throws QUILT_INVALID. */
export function decodeFileHeader(bytes: Uint8Array, length: number): FileHeader {
  return orInvalid('file', () => {
    const reader = new ByteReader(bytes, 'file of a quilt')
    if (reader.u8() !== QUILT_VERSION) throw quiltInvalid('unknown version')
    reader.u32()
    const mask = reader.u8()
    if (mask > HAS_TAGS) throw quiltInvalid('unknown mask')
    const field = () => reader.take(reader.u16())
    const identifier = decodeExact(bcs.string(), field())
    const tags = mask & HAS_TAGS ? Object.fromEntries(decodeExact(tagsBcs, field())) : {}
    const contentsAt = bytes.length - reader.rest().length
    return { identifier, tags, size: length - contentsAt, contentsAt }
  })
}

/** Bytes of a file, header and contents, from its first column. */
export function fileLength(firstColumn: Uint8Array): number {
  const reader = new ByteReader(firstColumn, 'file of a quilt')
  return orInvalid('file', () => {
    reader.u8()
    return HEADER_BYTES + reader.u32()
  })
}

/** Names a file in a quilt: its columns [start, end). */
export interface QuiltPatchRef {
  quilt: BlobId
  start: number
  end: number
}

/** quilt blob ID (32) || version (u8) || start u16le || end u16le, URL-safe base64. */
export function quiltPatchId({ quilt, start, end }: QuiltPatchRef): string {
  const bytes = concatBytes(blobIdToBytes(quilt), Uint8Array.of(QUILT_VERSION), u16le(start), u16le(end))
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
}

/** Throws INVALID_ID unless it is the canonical text of a patch ID. */
export function parseQuiltPatchId(text: string): QuiltPatchRef {
  if (/^[A-Za-z0-9_-]{50}$/.test(text)) {
    const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
    const bytes = Uint8Array.from(binary, char => char.charCodeAt(0))
    const reader = new ByteReader(bytes.subarray(33), 'quilt patch ID')
    const ref = { quilt: blobIdFromBytes(bytes.subarray(0, 32)), start: reader.u16(), end: reader.u16() }
    // another version, or spare bits that are set, would be written otherwise
    if (ref.start < ref.end && quiltPatchId(ref) === text) return ref
  }
  throw new CodecError('INVALID_ID', 'not a quilt patch ID', {})
}

export function quiltInvalid(reason: string, cause?: unknown): CodecError {
  return new CodecError('QUILT_INVALID', `invalid quilt: ${reason}`, { reason }, { cause })
}

function orInvalid<T>(what: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    if (isCodecError(cause, 'MALFORMED')) throw quiltInvalid(`malformed ${what}`, cause)
    throw cause
  }
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value.isWellFormed()
}
