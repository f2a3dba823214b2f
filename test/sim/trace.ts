import { createHash } from 'node:crypto'

const KEPT = 50

/** Everything that happens, as a hash, and the last of it as text. */
export class Trace {
  readonly #hash = createHash('sha256')
  readonly #last: string[] = []
  readonly #now: () => number
  count = 0

  constructor(now: () => number) {
    this.#now = now
  }

  note(what: string): void {
    const line = `${Math.round(this.#now() * 1_000) / 1_000} ${what}`
    this.#hash.update(line).update('\n')
    this.#last[this.count++ % KEPT] = line
  }

  /** of what was noted so far */
  get digest(): string {
    return this.#hash.copy().digest('hex')
  }

  /** the last events, oldest first */
  get last(): string[] {
    const at = this.count % KEPT
    return this.count <= KEPT ? [...this.#last] : [...this.#last.slice(at), ...this.#last.slice(0, at)]
  }
}
