import { equalBytes } from '../../../base/bytes.ts'
import type { CommitteeMember } from '../../../chain/types/index.ts'
import { type TableHead, tableDigest } from '../../../codec/index.ts'
import type { ObjectId } from '../../../codec/types.ts'
import type { PeerClient } from '../../../protocols/index.ts'
import type { PeerBook } from '../../network/peer-book.ts'

export interface AskHeadsComponents {
  /** system object ID */
  networkId: ObjectId
  peers: Pick<PeerClient, 'snapshots'>
  book: Pick<PeerBook, 'address' | 'failed'>
}

/** A table that a member says it has. */
export interface ReportedTable {
  member: CommitteeMember
  head: TableHead
  /** hex; made when it is asked for */
  readonly digest: string
}

/** Asked at a time. */
const AT_ONCE = 16

export const digestText = (networkId: ObjectId, head: TableHead): string =>
  Buffer.from(tableDigest(networkId, head)).toString('hex')

/** Whether two have one digest. */
export const isSameTable = (a: TableHead, b: TableHead): boolean =>
  a.epoch === b.epoch &&
  a.cursor === b.cursor &&
  a.blobs === b.blobs &&
  a.pages === b.pages &&
  equalBytes(a.first, b.first)

/** The tables of each member that answers. Rejects with the signal's reason alone. */
export async function askHeads(
  { networkId, peers, book }: AskHeadsComponents,
  members: readonly CommitteeMember[],
  signal: AbortSignal,
): Promise<Map<CommitteeMember, ReportedTable[]>> {
  const answers = new Map<CommitteeMember, ReportedTable[]>()
  const ask = async (member: CommitteeMember): Promise<void> => {
    try {
      const heads = await peers.snapshots(book.address(member), { signal })
      answers.set(
        member,
        heads.map(head => ({
          member,
          head,
          get digest() {
            return digestText(networkId, head)
          },
        })),
      )
    } catch {
      signal.throwIfAborted()
      book.failed(member)
    }
  }
  const left = members.values()
  const work = async (): Promise<void> => {
    for (const member of left) {
      signal.throwIfAborted()
      await ask(member)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return answers
}
