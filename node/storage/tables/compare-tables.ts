import { Background } from '../../../base/background.ts'
import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import { Notify } from '../../../base/notify.ts'
import { anySignal } from '../../../base/wait.ts'
import type { TableHead } from '../../../codec/index.ts'
import type { ObjectId } from '../../../codec/types.ts'
import type { NodeMetrics } from '../../metrics.ts'
import type { CommitteeTracker } from '../../network/committees.ts'
import { type AskHeadsComponents, askHeads, digestText, type ReportedTable } from './ask-heads.ts'
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

/** Each member is asked until it has told its table of the epoch: one that differs is an alarm. */
export function createTableComparison(components: CompareTablesComponents): TableComparison {
  const { nodeId, networkId, committees, metrics, clock, random, log } = components
  const news = new Notify()
  let head: TableHead | undefined
  /** of the members who have told theirs of that epoch */
  let told = new Map<ObjectId, ReportedTable>()
  let differing: ReportedTable[] = []
  const background = new Background(run)

  /** Whether there is nobody left to ask. */
  async function compare(own: TableHead, signal: AbortSignal): Promise<boolean> {
    const known = await committees.get({ signal })
    const asked = known.current.members.filter(one => one.nodeId !== nodeId && !told.has(one.nodeId))
    const answers = await askHeads(components, asked, signal)
    if (head !== own) return false
    const ownDigest = digestText(networkId, own)
    for (const reports of answers.values()) {
      const same = reports.filter(({ head }) => head.epoch === own.epoch)
      // one who tells two counts once, and differs
      const report = same.find(({ digest }) => digest !== ownDigest) ?? same[0]
      if (report === undefined) continue
      const { member, digest } = report
      told.set(member.nodeId, report)
      if (digest === ownDigest) continue
      differing.push(report)
      log.error(
        { nodeId: member.nodeId, name: member.name, epoch: own.epoch, own: ownDigest, other: digest },
        'blob tables differ: one of two nodes has not heard what the chain said',
      )
      if (agreedTables(known, differing).length > 0)
        log.error(
          { epoch: own.epoch, own: ownDigest },
          'more weight than can lie has another blob table than this node: what it knows of blobs is wrong',
        )
    }
    metrics.tables(own.epoch, differing.length)
    return known.current.members.every(one => one.nodeId === nodeId || told.has(one.nodeId))
  }

  async function run(signal: AbortSignal): Promise<void> {
    let begun: TableHead | undefined
    while (!signal.aborted) {
      const rest = new AbortController()
      try {
        // not all of them ask all others in the moment in which an epoch, or a network, begins
        if (head !== begun) {
          begun = head
          await clock.sleep(ASK_MS * random(), signal)
        }
        const isDone = head === undefined || (await compare(head, signal))
        const either = anySignal(signal, rest.signal)
        const waits = [news.wait(either)]
        if (!isDone) waits.push(clock.sleep(ASK_MS * (0.5 + random()), either))
        await Promise.race(waits)
      } catch (error) {
        if (signal.aborted) return
        log.warn({ err: error }, 'blob tables could not be compared; will try again')
        await clock.sleep(ASK_MS, signal).catch(() => undefined)
      } finally {
        rest.abort()
      }
    }
  }

  return {
    own(newer) {
      head = newer
      told = new Map()
      differing = []
      metrics.tables(newer.epoch, 0)
      news.notify()
    },
    differing: () => differing.length,
    start: () => background.start(),
    stop: () => background.stop(),
  }
}
