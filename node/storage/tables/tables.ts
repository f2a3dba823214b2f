import { Background } from '../../../base/background.ts'
import { equalBytes } from '../../../base/bytes.ts'
import { defined } from '../../../base/defined.ts'
import { Notify } from '../../../base/notify.ts'
import { anySignal } from '../../../base/wait.ts'
import type { ChainEvent } from '../../../chain/types/index.ts'
import { type TableHead, tableDigest } from '../../../codec/index.ts'
import type { Epoch } from '../../../codec/types.ts'
import type { SnapshotSource } from '../../../protocols/ports.ts'
import type { BlobRecords } from '../store/blob-records.ts'
import { blobOfEvent } from '../store/blob-state.ts'
import { TABLE_PENDING_KEY } from '../store/keys.ts'
import type { RecordOperation } from '../store/records.ts'
import {
  beginTable,
  dropIncoming,
  type IncomingTable,
  type PendingTable,
  putBefore,
} from '../store/table-records.ts'
import { type ApplyTableComponents, applyTable } from './apply-table.ts'
import { digestText } from './ask-heads.ts'
import { type CompareTablesComponents, createTableComparison } from './compare-tables.ts'
import { type TakeTableComponents, takeTable } from './take-table.ts'
import { type WriteTable, writeTable } from './write-table.ts'

export interface BlobTablesComponents
  extends TakeTableComponents,
    Pick<CompareTablesComponents, 'metrics' | 'clock' | 'random'>,
    ApplyTableComponents {
  blobs: BlobRecords
  /** how they are written; by `writeTable` when absent */
  writeTable?: WriteTable | undefined
}

/** What there is to be told of the tables. */
export interface TablesView {
  /** of the newest whole one */
  epoch?: Epoch
  /** hex */
  digest?: string
  /** members whose table of that epoch is another */
  differing: number
  /** one is needed, and there is none to be had */
  lacks: boolean
}

/**
 * Blob tables as of epochs' beginnings: written in the background, handed out, compared with the others', and taken from them
 * where the chain does not keep what this node has not heard.
 */
export interface BlobTables {
  readonly source: SnapshotSource
  /** What is to be noted in one batch with an event; of its blob, nothing else is changed meanwhile. */
  noted(event: ChainEvent): Promise<RecordOperation[]>
  /** That batch is written. */
  onEvent(event: ChainEvent): void
  /** The chain has lost what was read of it: what is heard again begins no table. */
  forgotten(): RecordOperation[]
  /** All that had happened was heard: what was begun is written from here on. */
  caughtUp(): void
  /** Ends the taking over of a table that was cut short; before anything is heard of the chain. */
  settle(signal: AbortSignal): Promise<void>
  /** The chain does not keep what comes next: takes a table of others. False when there is none to be had now. */
  take(signal: AbortSignal): Promise<boolean>
  view(): TablesView
  start(): Promise<void>
  stop(): Promise<void>
}

/** The present epoch's, and the one before: not everybody has written the newest yet. */
const KEPT = 2
const RETRY_MS = 60_000

export function createBlobTables(components: BlobTablesComponents): BlobTables {
  return new RecordedTables(components)
}

class RecordedTables implements BlobTables {
  readonly #components: BlobTablesComponents
  readonly #comparison: ReturnType<typeof createTableComparison>
  readonly #news = new Notify()
  /** the newest first */
  #heads: TableHead[] = []
  #begun = 0 as Epoch
  #pending: PendingTable | undefined
  /** the same, once that is on record: what overtook the record would be begun anew by it */
  #ready: PendingTable | undefined
  #superseded = new AbortController()
  #isCaughtUp = false
  #lacks = false
  readonly #background = new Background(signal => this.#run(signal))
  readonly source: SnapshotSource

  constructor(components: BlobTablesComponents) {
    this.#components = components
    this.#comparison = createTableComparison(components)
    const { tables, networkId } = components
    this.source = {
      heads: () => this.#heads,
      page: async (digest, page) => {
        const head = this.#heads.find(one => equalBytes(tableDigest(networkId, one), digest))
        return head && page < head.pages ? await tables.page(head.epoch, page) : undefined
      },
    }
  }

  async noted(event: ChainEvent): Promise<RecordOperation[]> {
    if (event.type === 'EpochChangeStart') return this.#begin(event.epoch, event.cursor)
    const blobId = blobOfEvent(event)
    const epoch = this.#pending?.epoch
    if (blobId === undefined || epoch === undefined) return []
    const { tables, blobs } = this.#components
    // the first change since then alone tells what was known
    if (await tables.hasBefore(epoch, blobId)) return []
    return [putBefore(epoch, blobId, await blobs.get(blobId))]
  }

