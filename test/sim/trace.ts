import { createHash } from 'node:crypto'

const KEPT = 50
/** characters */
const BUFFERED = 8_192

/** Everything that happens, as a hash, and the last of it as text. */
export class Trace {
  readonly #hash = createHash('sha256')
  /** what is not in the hash yet */
  #text = ''
  readonly #last: string[] = []
  readonly #now: () => number
  count = 0

  constructor(now: () => number) {
    this.#now = now
  }

  note(what: string): void {
    const line = `${Math.round(this.#now() * 1_000) / 1_000} ${what}`
    this.#text += `${line}\n`
    if (this.#text.length > BUFFERED) this.#flush()
    this.#last[this.count++ % KEPT] = line
  }

  /** of what was noted so far */
  get digest(): string {
    this.#flush()
    return this.#hash.copy().digest('hex')
  }

  /** the last events, oldest first */
  get last(): string[] {
    const at = this.count % KEPT
    return this.count <= KEPT ? [...this.#last] : [...this.#last.slice(at), ...this.#last.slice(0, at)]
  }

  #flush(): void {
    this.#hash.update(this.#text)
    this.#text = ''
  }
}
