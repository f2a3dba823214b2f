import { randomBytes } from 'node:crypto'
import type { Clock } from '../../base/clock.ts'
import { isRunning, thisMachine } from '../../base/processes.ts'
import type { Records } from '../../base/records.ts'

/** Work that nobody else does meanwhile. Dispose of it when that is over. */
export interface Claim extends AsyncDisposable {
  /**
   * Whether it still is: a process that stood still for long may have lost it. Asked before what must not be done twice. Throws
   * node's file errors.
   */
  isHeld(): Promise<boolean>
}

export interface ClaimsInit {
  records: Records
  clock: Clock
}

/** A claim is worth nothing once its process has not touched it for so long. */
const STALE_MS = 30_000
const TOUCHES = 3

/**
 * Who works on what, among the processes that share the records: a claim of one that is gone is taken over, at once where it was
 * of this machine.
 */
export class Claims {
  readonly #init: ClaimsInit
  readonly #here = `${thisMachine()}-${process.pid}`
  readonly #owner = `${this.#here}-${randomBytes(8).toString('hex')}`
  readonly #held = new Set<string>()

  constructor(init: ClaimsInit) {
    this.#init = init
  }

  /** undefined while somebody else has it. Throws RecordsFull, and node's file errors. */
  async take(what: string): Promise<Claim | undefined> {
    const { records, clock } = this.#init
    const key = `claim ${what}`
    if (this.#held.has(key)) return undefined
    this.#held.add(key)
    try {
      if (!(await this.#add(key))) {
        this.#held.delete(key)
        return undefined
      }
    } catch (error) {
      this.#held.delete(key)
      throw error
    }
    let isLost = false
    const touch = async (): Promise<void> => {
      isLost ||= !(await this.#touch(key))
    }
    let touched: Promise<void> = Promise.resolve()
    const afterOthers = (): Promise<void> => {
      const mine = touched.then(touch)
      // the next one tries again
      touched = mine.catch(() => undefined)
      return mine
    }
    const touching = clock.every(STALE_MS / TOUCHES, () => void afterOthers().catch(() => undefined))
    return {
      isHeld: async () => {
        await afterOthers()
        return !isLost
      },
      [Symbol.asyncDispose]: async () => {
        touching.stop()
        await touched
        if ((await records.get(key)) === this.#owner) await records.delete(key)
        this.#held.delete(key)
      },
    }
  }

  /** Whether it is this one's: what has run out is had again as long as nobody else has taken it. */
  async #touch(key: string): Promise<boolean> {
    const { records, clock } = this.#init
    const owner = await records.get(key)
    if (owner === undefined) return await this.#add(key)
    if (owner !== this.#owner) return false
    await records.set(key, this.#owner, clock.now() + STALE_MS)
    return true
  }

  async #add(key: string): Promise<boolean> {
    const { records, clock } = this.#init
    const before = await records.get(key)
    const dead = before !== undefined && this.#isDead(before) ? before : undefined
    return await records.add(key, this.#owner, clock.now() + STALE_MS, dead)
  }

  /** Of this machine, and not of a process that runs; ours is of one that had this number before, in a container. */
  #isDead(owner: string): boolean {
    const [machine, pid] = owner.split('-')
    if (machine !== thisMachine()) return false
    return `${machine}-${pid}` === this.#here || !isRunning(Number(pid))
  }
}
