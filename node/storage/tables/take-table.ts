import { equalBytes } from '../../../base/bytes.ts'
import type { Log } from '../../../base/log.ts'
import type { ChainReader, CommitteeMember } from '../../../chain/types/index.ts'
import { pageHash, rowsHash, TABLE_END, type TableHead, tableDigest } from '../../../codec/index.ts'
import type { Epoch } from '../../../codec/types.ts'
import { type PeerClient, ProtocolError, type SnapshotPage } from '../../../protocols/index.ts'
import type { CommitteeTracker } from '../../network/committees.ts'
import type { PeerBook } from '../../network/peer-book.ts'
import { othersIn } from '../recovery/recovery.ts'
import {
  type IncomingTable,
  putIncoming,
  putTableHash,
  putTablePage,
  type TableRecords,
} from '../store/table-records.ts'
import { type AskHeadsComponents, askHeads, digestText, type ReportedTable } from './ask-heads.ts'
import { agreedTables } from './choose-table.ts'

export interface TakeTableComponents extends AskHeadsComponents {
  nodeId: CommitteeMember['nodeId']
  tables: TableRecords
  committees: Pick<CommitteeTracker, 'get'>
  peers: Pick<PeerClient, 'snapshots' | 'snapshotPage'>
  book: Pick<PeerBook, 'address' | 'failed' | 'ranked'>
  chain: Pick<ChainReader, 'isKept'>
  accuse: (member: CommitteeMember, what: string, details: object) => void
  log: Log
}

/**
 * Takes a table that more weight reports than can lie, and from whose event on the chain is still kept, each page checked as
 * it comes, whoever sends it. Cut short, it goes on where it was. False when there is none to be had now.
 */
export async function takeTable(
  components: TakeTableComponents,
  newerThan: Epoch,
  signal: AbortSignal,
): Promise<boolean> {
  const { nodeId, committees, tables, chain, networkId, log } = components
  const known = await committees.get({ fresh: true, signal })
  const answers = await askHeads(components, othersIn(known, nodeId), signal)
  const reports = [...answers.values()].flat().filter(({ head }) => head.epoch > newerThan)
  const agreed = agreedTables(known, reports)
  tellRefused(log, reports, agreed)
  const incoming = await tables.incoming()
  const before = incoming && digestText(networkId, incoming.head)
  // one that has begun to come is taken before a newer one
  agreed.sort(([a], [b]) => Number(b!.digest === before) - Number(a!.digest === before))
  for (const same of agreed) {
    const { head, digest } = same[0]!
    if (!(await chain.isKept(head.cursor, { signal }))) continue
    const goesOn = digest === before
    if (!goesOn) await tables.drop({ epoch: head.epoch })
    const from = goesOn ? incoming! : { head, pages: 0, next: head.first, applying: false }
    log.info({ epoch: head.epoch, digest, blobs: head.blobs, pages: head.pages }, 'taking a blob table')
    return await takePages(components, from, same, signal)
  }
  return false
}

/** Tables that are told, so many at most. */
const REFUSED_TOLD = 10

/** Who has a table that too few others have, or have yet. */
function tellRefused(
  log: Log,
  reports: readonly ReportedTable[],
  agreed: readonly (readonly ReportedTable[])[],
): void {
  const digests = new Set(agreed.map(([one]) => one!.digest))
  const refused = reports.filter(({ digest }) => !digests.has(digest))
  if (refused.length === 0) return
  const tables = refused.slice(0, REFUSED_TOLD).map(({ member: { nodeId, name }, head, digest }) => {
    return { nodeId, name, epoch: head.epoch, digest }
  })
  log.warn({ count: refused.length, tables }, 'blob tables are not taken: too little weight reports the same')
}

/** Every page from where it was on. False when nobody sends the next one. */
async function takePages(
  { tables, peers, book, networkId, accuse, log }: TakeTableComponents,
  from: IncomingTable,
  reports: readonly ReportedTable[],
  signal: AbortSignal,
): Promise<boolean> {
  const { head } = from
  const digest = tableDigest(networkId, head)
  let sources = book.ranked(reports.map(({ member }) => member))
  let { pages, next } = from
  while (!equalBytes(next, TABLE_END)) {
    const [source] = sources
    if (source === undefined) return false
    try {
      const page = await peers.snapshotPage(book.address(source), { digest, page: pages }, { signal })
      expectPage(page, next)
      await tables.commit([
        putTablePage(head.epoch, pages, page.rows),
        putTableHash(head.epoch, pages, next),
        putIncoming({ head, pages: pages + 1, next: page.next, applying: false }),
      ])
      pages++
      next = page.next
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof ProtocolError)) throw error
      // the others have the same
      sources = sources.filter(one => one !== source)
      if (error.blame && !error.remote) accuse(source, 'blob table', { epoch: head.epoch, page: pages })
      else book.failed(source)
      log.debug({ source: source.nodeId, err: error }, 'a page of a blob table did not come')
    }
  }
  await tables.commit([putIncoming({ head, pages, next, applying: true })], { sync: true })
  return true
}

/** The hash that was told before it came proves it. */
function expectPage({ rows, next }: SnapshotPage, expected: TableHead['first']): void {
  if (!equalBytes(pageHash(rowsHash(rows), next), expected)) throw new ProtocolError('VIOLATION')
}
