import { equalBytes } from '../../../base/bytes.ts'
import type { Clock } from '../../../base/clock.ts'
import { Notify } from '../../../base/notify.ts'
import { createTokenBucket } from '../../../base/token-bucket.ts'
import type { ChainEvent, Committees } from '../../../chain/types/index.ts'
import { CHALLENGE_TOPIC } from '../../../protocols/index.ts'
import type { ChallengeNews, Verdict } from '../../../protocols/ports.ts'
import type { RoundBook } from './round-book.ts'

export interface NewsInit {
  /** what the chain has shown */
  book: Pick<RoundBook, 'record' | 'nodes'>
  committees: () => Pick<Committees, 'epoch'> | undefined
  /** has the chain asked at once */
  look: () => void
  clock: Clock
}

/** Compares what others tell of a round with what the chain shows here. Nothing else comes of it than that the chain is asked earlier. */
export class NewsDesk {
  readonly #init: NewsInit
  readonly #shown = new Notify()
  readonly #looks

  constructor(init: NewsInit) {
    this.#init = init
    const { lookBurst, looksPerSecond } = CHALLENGE_TOPIC
    this.#looks = createTokenBucket(looksPerSecond, lookBurst, () => init.clock.monotonic())
  }

  /** What the chain does not show here is waited for a little. Never rejects. */
  async heard(news: ChallengeNews, { signal }: { signal: AbortSignal }): Promise<Verdict> {
    const { clock, look } = this.#init
    const until = clock.monotonic() + CHALLENGE_TOPIC.waitMs
    let verdict = this.#verdictOn(news)
    if (verdict === undefined && this.#looks.tryTake(1)) look()
    for (; verdict === undefined; verdict = this.#verdictOn(news)) {
      const leftMs = until - clock.monotonic()
      if (leftMs <= 0) return 'ignore'
      try {
        await this.#shown.waitWithin(leftMs, clock, signal)
      } catch {
        return 'ignore'
      }
    }
    return verdict
  }

  /** The chain shows more. */
  shown(): void {
    this.#shown.notify()
  }

  /** Undefined while the chain does not show it here, and may. */
  #verdictOn({ epoch, round, what }: ChallengeNews): Verdict | undefined {
    const { record, nodes } = this.#init.book
    const now = this.#init.committees()?.epoch
    if (now === undefined || epoch < now || epoch > now + 1) return 'ignore'
    if (record === undefined || record.epoch < epoch) return undefined
    if (record.epoch > epoch || record.round > round) return 'ignore'
    if (record.round < round) return undefined
    if ('Opened' in what) return isSame(what.Opened, record.salt)
    if ('Drawn' in what) return record.seed === undefined ? undefined : isSame(what.Drawn, record.seed)
    const node = nodes.get('Passed' in what ? what.Passed : what.Committed.nodeId)
    // nobody commits after the draw
    if (node === undefined) return record.seed === undefined ? undefined : 'reject'
    if ('Committed' in what) return isSame(what.Committed.root, node.root)
    return node.passed ? 'accept' : undefined
  }
}

/** What an event tells others; undefined of all that is no part of a round. */
export function newsOf(event: ChainEvent): ChallengeNews | undefined {
  switch (event.type) {
    case 'ChallengeOpened':
      return { ...roundOf(event), what: { Opened: event.salt } }
    case 'ChallengeDrawn':
      return { ...roundOf(event), what: { Drawn: event.seed } }
    case 'ChallengeCommitted':
      return { ...roundOf(event), what: { Committed: { nodeId: event.nodeId, root: event.root } } }
    case 'ChallengePassed':
      return { ...roundOf(event), what: { Passed: event.nodeId } }
    default:
      return undefined
  }
}

const roundOf = ({ epoch, round }: Pick<ChallengeNews, 'epoch' | 'round'>) => ({ epoch, round })

const isSame = (told: Uint8Array, hex: string): Verdict =>
  equalBytes(told, Buffer.from(hex, 'hex')) ? 'accept' : 'reject'
