import { nextTurn } from '../../../base/turn.ts'
import { pageHash, rowsHash, TABLE_END, TableEncoder, type TableHead } from '../../../codec/index.ts'
import type { BlobId } from '../../../codec/types.ts'
import type { BlobRecords } from '../store/blob-records.ts'
import { type BlobState, stateAt } from '../store/blob-state.ts'
import { blobHex } from '../store/keys.ts'
import {
  endTable,
  type PendingTable,
  putTableHash,
  putTablePage,
  type TableRecords,
} from '../store/table-records.ts'

export interface WriteTableComponents {
  tables: TableRecords
  blobs: Pick<BlobRecords, 'slice'>
}

/** How a node writes its blob tables. */
export type WriteTable = typeof writeTable

/** Blobs that are read and encoded in one go: some milliseconds. */
const SLICE = 100

/**
 * Writes the blob table as of the event, whatever happens to blobs meanwhile, and durably; a few pages are in memory, and 32
 * bytes for each. Rejects with the signal's reason; what is written by then is no table, and begun anew.
 */
export async function writeTable(
  { tables, blobs }: WriteTableComponents,
  pending: PendingTable,
  signal: AbortSignal,
): Promise<TableHead> {
  const { epoch, cursor } = pending
  await tables.drop({ epoch })
  const encoder = new TableEncoder()
  const hashes: Uint8Array[] = []
  let count = 0
  const keep = async (pages: Iterable<Uint8Array>): Promise<void> => {
    for (const rows of pages) {
      await tables.commit([putTablePage(epoch, hashes.length, rows)])
      hashes.push(rowsHash(rows))
    }
  }
  for await (const slice of statesAt({ tables, blobs }, pending)) {
    for (const [blobId, state] of slice) {
      const live = stateAt(state, epoch)
      if (live === undefined) continue
      count++
      await keep(encoder.add({ blobId, ...live }))
    }
    await nextTurn()
    signal.throwIfAborted()
  }
  await keep(encoder.end())

  // each page's hash is over that of the next
  let next = TABLE_END
  for (let page = hashes.length - 1; page >= 0; page--) {
    next = pageHash(hashes[page]!, next)
    await tables.commit([putTableHash(epoch, page, next)])
  }
  signal.throwIfAborted()
  const head = { epoch, cursor, blobs: count, pages: hashes.length, first: next }
  await tables.commit(endTable(head), { sync: true })
  return head
}

/** Blobs in order of their IDs, with what was known of them at the event: what has changed since was noted before. */
async function* statesAt(
  { tables, blobs }: WriteTableComponents,
  { epoch }: PendingTable,
): AsyncGenerator<[BlobId, BlobState | undefined][]> {
  for (let after: BlobId | undefined; ; ) {
    const slice = await blobs.slice({ after, limit: SLICE })
    const isLast = slice.length < SLICE
    const upTo = isLast ? undefined : slice.at(-1)![0]
    // read after the records are: of what changes in between, the note counts
    const befores = await tables.befores(epoch, { after, upTo })
    yield befores.size === 0 ? slice : merged(slice, befores)
    if (isLast) return
    after = upTo
  }
}

/** In order of the IDs; what was known before counts. */
function merged(
  slice: readonly [BlobId, BlobState][],
  befores: ReadonlyMap<BlobId, BlobState | undefined>,
): [BlobId, BlobState | undefined][] {
  const states = new Map<BlobId, BlobState | undefined>([...slice, ...befores])
  return [...states].sort(([a], [b]) => (blobHex(a) < blobHex(b) ? -1 : 1))
}
