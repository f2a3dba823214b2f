import { createHash } from 'node:crypto'
import type { BlobState } from '../../node/storage/store/blob-state.ts'
import { decodeJson } from '../../node/storage/store/records.ts'

/** What one record adds to a table, until when: sums of 48 bits, two of them. */
type Part = readonly [until: number, a: number, b: number]

const MODULUS = 2 ** 48

/** Parts of records by their bytes: most nodes keep the same ones in the same memory. */
export class Parts {
  readonly #known = new WeakMap<Uint8Array, readonly Part[]>()

  /** Of a blob's record: what a table as of an epoch tells of it, whatever else it says. */
  of(blob: string, bytes: Uint8Array): readonly Part[] {
    const before = this.#known.get(bytes)
    if (before !== undefined) return before
    const parts = partsOf(blob, (decodeJson(bytes) ?? undefined) as BlobState | undefined)
    this.#known.set(bytes, parts)
    return parts
  }
}

/**
 * A sum over what a node knows of blobs, kept with each change of it: two nodes whose tables as of an epoch are the same have the
 * same one for that epoch, and two whose tables differ have others, but by chance once in 2^96.
 */
export class Contents {
  readonly #sums: Map<number, { a: number; b: number }>

  constructor(from?: Contents) {
    this.#sums = new Map()
    if (from !== undefined) for (const [until, sum] of from.#sums) this.#sums.set(until, { ...sum })
  }

  add(parts: readonly Part[]): void {
    for (const [until, a, b] of parts) this.#count(until, a, b)
  }

  remove(parts: readonly Part[]): void {
    for (const [until, a, b] of parts) this.#count(until, MODULUS - a, MODULUS - b)
  }

  /** Of what still holds in an epoch. */
  at(epoch: number): string {
    let a = 0
    let b = 0
    for (const [until, sum] of this.#sums) {
      if (until <= epoch) continue
      a = (a + sum.a) % MODULUS
      b = (b + sum.b) % MODULUS
    }
    return `${a.toString(16)}-${b.toString(16)}`
  }

  #count(until: number, a: number, b: number): void {
    const sum = this.#sums.get(until)
    if (sum === undefined) this.#sums.set(until, { a: a % MODULUS, b: b % MODULUS })
    else {
      sum.a = (sum.a + a) % MODULUS
      sum.b = (sum.b + b) % MODULUS
    }
  }
}

function partsOf(blob: string, state: BlobState | undefined): Part[] {
  if (state === undefined) return []
  const { registrations, initialCertifiedEpoch, invalid, invalidEvent } = state
  const parts = registrations.map(one => part(one.endEpoch, blob, JSON.stringify(Object.entries(one).sort())))
  const certifiedUntil = Math.max(0, ...registrations.flatMap(one => (one.certified ? one.endEpoch : [])))
  if (initialCertifiedEpoch !== undefined && certifiedUntil > 0)
    parts.push(part(certifiedUntil, blob, `certified ${initialCertifiedEpoch}`))
  if (invalid)
    parts.push(part(Number.POSITIVE_INFINITY, blob, `invalid ${JSON.stringify(invalidEvent ?? null)}`))
  return parts
}

function part(until: number, ...texts: string[]): Part {
  const hash = createHash('sha256').update(texts.join(' ')).digest()
  return [until, hash.readUIntBE(0, 6), hash.readUIntBE(6, 6)]
}
