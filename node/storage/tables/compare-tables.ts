import { Background } from '../../../base/background.ts'
import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import { Notify } from '../../../base/notify.ts'
import type { CommitteeMember } from '../../../chain/types/index.ts'
import type { TableHead } from '../../../codec/index.ts'
import type { ObjectId } from '../../../codec/types.ts'
import type { NodeMetrics } from '../../metrics.ts'
import type { CommitteeTracker } from '../../network/committees.ts'
import {
  type AskHeadsComponents,
  askHeads,
  digestText,
  isSameTable,
  type ReportedTable,
} from './ask-heads.ts'
import { agreedTables } from './choose-table.ts'

export interface CompareTablesComponents extends AskHeadsComponents {
  nodeId: ObjectId
  committees: Pick<CommitteeTracker, 'get'>
  metrics: Pick<NodeMetrics, 'tables'>
  clock: Clock
  random: () => number
  log: Log
}

/** Compares the own table with the others', for as long as it runs. */
export interface TableComparison {
  /** There is a newer own table. */
  own(head: TableHead): void
  /** Members whose table of the same epoch is another. */
  differing(): number
  start(): void
  stop(): Promise<void>
}

/** Others may need a while to write theirs, or be away. */
const ASK_MS = 60_000
/** As many as the contract lets into a committee: of one that were larger, each member asks so many, and is asked by as many. */
const MOST_ASKED = 150

/** Each member is asked until it has told its table of the epoch: one that differs is an alarm. Of very many, some by chance. */
export function createTableComparison(components: CompareTablesComponents): TableComparison {
  const { networkId, committees, metrics, clock, random, log } = components
  const news = new Notify()
  let head: TableHead | undefined
  /** of the members who have told theirs of that epoch */
  let told = new Set<ObjectId>()
  let differing: ReportedTable[] = []
  const askedOf = drawing(components)
  const background = new Background(run)

  /** Whether there is nobody left to ask. */
  async function compare(own: TableHead, signal: AbortSignal): Promise<boolean> {
    const known = await committees.get({ signal })
    const wanted = askedOf(known.current.members, own)
    const left = wanted.filter(one => !told.has(one.nodeId))
    const answers = await askHeads(components, left, signal)
    if (head !== own) return false
    for (const reports of answers.values()) {
      const same = reports.filter(({ head }) => head.epoch === own.epoch)
      // one who tells two counts once, and differs
      const report = same.find(({ head }) => !isSameTable(head, own)) ?? same[0]
      if (report === undefined) continue
      const { member } = report
      told.add(member.nodeId)
      if (isSameTable(report.head, own)) continue
      differing.push(report)
      const [ownDigest, other] = [digestText(networkId, own), report.digest]
      log.error(
        { nodeId: member.nodeId, name: member.name, epoch: own.epoch, own: ownDigest, other },
        'blob tables differ: one of two nodes has not heard what the chain said',
      )
      if (agreedTables(known, differing).length > 0)
        log.error(
          { epoch: own.epoch, own: ownDigest },
          'more weight than can lie has another blob table than this node: what it knows of blobs is wrong',
        )
    }
    metrics.tables(own.epoch, differing.length)
    return wanted.every(one => told.has(one.nodeId))
  }

  async function run(signal: AbortSignal): Promise<void> {
    let begun: TableHead | undefined
    while (!signal.aborted) {
      try {
        // not all of them ask all others in the moment in which an epoch, or a network, begins
        if (head !== begun) {
          begun = head
          await clock.sleep(ASK_MS * random(), signal)
        }
        const isDone = head === undefined || (await compare(head, signal))
        const restMs = isDone ? Number.POSITIVE_INFINITY : ASK_MS * (0.5 + random())
        await news.waitWithin(restMs, clock, signal)
      } catch (error) {
        if (signal.aborted) return
        log.warn({ err: error }, 'blob tables could not be compared; will try again')
        await clock.sleep(ASK_MS, signal).catch(() => undefined)
      }
    }
  }

  return {
    own(newer) {
      head = newer
      told = new Set()
      differing = []
      metrics.tables(newer.epoch, 0)
      news.notify()
    },
    differing: () => differing.length,
    start: () => background.start(),
    stop: () => background.stop(),
  }
}

/** All others, or some of very many: the same ones for as long as a table is the newest. */
function drawing({ nodeId, random }: Pick<CompareTablesComponents, 'nodeId' | 'random'>) {
  let drawn: { of: TableHead; nodeIds: ReadonlySet<ObjectId> } | undefined
  return (members: readonly CommitteeMember[], own: TableHead): CommitteeMember[] => {
    const others = members.filter(one => one.nodeId !== nodeId)
    if (others.length <= MOST_ASKED) return others
    if (drawn?.of !== own) {
      const ranked = others.map(one => ({ one, at: random() })).sort((a, b) => a.at - b.at)
      drawn = { of: own, nodeIds: new Set(ranked.slice(0, MOST_ASKED).map(({ one }) => one.nodeId)) }
    }
    const { nodeIds } = drawn
    return others.filter(one => nodeIds.has(one.nodeId))
  }
}
