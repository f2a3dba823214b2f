import { createHash } from 'node:crypto'
import { VmError } from '../errors.ts'
import type { MoveType } from '../types.ts'
import type { Value } from '../values.ts'

/** Draws bytes, always the same for one seed. */
export type RandomBytes = (size: number) => Uint8Array

export function randomOf(seed: string): RandomBytes {
  let drawn = 0
  return size => createHash('shake256', { outputLength: size }).update(`${seed} ${drawn++}`).digest()
}

const MAX_ELEMENTS = 100

const integer = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString('hex')}`)

/** One value in four is at an edge: there tests fail that hold in between. */
function randomInteger(random: RandomBytes, bits: number): bigint {
  const [choice = 0, edge = 0] = random(2)
  const all = (1n << BigInt(bits)) - 1n
  const edges = [0n, 1n, all, all - 1n, all >> 1n]
  return choice < 64 ? edges[edge % edges.length]! : integer(random(bits / 8))
}

/** A value of a type that a random test may take: primitives and vectors of them. */
export function randomValue(random: RandomBytes, type: MoveType): Value {
  switch (type.kind) {
    case 'bool':
      return random(1)[0]! % 2 === 1
    case 'u8':
    case 'u16':
    case 'u32':
      return Number(randomInteger(random, Number(type.kind.slice(1))))
    case 'u64':
    case 'u128':
    case 'u256':
      return randomInteger(random, Number(type.kind.slice(1)))
    case 'address':
      return `0x${Buffer.from(random(32)).toString('hex')}`
    case 'vector':
      return Array.from({ length: random(1)[0]! % (MAX_ELEMENTS + 1) }, () =>
        randomValue(random, type.element),
      )
    default:
      throw new VmError({ kind: 'VMInvariantViolation', reason: `a random test cannot take ${type.text}` })
  }
}

/** As one could write them in Move. */
export const printed = (values: readonly Value[]): string =>
  values
    .map(value =>
      Array.isArray(value)
        ? `vector[${printed(value)}]`
        : typeof value === 'string'
          ? `@${value}`
          : String(value),
    )
    .join(', ')
