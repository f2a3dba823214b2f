import { raceSignal } from 'race-signal'
import type { CommitteeMember } from '../../../chain/types/index.ts'
import { pieceShape } from '../../../codec/index.ts'
import type { RoundRecord } from '../store/round-records.ts'
import { BlobDraw, type Question, questionsOf } from './draw.ts'
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

/** Draws what is asked, once for each round: it takes a look at all that is owed. */
export class Asking {
  readonly #init: OwedInit
  readonly #signal: AbortSignal
  #drawn: { of: string; asked: Promise<Asked> } | undefined

  /** @param signal ends what is under way */
  constructor(init: OwedInit, signal: AbortSignal) {
    this.#init = init
    this.#signal = signal
  }

  /** Rejects with the signal's reason; or while the node does not know what is owed, and tries again for the next caller. */
  async of(record: RoundRecord & { seed: string }, signal: AbortSignal): Promise<Asked> {
    const of = `${record.epoch} ${record.round}`
    if (this.#drawn?.of !== of) {
      const asked = this.#draw(record)
      this.#drawn = { of, asked }
      asked.catch(() => {
        if (this.#drawn?.asked === asked) this.#drawn = undefined
      })
    }
    return await raceSignal(this.#drawn.asked, signal)
  }

  async #draw({ epoch, draws, seed: seedHex }: RoundRecord & { seed: string }): Promise<Asked> {
    const seed = Uint8Array.from(Buffer.from(seedHex, 'hex'))
    const draw = new BlobDraw<OwedBlob>(seed, draws)
    let owed = 0
    for await (const blob of owedBlobs(this.#init, epoch, this.#signal)) {
      draw.add(blob, blob.units)
      owed++
    }
    const blobs = draw.drawn()
    const byId = new Map(blobs.map(blob => [blob.blobId, blob]))
    const drawn = [...byId.keys()]
    return {
      owed,
      of(member) {
        const shards = inOrder(member.shards)
        const questions = questionsOf({ seed, nodeId: member.nodeId, drawn, shards, draws }, (blobId, axis) =>
          pieceShape(byId.get(blobId)!, axis),
        )
        const once = new Map(questions.map(question => [Object.values(question).join(), question]))
        return [...once.values()].map(question => ({
          ...question,
          leaf: leafIndex(byId.get(question.blobId)!.rank, shards, question),
        }))
      },
    }
  }
}

/** A node's shards in the order in which its leaves are. */
export const inOrder = (shards: CommitteeMember['shards']): CommitteeMember['shards'] =>
  shards.toSorted((a, b) => a - b)
