import { raceSignal } from 'race-signal'
import type { Clock } from '../../../base/clock.ts'
import type { CommitteeMember } from '../../../chain/types/index.ts'
import { pieceShape } from '../../../codec/index.ts'
import type { RoundRecord } from '../store/round-records.ts'
import { pointsOf, type Question, questionOf } from './draw.ts'
import { leafIndex } from './holdings.ts'
import { type OwedBlob, type OwedInit, owedBlobs } from './owed.ts'

/** A question, and the number of its sliver's leaf. */
export interface AskedQuestion extends Question {
  leaf: number
}

/** What is asked in a round of everyone. */
export interface Asked {
  /** blobs that are owed */
  owed: number
  /** Of one node: each question once. */
  of(member: Pick<CommitteeMember, 'nodeId' | 'shards'>): readonly AskedQuestion[]
}

export interface AskingInit extends OwedInit {
  clock: Pick<Clock, 'monotonic'>
}

/** After a draw that failed, whoever asks is told the same for so long. */
const FAILED_MS = 5_000

interface Draw {
  of: string
  asked: Promise<Asked>
  failedAt?: number
}

type Drawn = RoundRecord & { seed: string }

/** Draws what is asked, once for each round: it takes two looks at all that is owed. */
export class Asking {
  readonly #init: AskingInit
  readonly #signal: AbortSignal
  #drawn: Draw | undefined

  /** @param signal ends what is under way */
  constructor(init: AskingInit, signal: AbortSignal) {
    this.#init = init
    this.#signal = signal
  }

  /** Rejects with the signal's reason; or while the node does not know what is owed, and tries again some seconds later. */
  async of(record: Drawn, signal: AbortSignal): Promise<Asked> {
    const { clock } = this.#init
    const of = `${record.salt} ${record.seed}`
    const { failedAt } = this.#drawn ?? {}
    const isStale = failedAt !== undefined && clock.monotonic() - failedAt > FAILED_MS
    if (this.#drawn?.of !== of || isStale) {
      const drawn: Draw = { of, asked: this.#draw(record) }
      drawn.asked.catch(() => {
        drawn.failedAt = clock.monotonic()
      })
      this.#drawn = drawn
    }
    return await raceSignal(this.#drawn.asked, signal)
  }

  async #draw({ epoch, draws, seed: seedHex }: Drawn): Promise<Asked> {
    const seed = Uint8Array.from(Buffer.from(seedHex, 'hex'))
    let [owed, total] = [0, 0]
    for await (const { units } of owedBlobs(this.#init, epoch, this.#signal)) {
      owed++
      total += units
    }
    const blobs = total === 0 ? [] : await this.#blobsAt(pointsOf(seed, draws, total), epoch)
    const { nShards } = this.#init
    return {
      owed,
      of({ nodeId, shards: unordered }) {
        const shards = inOrder(unordered)
        if (shards.length === 0) return []
        const once = new Map<string, AskedQuestion>()
        for (const [number, blob] of blobs.entries()) {
          const { blobId, rank } = blob
          const shapeOf = (axis: Question['axis']) => pieceShape(blob, axis)
          const question = questionOf({ seed, number, nodeId, shards, blobId, nShards, shapeOf })
          once.set(Object.values(question).join(), { ...question, leaf: leafIndex(rank, shards, question) })
        }
        return [...once.values()]
      },
    }
  }

  /** The blob of each point. */
  async #blobsAt(points: readonly number[], epoch: RoundRecord['epoch']): Promise<OwedBlob[]> {
    const waiting = [...points.keys()].sort((a, b) => points[b]! - points[a]!)
    const found: OwedBlob[] = []
    let end = 0
    for await (const blob of owedBlobs(this.#init, epoch, this.#signal)) {
      end += blob.units
      while (waiting.length > 0 && points[waiting.at(-1)!]! < end) found[waiting.pop()!] = blob
    }
    if (waiting.length > 0) throw new Error('what is owed has changed while it was looked at')
    return found
  }
}

/** A node's shards in the order in which its leaves are. */
export const inOrder = (shards: CommitteeMember['shards']): CommitteeMember['shards'] =>
  shards.toSorted((a, b) => a - b)
