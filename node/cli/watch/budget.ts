import type { Clock } from '../../../base/clock.ts'
import type { Records } from '../../../base/records.ts'
import { parseObjectId } from '../../../codec/index.ts'
import type { Epoch, ObjectId } from '../../../codec/types.ts'

/** A payment that may have been made: it counts until it is known that it was not. */
export interface Reserved {
  objectId: ObjectId
  /** the blob's before it */
  endEpoch: Epoch
  frost: bigint
}

export interface BudgetInit {
  records: Records
  /** whose spending it is: of which wallet, on which network */
  key: string
  limitFrost: bigint
  clock: Pick<Clock, 'now'>
}

/** Records have an end; this is later than any watch. */
const KEEP_MS = 100 * 365 * 86_400_000

/**
 * What may be spent in all, over several runs. A payment is reserved on disk before it is made, so that one whose outcome a crash hides is
 * counted.
 */
export class Budget {
  readonly #init: BudgetInit
  #spentFrost = 0n
  #reserved: Reserved | undefined

  private constructor(init: BudgetInit) {
    this.#init = init
  }

  /** As it was left. Throws node's file errors. */
  static async open(init: BudgetInit): Promise<Budget> {
    const budget = new Budget(init)
    await budget.reread()
    return budget
  }

  /** Another process may have spent since, while this one stood still. Throws node's file errors. */
  async reread(): Promise<void> {
    const { records, key } = this.#init
    const text = await records.get(key)
    if (text === undefined) return
    const { spentFrost, reserved } = JSON.parse(text) as Kept
    this.#spentFrost = BigInt(spentFrost)
    this.#reserved = reserved && {
      objectId: parseObjectId(reserved.objectId),
      endEpoch: reserved.endEpoch as Epoch,
      frost: BigInt(reserved.frost),
    }
  }

  get limitFrost(): bigint {
    return this.#init.limitFrost
  }

  /** with what may have been */
  get spentFrost(): bigint {
    return this.#spentFrost + (this.#reserved?.frost ?? 0n)
  }

  get leftFrost(): bigint {
    const left = this.limitFrost - this.spentFrost
    return left > 0n ? left : 0n
  }

  get reserved(): Reserved | undefined {
    return this.#reserved
  }

  /** Before a payment, one at a time. Throws node's file errors, and then nothing may be paid. */
  async reserve(reserved: Reserved): Promise<void> {
    await this.reread()
    if (this.#reserved !== undefined || reserved.frost > this.leftFrost)
      throw new Error('more than the budget would be reserved')
    await this.#keep(this.#spentFrost, reserved)
    this.#reserved = reserved
  }

  /** What became of what was reserved: so much was paid, or nothing. */
  async settle(paidFrost: bigint): Promise<void> {
    await this.reread()
    // another process has found out
    if (this.#reserved === undefined) return
    const spentFrost = this.#spentFrost + paidFrost
    await this.#keep(spentFrost, undefined)
    this.#spentFrost = spentFrost
    this.#reserved = undefined
  }

  async #keep(spentFrost: bigint, reserved: Reserved | undefined): Promise<void> {
    const { records, key, clock } = this.#init
    // JSON leaves out what is undefined
    const kept: Kept = {
      spentFrost: `${spentFrost}`,
      reserved: reserved && { ...reserved, frost: `${reserved.frost}` },
    }
    await records.set(key, JSON.stringify(kept), clock.now() + KEEP_MS)
  }
}

interface Kept {
  spentFrost: string
  reserved?: { objectId: string; endEpoch: number; frost: string }
}
