import { CodecError, invalidArgument } from '../errors.ts'
import { CopyTurns } from '../host/turns.ts'
import { encodingParams, MAX_SYMBOL_SIZE, maxBlobSize } from '../params.ts'
import {
  encodeFileHeader,
  encodeIndex,
  INDEX_PREFIX_BYTES,
  type IndexEntry,
  MAX_INDEX_COLUMNS,
  quiltInvalid,
  type Tags,
} from './format.ts'

/** A file to be put into a quilt. */
export interface QuiltFile {
  /** unique in the quilt */
  identifier: string
  contents: Uint8Array
  tags?: Tags
}

/** A quilt before it is stored, and where its files are: columns [start, end). */
export interface EncodedQuilt {
  /** the blob to store */
  data: Uint8Array
  /** files in the quilt's order: by identifier */
  patches: { identifier: string; tags: Tags; start: number; end: number }[]
}

/**
 * Puts files into one blob, byte for byte as `@mysten/walrus` does: sorted by identifier, the smallest symbols in which
 * all fit, the index in the first columns. Each file has whole columns, all of one size: a large file beside many small ones
 * makes a blob of many times their bytes. `maxBytes`: of the blob, which takes no memory before it is known to be no larger.
 * Throws QUILT_INVALID (too many files, equal identifiers, identifiers or tags that are too long or no text), BLOB_TOO_LARGE
 * or OUT_OF_MEMORY.
 */
export async function encodeQuilt(
  files: readonly QuiltFile[],
  nShards: number,
  { signal, maxBytes }: { signal?: AbortSignal; maxBytes?: number } = {},
): Promise<EncodedQuilt> {
  for (const { contents } of files) {
    if (!(contents instanceof Uint8Array)) throw invalidArgument('contents of a file', typeof contents)
  }
  const { primarySymbols: rows, secondarySymbols: columns } = encodingParams(nShards)
  const { sorted, entries, headers, indexBytes, fileBytes, symbol } = layOut(files, nShards)
  expectSize(symbol, nShards, maxBytes)

  const matrix = new Matrix(symbol, rows, columns)
  const turns = new CopyTurns(signal)
  let column = Math.ceil(indexBytes / matrix.columnBytes)
  const patches: EncodedQuilt['patches'] = []
  for (const [i, { identifier, contents, tags = {} }] of sorted.entries()) {
    const start = column
    await matrix.write(start, [headers[i]!, contents], turns)
    column += Math.ceil(fileBytes[i]! / matrix.columnBytes)
    entries[i]!.end = column
    patches.push({ identifier, tags, start, end: column })
  }
  await matrix.write(0, [encodeIndex(entries)], turns)
  return { data: matrix.data, patches }
}

/** Bytes of the blob that `encodeQuilt` makes of files of such names and lengths. Throws QUILT_INVALID, as that does. */
export function quiltLength(
  files: readonly (Omit<QuiltFile, 'contents'> & { contents: { length: number } })[],
  nShards: number,
): number {
  const { primarySymbols, secondarySymbols } = encodingParams(nShards)
  return layOut(files, nShards).symbol * primarySymbols * secondarySymbols
}

type SizedFile = Parameters<typeof quiltLength>[0][number]

/** What of a quilt is known before it is written: its files by identifier, what they take, and the size of a symbol. */
function layOut<File extends SizedFile>(files: readonly File[], nShards: number) {
  const { primarySymbols: rows, secondarySymbols: columns } = encodingParams(nShards)
  // by UTF-16 code units, as the reference implementation compares
  const sorted = files.toSorted((a, b) =>
    a.identifier < b.identifier ? -1 : a.identifier > b.identifier ? 1 : 0,
  )
  for (const [i, file] of sorted.entries()) {
    if (file.identifier === sorted[i + 1]?.identifier)
      throw quiltInvalid(`two files named ${file.identifier}`)
  }
  const entries: IndexEntry[] = sorted.map(({ identifier, tags = {} }) => ({ end: 0, identifier, tags }))
  const headers = sorted.map(({ identifier, tags = {}, contents }) =>
    encodeFileHeader(identifier, tags, contents.length),
  )
  const indexBytes = encodeIndex(entries).length
  const fileBytes = sorted.map(({ contents }, i) => headers[i]!.length + contents.length)
  const symbol = smallestSymbol([indexBytes, ...fileBytes], rows, columns)
  return { sorted, entries, headers, indexBytes, fileBytes, symbol }
}

/** The smallest even symbol size with which every part, starting in a column of its own, finds room. */
function smallestSymbol(parts: readonly number[], rows: number, columns: number): number {
  if (parts.length > columns) throw quiltInvalid(`at most ${columns - 1} files`)
  const total = parts.reduce((sum, bytes) => sum + bytes, 0)
  const fits = (symbol: number) =>
    parts.reduce((sum, bytes) => sum + Math.ceil(bytes / (symbol * rows)), 0) <= columns
  let low = Math.ceil(
    Math.max(
      total / (columns * rows),
      parts[0]! / (rows * MAX_INDEX_COLUMNS),
      Math.ceil(INDEX_PREFIX_BYTES / rows),
    ),
  )
  let high = Math.max(low, Math.ceil(Math.max(...parts) / rows))
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (fits(middle)) high = middle
    else low = middle + 1
  }
  return low + (low % 2)
}

function expectSize(symbol: number, nShards: number, maxBytes = Number.POSITIVE_INFINITY): void {
  const { primarySymbols, secondarySymbols } = encodingParams(nShards)
  const actualBytes = symbol * primarySymbols * secondarySymbols
  if (symbol > MAX_SYMBOL_SIZE) {
    throw new CodecError('BLOB_TOO_LARGE', `the files do not fit into one quilt of ${nShards} shards`, {
      maxBytes: maxBlobSize(nShards),
      actualBytes,
    })
  }
  if (actualBytes <= maxBytes) return
  const why = 'each file takes whole columns, so that large files beside many small ones waste room'
  throw new CodecError(
    'BLOB_TOO_LARGE',
    `the quilt would be a blob of ${actualBytes} bytes, and may have ${maxBytes}: ${why}; store the large ones by themselves`,
    { maxBytes, actualBytes },
  )
}

/** The message matrix, row-major, written by columns. */
class Matrix {
  readonly data: Uint8Array
  readonly columnBytes: number
  readonly #symbol: number
  readonly #rows: number
  readonly #rowBytes: number

  constructor(symbol: number, rows: number, columns: number) {
    this.#symbol = symbol
    this.#rows = rows
    this.#rowBytes = symbol * columns
    this.columnBytes = symbol * rows
    const bytes = this.#rowBytes * rows
    try {
      this.data = new Uint8Array(bytes)
    } catch (cause) {
      throw new CodecError('OUT_OF_MEMORY', `cannot get ${bytes} bytes of memory`, { bytes }, { cause })
    }
  }

  /** Writes parts one after the other, down from the top of a column, into the next ones. */
  async write(column: number, parts: readonly Uint8Array[], turns: CopyTurns): Promise<void> {
    let at = 0
    for (const part of parts) {
      for (let done = 0; done < part.length; ) {
        const symbol = Math.floor(at / this.#symbol)
        const within = at % this.#symbol
        const length = Math.min(this.#symbol - within, part.length - done)
        const row = symbol % this.#rows
        const target =
          row * this.#rowBytes + (column + Math.floor(symbol / this.#rows)) * this.#symbol + within
        this.data.set(part.subarray(done, done + length), target)
        at += length
        done += length
        await turns.copied(length)
      }
    }
  }
}
