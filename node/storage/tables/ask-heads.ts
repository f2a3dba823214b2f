import { createSemaphore } from '../../../base/semaphore.ts'
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
  /** hex */
  digest: string
}

/** Asked at a time. */
const AT_ONCE = 16

export const digestText = (networkId: ObjectId, head: TableHead): string =>
  Buffer.from(tableDigest(networkId, head)).toString('hex')

/** The tables of each member that answers. Rejects with the signal's reason alone. */
export async function askHeads(
  { networkId, peers, book }: AskHeadsComponents,
  members: readonly CommitteeMember[],
  signal: AbortSignal,
): Promise<Map<CommitteeMember, ReportedTable[]>> {
  const semaphore = createSemaphore(AT_ONCE)
  const answers = new Map<CommitteeMember, ReportedTable[]>()
  const ask = async (member: CommitteeMember): Promise<void> => {
    const turn = await semaphore.take(1, signal)
    try {
      const heads = await peers.snapshots(book.address(member), { signal })
      answers.set(
        member,
        heads.map(head => ({ member, head, digest: digestText(networkId, head) })),
      )
    } catch {
      signal.throwIfAborted()
      book.failed(member)
    } finally {
      turn.release()
    }
  }
  await Promise.all(members.map(ask))
  return answers
}
