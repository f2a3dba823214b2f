import type { Clock } from '../../base/clock.ts'
import { createMonth, type MonthCount } from '../../base/month.ts'
import { createPlaces } from '../../base/places.ts'
import { ProtocolError } from '../errors.ts'
import { type BandwidthLimits, type RatesNow, ratesAt } from './bandwidth-limits.ts'
import { createLine, type Line } from './line.ts'
import { createPathMeters, type PathTraffic } from './path-meters.ts'
import { createSmallAnswers } from './small-answers.ts'

/** As seen from the node. */
export type Direction = 'up' | 'down'

/** A peer's share of the node's line: what its streams wait for before they move bytes. */
export interface PeerLine {
  /** How many bytes are to be moved at once, at most. */
  pieceBytes(direction: Direction): number
  /**
   * Counts bytes, and waits until they may move; there is nothing to be waited for when they may at once. Throws the signal's
   * reason.
   */
  move(direction: Direction, bytes: number, signal?: AbortSignal): Promise<void> | undefined
}

/** What a node's line may carry, and what it has carried. */
export interface Bandwidth {
  /** `peer`: a PeerId, or whoever else it counts for; `path`: by which it is reached, as `pathOf` says, direct when absent */
  of(peer: string, path?: string): PeerLine
  /**
   * A transfer of more than a small answer begins; call the result when it is over. Throws BUSY when so many are under way that
   * each would be too slow for the other side, and OVER_CAP, when bytes are to be sent and the month's are used up.
   */
  begin(mover: Mover, direction: Direction): () => void
  /** A small answer is to be sent. Throws OVER_CAP when the month's bytes are used up and there were many since. */
  small(mover: Mover, bytes: number): void
  /** From here on these limits hold, also for what waits. */
  set(limits: BandwidthLimits): void
  /** What may move now, and what has moved. */
  view(): BandwidthView
  /** Of this month, to be kept. */
  month(): MonthCount
  /** What moves now, and has moved, by peer and path: of 32 of them, those that move most first. */
  traffic(): PathTraffic[]
  /** Nobody waits any more. */
  close(): void
}

/** For whom bytes are moved. */
export interface Mover {
  /** PeerId, or address of one without */
  peer: string
  /** what the peer counts for, as its PeerId may cost nothing; itself when absent */
  account?: string | undefined
  /** of the committee, whose identity cost stake */
  isMember?: boolean | undefined
}

/** How it stands with a node's line. */
export interface BandwidthView {
  /** bytes per second now; absent without a limit */
  upBytesPerSecond?: number | undefined
  downBytesPerSecond?: number | undefined
  /** whether these are the rates of quiet hours */
  quiet: boolean
  /** pieces that wait for their turn */
  waiting: { up: number; down: number }
  /** bytes since the start */
  moved: { up: number; down: number }
  /** of these, by path */
  paths: Record<'direct' | 'relayed', { up: number; down: number }>
  month: MonthCount & {
    /** absent without a limit */
    limitBytes?: number | undefined
    /** reads of more than 256 KiB are refused until the month ends */
    usedUp: boolean
  }
}

/** What is answered when the month is used up, and beside any number of transfers. */
export const SMALL_ANSWER_BYTES = 256 * 1024
/** Twice what a peer must be sent lest it gives up: of so much a second each transfer is sure. */
const TRANSFER_BYTES_PER_SECOND = 64 * 1024
/** One account may have so much of the transfers that there may be. */
const ACCOUNT_SHARE = 1 / 2
/** All who are no members may: however many addresses somebody has, members get through. */
const STRANGERS_SHARE = 3 / 4
const BUSY_RETRY_MS = 2_000
/** as long as the wire can tell */
const MAX_RETRY_MS = 0xffffffff

export interface BandwidthInit {
  limits?: BandwidthLimits
  /** of this month, before the process began */
  kept?: MonthCount | undefined
  clock: Clock
}

/** The line of one node, for all of its protocols together. */
export function createBandwidth({ limits: first = {}, kept, clock }: BandwidthInit): Bandwidth {
  let limits = first
  let rates: RatesNow | undefined
  let ratesUntil = 0
  const month = createMonth(kept, clock)
  const meters = createPathMeters(clock)
  const transfers = { up: createPlaces(), down: createPlaces() }
  const smallAnswers = createSmallAnswers(clock)

  /** Looked at once a minute. */
  function ratesNow(): RatesNow {
    const now = clock.now()
    if (rates === undefined || now >= ratesUntil || now < ratesUntil - MINUTE_MS) {
      const date = new Date(now)
      rates = ratesAt(limits, date.getHours() * 60 + date.getMinutes())
      ratesUntil = (Math.floor(now / MINUTE_MS) + 1) * MINUTE_MS
    }
    return rates
  }
  const lines: Record<Direction, Line> = {
    up: createLine(() => ratesNow().up, clock),
    down: createLine(() => ratesNow().down, clock),
  }
  const overCap = (waitMs: number): ProtocolError =>
    new ProtocolError('OVER_CAP', {
      retryAfterMs: Math.ceil(Math.min(waitMs, month.endsInMs(), MAX_RETRY_MS)),
    })
  const isUsedUp = (): boolean =>
    limits.bytesPerMonth !== undefined && month.count().bytes >= limits.bytesPerMonth

  return {
    of(peer, path) {
      const count = meters.of(peer, path)
      return {
        pieceBytes: direction => lines[direction].pieceBytes(),
        move(direction, bytes, signal) {
          month.add(bytes)
          count(direction, bytes)
          return lines[direction].take(peer, bytes, signal)
        },
      }
    },
    begin({ peer, account = peer, isMember = false }, direction) {
      if (direction === 'up' && isUsedUp()) throw overCap(Number.POSITIVE_INFINITY)
      const { total, perPeer } = ratesNow()[direction]
      const most = transfersAt(total)
      const over = transfers[direction].take(most, [
        [`account ${account}`, Math.floor(most * ACCOUNT_SHARE)],
        [`peer ${peer}`, transfersAt(perPeer)],
        ...(isMember ? [] : [['strangers', Math.floor(most * STRANGERS_SHARE)] as const]),
      ])
      if (over === undefined) throw new ProtocolError('BUSY', { retryAfterMs: BUSY_RETRY_MS })
      return over
    },
    small(mover, bytes) {
      if (isUsedUp() && !smallAnswers.tryTake(mover, bytes)) throw overCap(smallAnswers.waitMs(bytes))
    },
    set(next) {
      limits = next
      rates = undefined
      lines.up.changed()
      lines.down.changed()
    },
    view() {
      const { up, down, quiet } = ratesNow()
      const { direct, relayed } = meters.totals()
      return {
        upBytesPerSecond: finite(up.total),
        downBytesPerSecond: finite(down.total),
        quiet,
        waiting: { up: lines.up.waiting, down: lines.down.waiting },
        moved: { up: direct.up + relayed.up, down: direct.down + relayed.down },
        paths: { direct, relayed },
        month: { ...month.count(), limitBytes: limits.bytesPerMonth, usedUp: isUsedUp() },
      }
    },
    month: () => month.count(),
    traffic: meters.view,
    close() {
      lines.up.close()
      lines.down.close()
    },
  }
}

const MINUTE_MS = 60_000

const transfersAt = (bytesPerSecond: number): number =>
  Math.max(1, Math.floor(bytesPerSecond / TRANSFER_BYTES_PER_SECOND))

const finite = (rate: number): number | undefined => (rate === Number.POSITIVE_INFINITY ? undefined : rate)
