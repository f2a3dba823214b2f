/** Random integer expressions in Move, for comparing two VMs. */
export const integerTypes = ['u8', 'u16', 'u32', 'u64', 'u128', 'u256'] as const
export type IntegerType = (typeof integerTypes)[number]

export type Random = (below: number) => number

/** A small generator (mulberry32), so that a seed names a run. */
export function random(seed: number): Random {
  let state = seed
  return below => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % below
  }
}

const bits = (type: IntegerType): number => Number(type.slice(1))
const pick = <T>(random: Random, items: readonly T[]): T => items[random(items.length)]!

/** A value that likes the edges of its type. */
export function operand(random: Random, type: IntegerType): bigint {
  const max = (1n << BigInt(bits(type))) - 1n
  switch (random(6)) {
    case 0:
      return max - BigInt(random(3))
    case 1:
      return BigInt(random(4))
    case 2:
      return (1n << BigInt(random(bits(type)))) & max
    default: {
      let value = 0n
      for (let i = 0; i < bits(type); i += 16) value = (value << 16n) | BigInt(random(65536))
      // small values, too, so that not everything overflows
      return (value & max) >> BigInt(random(bits(type)))
    }
  }
}

/** Over one parameter of each type: `a_u8` to `a_u256`, and `b_u8` to `b_u256`. */
export function expression(random: Random, type: IntegerType, depth: number): string {
  if (depth === 0 || random(8) === 0) return `${pick(random, ['a', 'b'])}_${type}`
  const inner = (of: IntegerType = type): string => expression(random, of, depth - 1)
  switch (random(7)) {
    case 0:
      return `((${inner(pick(random, integerTypes))}) as ${type})`
    case 1:
      return `((${inner()}) ${pick(random, ['<<', '>>'])} (${inner('u8')} % ${Math.min(255, bits(type) - 1 + random(3))}))`
    case 2: {
      const other = pick(random, integerTypes)
      return `(if ((${inner(other)}) ${pick(random, ['<', '>', '<=', '>=', '==', '!='])} (${inner(other)})) (${inner()}) else (${inner()}))`
    }
    default:
      return `((${inner()}) ${pick(random, ['+', '-', '*', '/', '%', '&', '|', '^'])} (${inner()}))`
  }
}
