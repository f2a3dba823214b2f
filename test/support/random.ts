/** Chance that a seed decides: the same seed draws the same numbers. */
export class Random {
  #state: [number, number, number, number]

  constructor(seed: number | string) {
    let hash = 0x811c9dc5
    for (const char of String(seed)) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193)
    this.#state = [hash, 0x9e3779b9, 0x243f6a88, 1]
    for (let i = 0; i < 16; i++) this.next()
  }

  /** 0 to 1, without 1 (sfc32). */
  readonly next = (): number => {
    const [a, b, c, d] = this.#state
    const sum = (((a + b) | 0) + d) | 0
    this.#state = [b ^ (b >>> 9), (c + (c << 3)) | 0, (((c << 21) | (c >>> 11)) + sum) | 0, (d + 1) | 0]
    return (sum >>> 0) / 2 ** 32
  }

  /** 0 to n - 1. */
  int(n: number): number {
    return Math.floor(this.next() * n)
  }

  between(low: number, high: number): number {
    return low + this.next() * (high - low)
  }

  chance(share: number): boolean {
    return this.next() < share
  }

  pick<T>(list: readonly T[]): T {
    return list[this.int(list.length)]!
  }

  shuffled<T>(list: readonly T[]): T[] {
    const all = [...list]
    for (let i = all.length - 1; i > 0; i--) {
      const j = this.int(i + 1)
      ;[all[i], all[j]] = [all[j]!, all[i]!]
    }
    return all
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.int(256))
  }

  /** Numbers of its own: what one draws changes nothing for the others. */
  fork(name: string): Random {
    return new Random(`${this.next()} ${name}`)
  }
}
