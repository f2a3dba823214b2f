import type { Allotment, Arena } from '../host/arena.ts'
import type { Field } from '../host/field.ts'
import { type Phase, PhaseBuilder } from '../host/phase.ts'
import { powerOfTwo } from '../host/scratch.ts'

/**
 * How the code places originals and repairs in a transform (see kernel/assembly/transform.ts), and what a decode has
 * to look at.
 */
export interface CodeGeometry {
  /** size of the transform */
  size: number
  /** position of symbol i, original or repair */
  position(index: number): number
  /** positions that hold known zeros */
  isPadding(position: number): boolean
  /** output positions [from, to) are those of the originals; the first `needed` coefficients give them */
  needed: number
  from: number
  to: number
}

export function codeGeometry(originals: number, n: number): CodeGeometry {
  const repairs = n - originals
  const whole = powerOfTwo(originals)
  const chunk = powerOfTwo(repairs)
  const highRate = whole === chunk ? originals <= repairs : whole > chunk
  if (highRate) {
    const size = powerOfTwo(chunk + originals)
    return {
      size,
      position: index => (index < originals ? chunk + index : index - originals),
      isPadding: position => position >= chunk + originals,
      needed: size,
      from: chunk,
      to: chunk + originals,
    }
  }
  return {
    size: powerOfTwo(whole + repairs),
    position: index => (index < originals ? index : whole + index - originals),
    isPadding: position => position >= originals && position < whole,
    needed: whole,
    from: 0,
    to: originals,
  }
}

/** A plan of the kernel's `decodeWords` for one pattern of erasures. */
export class ErasurePlan {
  readonly address: number
  readonly missing: readonly number[]
  readonly geometry: CodeGeometry
  readonly #received: readonly number[]
  readonly #erased: number
  readonly #logs: number
  readonly #records: number
  readonly #addresses: number
  readonly #counts: number
  readonly #outputs: number

  /** `received`: indices of exactly `originals` distinct symbols out of n. */
  constructor(allotment: Allotment, originals: number, n: number, received: readonly number[]) {
    const have = new Set(received)
    this.geometry = codeGeometry(originals, n)
    this.#received = received
    this.missing = Array.from({ length: originals }, (_, i) => i).filter(i => !have.has(i))
    const { size } = this.geometry
    this.address = allotment.take(64)
    this.#erased = allotment.take(2 * size)
    this.#logs = allotment.take(2 * size)
    this.#records = allotment.take(4 * received.length)
    this.#addresses = allotment.take(4 * received.length)
    this.#counts = allotment.take(2 * (size + 1))
    this.#outputs = allotment.take(8 * this.missing.length)
  }

  /** The phase that computes the locator; afterwards `write` completes the plan. */
  locate(arena: Arena, field: Field): Phase {
    const { size, isPadding, position } = this.geometry
    const erased = arena.u16(this.#erased, size)
    for (let at = 0; at < size; at++) erased[at] = isPadding(at) ? 0 : 1
    for (const index of this.#received) erased[position(index)] = 0
    const logs = arena.u16(this.#logs, size)
    logs.set(field.log.subarray(0, size))
    logs[0] = 0
    return new PhaseBuilder().unit().call('locate', this.#erased, this.#logs, size).build()
  }

  /** `addresses[i]`: where the first codeword's received symbol i lies. */
  write(arena: Arena, field: Field, addresses: readonly number[]): void {
    const { size, position, needed, from, to } = this.geometry
    const locator = arena.u16(this.#erased, size)
    const record = (index: number, invert: boolean): number => {
      const at = position(index)
      const log = locator[at]!
      const [c0, c1] = field.tower(field.exp[invert ? 65_535 - log : log]!)
      return (at | (c0 << 16) | (c1 << 24)) >>> 0
    }
    const count = this.#received.length
    arena.u32(this.#records, count).set(this.#received.map(index => record(index, false)))
    arena.u32(this.#addresses, count).set(addresses)
    const outputs = arena.u32(this.#outputs, 2 * this.missing.length)
    for (const [i, index] of this.missing.entries()) {
      outputs[2 * i] = record(index, true)
      outputs[2 * i + 1] = index
    }
    this.#writeCounts(arena, size, position)
    arena
      .u32(this.address, 10)
      .set([
        size,
        needed,
        from,
        to,
        count,
        this.#records,
        this.#addresses,
        this.#counts,
        this.missing.length,
        this.#outputs,
      ])
  }

  #writeCounts(arena: Arena, size: number, position: (index: number) => number): void {
    const filled = new Uint8Array(size)
    for (const index of this.#received) filled[position(index)] = 1
    const counts = arena.u16(this.#counts, size + 1)
    let sum = 0
    for (let at = 0; at < size; at++) {
      counts[at] = sum
      sum += filled[at]!
    }
    counts[size] = sum
  }
}