  #begin(epoch: Epoch, cursor: PendingTable['cursor']): RecordOperation[] {
    // one that could not be written down is heard again
    const isAgain = this.#pending?.cursor === cursor
    if (epoch <= this.#begun && !isAgain) return []
    this.#superseded.abort(new DOMException('a later epoch has begun', 'AbortError'))
    this.#superseded = new AbortController()
    this.#pending = { epoch, cursor }
    this.#begun = epoch
    return beginTable(this.#pending)
  }

  onEvent({ type }: ChainEvent): void {
    if (type !== 'EpochChangeStart') return
    this.#ready = this.#pending
    this.#news.notify()
  }

  forgotten(): RecordOperation[] {
    this.#superseded.abort(new DOMException('the chain has lost its end', 'AbortError'))
    this.#pending = undefined
    return [{ type: 'del', key: TABLE_PENDING_KEY }]
  }

  caughtUp(): void {
    this.#isCaughtUp = true
    this.#lacks = false
    this.#news.notify()
  }

  async settle(signal: AbortSignal): Promise<void> {
    const { tables, log } = this.#components
    const incoming = await tables.incoming()
    if (incoming?.applying !== true) return
    if (!(await tables.isWhole(incoming.head))) {
      log.warn({ epoch: incoming.head.epoch }, 'pages of a blob table are gone; it has to come again')
      return await tables.commit([dropIncoming])
    }
    // records that were made anew are not those of an epoch before: what is being written of one is given up
    this.#superseded.abort(new DOMException('a later table is taken over', 'AbortError'))
    this.#superseded = new AbortController()
    this.#pending = undefined
    await applyTable(this.#components, incoming, signal)
    this.#begun = incoming.head.epoch
    log.info({ epoch: incoming.head.epoch, blobs: incoming.head.blobs }, 'a blob table was taken over')
    await this.#keep(incoming.head)
  }

  async take(signal: AbortSignal): Promise<boolean> {
    const isTaken = await takeTable(this.#components, this.#begun, signal)
    this.#lacks = !isTaken
    return isTaken
  }

  view(): TablesView {
    const [head] = this.#heads
    const { networkId } = this.#components
    return defined({
      epoch: head?.epoch,
      digest: head && digestText(networkId, head),
      differing: this.#comparison.differing(),
      lacks: this.#lacks,
    })
  }

  async start(): Promise<void> {
    const { tables } = this.#components
    this.#heads = (await tables.heads()).slice(0, KEPT)
    this.#begun = await tables.begun()
    this.#pending = await tables.pending()
    this.#ready = this.#pending
    await this.#tidy()
    this.#comparison.start()
    if (this.#heads[0] !== undefined) this.#comparison.own(this.#heads[0])
    this.#background.start()
  }

  async stop(): Promise<void> {
    await Promise.all([this.#background.stop(), this.#comparison.stop()])
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, log, networkId } = this.#components
    const write = this.#components.writeTable ?? writeTable
    while (!signal.aborted) {
      await this.#news.wait(signal).catch(() => undefined)
      const pending = this.#pending
      if (signal.aborted || pending === undefined || !this.#isCaughtUp) continue
      if (this.#ready !== pending) continue
      const superseded = this.#superseded.signal
      try {
        const startMs = clock.monotonic()
        const head = await write(this.#components, pending, anySignal(signal, superseded))
        if (this.#pending === pending) this.#pending = undefined
        log.info(
          {
            epoch: head.epoch,
            blobs: head.blobs,
            digest: digestText(networkId, head),
            tookMs: clock.monotonic() - startMs,
          },
          'the blob table was written',
        )
        await this.#keep(head)
      } catch (err) {
        if (signal.aborted || superseded.aborted) continue
        log.warn({ err, epoch: pending.epoch, retryMs: RETRY_MS }, 'the blob table was not written')
        await clock.sleep(RETRY_MS, anySignal(signal, superseded)).catch(() => undefined)
        this.#news.notify()
      }
    }
  }

  async #keep(head: TableHead): Promise<void> {
    this.#heads = [head, ...this.#heads.filter(({ epoch }) => epoch < head.epoch)].slice(0, KEPT)
    this.#comparison.own(head)
    await this.#tidy()
  }

  /** What nobody needs any more, or what is left of what was cut short. */
  async #tidy(): Promise<void> {
    const { tables } = this.#components
    // what is begun, or begins to come, meanwhile is of a later epoch
    const upTo = this.#begun
    const incoming = await this.#incoming()
    const needed = [...this.#heads, this.#pending, incoming?.head].flatMap(one => one?.epoch ?? [])
    await tables.drop({ upTo, allBut: new Set(needed) })
    await tables.dropBefores({ upTo, but: this.#pending?.epoch })
  }

  /** One that this node has heard past will never be taken: it was given up for what the chain had after all. */
  async #incoming(): Promise<IncomingTable | undefined> {
    const { tables } = this.#components
    const incoming = await tables.incoming()
    if (incoming === undefined || incoming.applying || incoming.head.epoch > this.#begun) return incoming
    await tables.commit([dropIncoming])
    return undefined
  }
}
