import { concatBytes } from '../../base/bytes.ts'
import { CodecError } from '../errors.ts'
import { encodingParams, symbolSize } from '../params.ts'
import type { BlobId } from '../types.ts'
import {
  decodeFile,
  decodeIndex,
  fileLength,
  INDEX_PREFIX_BYTES,
  indexLength,
  MAX_INDEX_COLUMNS,
  parseQuiltPatchId,
  type QuiltContents,
  quiltInvalid,
  quiltPatchId,
  type Tags,
} from './format.ts'

/** Where a quilt's columns come from: verified secondary slivers, or the decoded blob. */
export interface QuiltSource {
  blobId: BlobId
  nShards: number
  unencodedLength: number
  /** p symbols of a column below s: the symbols of the secondary sliver of pair n-1-column */
  column(index: number, options: { signal?: AbortSignal }): Promise<Uint8Array>
}

/** A file in a quilt's index. */
export interface QuiltPatch {
  /** names the file from outside */
  patchId: string
  identifier: string
  tags: Tags
  /** columns [start, end) */
  start: number
  end: number
}

/** A limit and an end for one call: it rejects with the signal's reason. */
export interface QuiltReadOptions {
  signal?: AbortSignal
}

/** Reads single files of a quilt: asks for the index's columns and the file's, for no others. */
export interface QuiltReader {
  /** Throws QUILT_INVALID when the blob is no quilt. */
  list(options?: QuiltReadOptions): Promise<QuiltPatch[]>
  /** Throws QUILT_PATCH_NOT_FOUND, and QUILT_INVALID when the file calls itself something else than the index does. */
  readByIdentifier(identifier: string, options?: QuiltReadOptions): Promise<QuiltContents>
  /** Needs no index. Throws QUILT_PATCH_NOT_FOUND for a patch of another quilt. */
  readByPatchId(patchId: string, options?: QuiltReadOptions): Promise<QuiltContents>
}

/** A reader of a quilt. Nothing is read before it is asked for, and nothing is kept. */
export function openQuilt(source: QuiltSource): QuiltReader {
  const { primarySymbols: rows, secondarySymbols: columns } = encodingParams(source.nShards)
  const columnBytes = rows * symbolSize(source.nShards, source.unencodedLength)

  /** The first `length` bytes of the columns from `start` on. `first` has been read already. */
  const read = async (
    start: number,
    first: Uint8Array,
    length: number,
    options: QuiltReadOptions,
  ): Promise<Uint8Array> => {
    const count = Math.ceil(length / columnBytes)
    if (start + count > columns) throw quiltInvalid('it goes on behind the last column')
    const rest = Array.from({ length: Math.max(0, count - 1) }, (_, i) =>
      source.column(start + 1 + i, options),
    )
    return concatBytes(first, ...(await Promise.all(rest))).subarray(0, length)
  }

  const readColumns = async (
    start: number,
    end: number,
    options: QuiltReadOptions,
  ): Promise<QuiltContents> => {
    if (end > columns) throw quiltInvalid('it goes on behind the last column')
    const first = await source.column(start, options)
    const length = fileLength(first)
    if (Math.ceil(length / columnBytes) !== end - start) throw quiltInvalid('a file of another length')
    return decodeFile(await read(start, first, length, options))
  }

  const list = async (options: QuiltReadOptions = {}): Promise<QuiltPatch[]> => {
    const first = await source.column(0, options)
    if (first.length < INDEX_PREFIX_BYTES) throw quiltInvalid('no index')
    const length = INDEX_PREFIX_BYTES + indexLength(first.subarray(0, INDEX_PREFIX_BYTES))
    const indexColumns = Math.ceil(length / columnBytes)
    if (indexColumns > MAX_INDEX_COLUMNS) throw quiltInvalid('the index is too long')
    const index = decodeIndex((await read(0, first, length, options)).subarray(INDEX_PREFIX_BYTES))
    let start = indexColumns
    return index.map(({ end, identifier, tags }) => {
      if (end <= start || end > columns) throw quiltInvalid('files out of order')
      const patch = {
        patchId: quiltPatchId({ quilt: source.blobId, start, end }),
        identifier,
        tags,
        start,
        end,
      }
      start = end
      return patch
    })
  }

  return {
    list,

    async readByIdentifier(identifier, options = {}) {
      const patch = (await list(options)).find(candidate => candidate.identifier === identifier)
      if (patch === undefined) throw notFound(identifier)
      const file = await readColumns(patch.start, patch.end, options)
      if (file.identifier !== identifier) throw quiltInvalid('index and file disagree')
      return file
    },

    async readByPatchId(patchId, options = {}) {
      const { quilt, start, end } = parseQuiltPatchId(patchId)
      if (quilt !== source.blobId) throw notFound(patchId)
      return readColumns(start, end, options)
    },
  }
}

/** A quilt whose blob has been decoded as a whole. */
export function quiltInBlob(blobId: BlobId, data: Uint8Array, nShards: number): QuiltSource {
  const { primarySymbols: rows, secondarySymbols: columns } = encodingParams(nShards)
  const symbol = symbolSize(nShards, data.length)
  return {
    blobId,
    nShards,
    unencodedLength: data.length,
    async column(index) {
      const out = new Uint8Array(rows * symbol)
      for (let row = 0; row < rows; row++) {
        const at = (row * columns + index) * symbol
        out.set(data.subarray(at, at + symbol), row * symbol)
      }
      return out
    },
  }
}

function notFound(identifier: string): CodecError {
  return new CodecError('QUILT_PATCH_NOT_FOUND', `no file ${identifier} in the quilt`, { identifier })
}
