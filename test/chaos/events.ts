const SHOWN = 50

/** What happened in a run, and what should not have. */
export class Events {
  readonly failures: string[] = []
  readonly counts: Record<string, number> = {}
  readonly #lines: string[] = []
  readonly #startMs = performance.now()
  readonly #say: (line: string) => void

  constructor(say: (line: string) => void) {
    this.#say = say
  }

  add(what: string): void {
    const line = `${((performance.now() - this.#startMs) / 1000).toFixed(1).padStart(7)} s  ${what}`
    this.#lines.push(line)
    if (this.#lines.length > SHOWN) this.#lines.shift()
    this.#say(line)
  }

  count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1
  }

  fail(what: string): void {
    this.failures.push(what)
    this.add(`FAILED: ${what}`)
  }

  /** The last ones. */
  last(): readonly string[] {
    return this.#lines
  }
}
