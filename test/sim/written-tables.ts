import { raceSignal } from 'race-signal'
import type { TableHead } from '../../codec/index.ts'
import {
  createTableRecords,
  endTable,
  type PendingTable,
  putTableHash,
  putTablePage,
} from '../../node/storage/store/table-records.ts'
import { type WriteTable, writeTable } from '../../node/storage/tables/write-table.ts'
import type { TokenDisk } from './disk.ts'
import { LayeredRecords, SharedRecords } from './layered-records.ts'

interface Written {
  head: TableHead
  rows: Uint8Array[]
  /** of each page and those behind it */
  hashes: Uint8Array[]
}

/** Of so many nodes one writes its own in spite of all, and it must be the same. */
const CHECKED = 1_000

/**
 * Blob tables that many nodes write alike. Each is written once by the node's own code for all whose records say the same, as a sum
 * tells that each node keeps of them; one that knows anything else writes another.
 */
export class WrittenTables {
  readonly #written = new Map<string, Promise<Written>>()
  readonly #fail: (error: Error) => void
  #epoch = 0
  #count = 0

  constructor(fail: (error: Error) => void) {
    this.#fail = fail
  }

  /** How a node writes its own. */
  of(disk: TokenDisk): WriteTable {
    return async ({ tables }, pending, signal) => {
      const { epoch } = pending
      await tables.drop({ epoch })
      if (epoch > this.#epoch) this.#written.clear()
      this.#epoch = Math.max(this.#epoch, epoch)
      const key = `${epoch} ${pending.cursor} ${disk.records.contentsAt(epoch)}`
      const begun = this.#written.get(key)
      const writing = begun ?? written(disk, pending)
      if (begun === undefined) this.#written.set(key, writing)
      else if (++this.#count % CHECKED === 0) await this.#check(disk, pending, begun)
      const { head, rows, hashes } = await raceSignal(writing, signal)
      const pages = rows.flatMap((bytes, page) => [
        putTablePage(epoch, page, bytes),
        putTableHash(epoch, page, hashes[page]!),
      ])
      await tables.commit([...pages, ...endTable(head)], { sync: true })
      return head
    }
  }

  async #check(disk: TokenDisk, pending: PendingTable, known: Promise<Written>): Promise<void> {
    const [own, others] = await Promise.all([written(disk, pending), known])
    if (Buffer.compare(own.head.first, others.head.first) !== 0 || own.head.blobs !== others.head.blobs)
      this.#fail(new Error(`nodes with the same records write two tables of ${pending.epoch}`))
  }
}

/** As the node itself does it, beside its own records. */
async function written({ records, blobs }: TokenDisk, pending: PendingTable): Promise<Written> {
  const { befores } = createTableRecords(records)
  const beside = createTableRecords(new LayeredRecords(new SharedRecords(new Map())))
  const head = await writeTable(
    { tables: { ...beside, befores }, blobs },
    pending,
    new AbortController().signal,
  )
  const rows: Uint8Array[] = []
  const hashes: Uint8Array[] = [head.first]
  for (let page = 0; page < head.pages; page++) {
    const { rows: bytes, next } = (await beside.page(head.epoch, page))!
    rows.push(bytes)
    hashes.push(next)
  }
  return { head, rows, hashes }
}
