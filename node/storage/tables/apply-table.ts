import { TableDecoder, type TableEntry } from '../../../codec/index.ts'
import type { BlobId, Epoch } from '../../../codec/types.ts'
import type { BlobLock } from '../blob-lock.ts'
import { isOwed } from '../epochs/whole.ts'
import type { Missing } from '../recovery/missing.ts'
import { type BlobRecords, putBlob, putCursor } from '../store/blob-records.ts'
import type { BlobState } from '../store/blob-state.ts'
import { blobHex } from '../store/keys.ts'
import type { RecordOperation } from '../store/records.ts'
import { dropIncoming, endTable, type IncomingTable, type TableRecords } from '../store/table-records.ts'

export interface ApplyTableComponents {
  tables: TableRecords
  blobs: BlobRecords
  lock: Pick<BlobLock, 'exclusively'>
  missing: Pick<Missing, 'certified'>
  /** what is to be noted with the cursor */
  jumped: (epoch: Epoch) => RecordOperation[]
}

const SLICE = 200

/**
 * Makes the blobs' records those of a table that has come, and the cursor that of its event. Cut short, it is done again from
 * the start before anything else, which changes nothing of what was done: nobody follows the chain from half a table. What is
 * known here of other blobs has ended: they are left for the sweeper. Rejects with the signal's reason.
 */
export async function applyTable(
  components: ApplyTableComponents,
  { head }: IncomingTable,
  signal: AbortSignal,
): Promise<void> {
  const { tables, blobs, jumped } = components
  const own = ownBlobs(blobs)
  let next = await own.next()
  const end = async (upTo: string | undefined): Promise<void> => {
    for (; !next.done && (upTo === undefined || blobHex(next.value) < upTo); next = await own.next())
      await setBlob(components, next.value, { registrations: [] }, head.epoch)
  }
  for await (const { blobId, ...state } of entries(tables, head.epoch, head.pages)) {
    signal.throwIfAborted()
    await end(blobHex(blobId))
    if (!next.done && next.value === blobId) next = await own.next()
    await setBlob(components, blobId, state as BlobState, head.epoch)
  }
  await end(undefined)
  await tables.commit([...jumped(head.epoch), putCursor(head.cursor), ...endTable(head), dropIncoming], {
    sync: true,
  })
}

async function setBlob(
  { blobs, lock, missing }: ApplyTableComponents,
  blobId: BlobId,
  state: BlobState,
  epoch: Epoch,
): Promise<void> {
  await lock.exclusively(blobId, async () => {
    const before = await blobs.get(blobId)
    const lacking = isOwed(state, epoch) ? await missing.certified(blobId, 'handoff') : []
    await blobs.commit([...putBlob(blobId, state, before), ...lacking])
  })
}

async function* ownBlobs(blobs: Pick<BlobRecords, 'slice'>): AsyncGenerator<BlobId> {
  for (let after: BlobId | undefined; ; ) {
    const slice = await blobs.slice({ after, limit: SLICE })
    for (const [blobId] of slice) yield blobId
    if (slice.length < SLICE) return
    after = slice.at(-1)![0]
  }
}

async function* entries(
  tables: Pick<TableRecords, 'rows'>,
  epoch: Epoch,
  pages: number,
): AsyncGenerator<TableEntry> {
  const decoder = new TableDecoder()
  for (let page = 0; page < pages; page++) {
    const rows = await tables.rows(epoch, page)
    if (rows === undefined) throw new Error(`page ${page} of the blob table of epoch ${epoch} is gone`)
    yield* decoder.page(rows)
  }
  decoder.end()
}
