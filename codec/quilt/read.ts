import { concatBytes } from '../../base/bytes.ts'
import { anySignal } from '../../base/wait.ts'
import { CodecError } from '../errors.ts'
import { encodingParams, symbolSize } from '../params.ts'
import type { BlobId } from '../types.ts'
import {
  decodeFileHeader,
  decodeIndex,
  fileLength,
  INDEX_PREFIX_BYTES,
  indexLength,
  MAX_FILE_HEADER_BYTES,
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
  column(index: number, options: { signal?: AbortSignal }): Promise<Uint8Array> | Uint8Array
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

/** A file of a quilt whose header was read. Its contents are read column by column, when they are asked for. */
export interface QuiltFileReader extends QuiltPatch {
  /** bytes */
  size: number
  /** bytes of columns that `stream` holds at most */
  memory: number
  /** Bytes [start, end) of the contents, in order; to the end when absent. Some columns are fetched ahead of the consumer. */
  stream(
    options?: QuiltReadOptions & { start?: number; end?: number },
  ): AsyncGenerator<Uint8Array, void, undefined>
}

/** Reads single files of a quilt: asks for the index's columns and the file's, for no others. */
export interface QuiltReader {
  /** Throws QUILT_INVALID when the blob is no quilt. */
  list(options?: QuiltReadOptions): Promise<QuiltPatch[]>
  /** Throws QUILT_PATCH_NOT_FOUND, and QUILT_INVALID when the file calls itself something else than the index does. */
  open(identifier: string, options?: QuiltReadOptions): Promise<QuiltFileReader>
  /** Needs no index. Throws QUILT_PATCH_NOT_FOUND for a patch of another quilt, QUILT_INVALID when the file is not called so. */
  openPatch(patchId: string, options?: QuiltReadOptions & { identifier?: string }): Promise<QuiltFileReader>
  /** Bytes that files of these patches hold at most while one after the other is read. */
  memoryFor(patches: readonly Pick<QuiltPatch, 'start' | 'end'>[]): number
  /** As `open`, with all of the contents. */
  readByIdentifier(identifier: string, options?: QuiltReadOptions): Promise<QuiltContents>
  /** As `openPatch`, with all of the contents. */
  readByPatchId(patchId: string, options?: QuiltReadOptions): Promise<QuiltContents>
}

/** Columns that are fetched at a time: so many bytes of them, but always two, and never more than twelve. */
const AHEAD_BYTES = 16 * 2 ** 20
const MAX_AHEAD = 12

/** A reader of a quilt. Nothing is read before it is asked for, and nothing is kept. An index above `maxIndexBytes` is refused. */
export function openQuilt(
  source: QuiltSource,
  { maxIndexBytes = Number.POSITIVE_INFINITY }: { maxIndexBytes?: number } = {},
): QuiltReader {
  const columns = new Columns(source)
  const list = (options: QuiltReadOptions = {}) => readIndex(columns, maxIndexBytes, options)
  const reader: QuiltReader = {
    list,
    async open(identifier, options = {}) {
      const patch = (await list(options)).find(candidate => candidate.identifier === identifier)
      if (patch === undefined) throw notFound(identifier)
      return await reader.openPatch(patch.patchId, { ...options, identifier })
    },
    async openPatch(patchId, options = {}) {
      const ref = parseQuiltPatchId(patchId)
      if (ref.quilt !== source.blobId) throw notFound(patchId)
      const file = await openFile(columns, ref, options)
      const { identifier = file.identifier } = options
      if (file.identifier !== identifier) throw quiltInvalid('index and file disagree')
      return file
    },
    memoryFor: patches => Math.max(0, ...patches.map(({ start, end }) => columns.memoryFor(end - start))),
    readByIdentifier: async (identifier, options) =>
      contentsOf(await reader.open(identifier, options), options),
    readByPatchId: async (patchId, options) => contentsOf(await reader.openPatch(patchId, options), options),
  }
  return reader
}

async function readIndex(
  columns: Columns,
  maxIndexBytes: number,
  options: QuiltReadOptions,
): Promise<QuiltPatch[]> {
  const first = await columns.source.column(0, options)
  if (first.length < INDEX_PREFIX_BYTES) throw quiltInvalid('no index')
  const length = INDEX_PREFIX_BYTES + indexLength(first.subarray(0, INDEX_PREFIX_BYTES))
  const indexColumns = Math.ceil(length / columns.bytes)
  if (indexColumns > MAX_INDEX_COLUMNS || length > maxIndexBytes) throw quiltInvalid('the index is too long')
  const index = decodeIndex((await columns.read(0, first, length, options)).subarray(INDEX_PREFIX_BYTES))
  let start = indexColumns
  return index.map(({ end, identifier, tags }) => {
    if (end <= start || end > columns.count) throw quiltInvalid('files out of order')
    const patchId = quiltPatchId({ quilt: columns.source.blobId, start, end })
    const patch = { patchId, identifier, tags, start, end }
    start = end
    return patch
  })
}

async function openFile(
  columns: Columns,
  { start, end }: Pick<QuiltPatch, 'start' | 'end'>,
  options: QuiltReadOptions,
): Promise<QuiltFileReader> {
  if (end > columns.count) throw quiltInvalid('it goes on behind the last column')
  const first = await columns.source.column(start, options)
  const length = fileLength(first)
  if (Math.ceil(length / columns.bytes) !== end - start) throw quiltInvalid('a file of another length')
  const headBytes = Math.min(length, MAX_FILE_HEADER_BYTES)
  const head = await columns.read(start, first, headBytes, options)
  const { identifier, tags, size, contentsAt } = decodeFileHeader(head, length)
  const patchId = quiltPatchId({ quilt: columns.source.blobId, start, end })
  return {
    ...{ patchId, identifier, tags, size, start, end },
    memory: columns.memoryFor(end - start),
    async *stream({ signal, start: from = 0, end: to = size } = {}) {
      const [low, high] = [contentsAt + from, contentsAt + Math.min(to, size)]
      if (low >= high) return
      let index = Math.floor(low / columns.bytes)
      const last = start + Math.ceil(high / columns.bytes)
      for await (const column of columns.inOrder(start + index, last, { signal })) {
        const at = index++ * columns.bytes
        yield column.subarray(Math.max(0, low - at), Math.min(columns.bytes, high - at))
      }
    },
  }
}

async function contentsOf(file: QuiltFileReader, options?: QuiltReadOptions): Promise<QuiltContents> {
  const { identifier, tags } = file
  return { identifier, tags, contents: concatBytes(...(await Array.fromAsync(file.stream(options)))) }
}

/** The columns of a quilt, from left to right. */
class Columns {
  readonly source: QuiltSource
  readonly count: number
  /** of each */
  readonly bytes: number
  /** fetched at a time */
  readonly ahead: number

  constructor(source: QuiltSource) {
    const { primarySymbols, secondarySymbols } = encodingParams(source.nShards)
    this.source = source
    this.count = secondarySymbols
    this.bytes = primarySymbols * symbolSize(source.nShards, source.unencodedLength)
    this.ahead = Math.max(2, Math.min(MAX_AHEAD, Math.floor(AHEAD_BYTES / this.bytes)))
  }

  /** Bytes of so many columns that are held at a time. */
  memoryFor(count: number): number {
    return Math.min(count, this.ahead) * this.bytes
  }

  /** The first `length` bytes from column `start` on, which has been read already. */
  async read(
    start: number,
    first: Uint8Array,
    length: number,
    options: QuiltReadOptions,
  ): Promise<Uint8Array> {
    const end = start + Math.ceil(length / this.bytes)
    if (end > this.count) throw quiltInvalid('it goes on behind the last column')
    const out = new Uint8Array(length)
    out.set(first.subarray(0, length))
    let at = first.length
    for await (const column of this.inOrder(start + 1, end, options)) {
      out.set(column.subarray(0, length - at), at)
      at += column.length
    }
    return out
  }

  /** Columns [start, end), while the next ones are on their way. */
  async *inOrder(
    start: number,
    end: number,
    { signal }: QuiltReadOptions,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const over = new AbortController()
    const inner = anySignal(signal, over.signal)
    const coming: Promise<Uint8Array>[] = []
    try {
      for (let at = start, next = start; at < end; at++) {
        while (next < end && coming.length < this.ahead) {
          // who has it at hand may give it as it is
          const column = Promise.resolve(this.source.column(next++, { signal: inner }))
          // it is awaited in its turn, or never when the one before fails
          column.catch(() => undefined)
          coming.push(column)
        }
        yield await coming.shift()!
      }
    } finally {
      over.abort(new DOMException('the read is over', 'AbortError'))
      await Promise.allSettled(coming)
    }
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
