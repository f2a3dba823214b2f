/**
 * Writes the AssemblyScript of Blake2b's compression (RFC 7693), three messages at a time, all twelve rounds in a
 * straight line: no compiler unrolls this well, and words known to be zero cost nothing.
 *
 * Two messages sit in the lanes of i64x2, the third in scalar words. The two of them share no instruction: vectors keep
 * a processor's vector units busy all the time and its other integer units not at all, so that the third message is
 * there for half the price. The instructions of both are mixed evenly, since no processor looks far ahead.
 */

const SIGMA = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
  [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
  [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
  [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
  [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
]
const ROUNDS = 12

const IV = [
  0x6a09e667f3bcc908n,
  0xbb67ae8584caa73bn,
  0x3c6ef372fe94f82bn,
  0xa54ff53a5f1d36f1n,
  0x510e527fade682d1n,
  0x9b05688c2b3e6c1fn,
  0x1f83d9abfb41bd6bn,
  0x5be0cd19137e2179n,
]
/** No key, no tree, 32 bytes of digest. */
const PARAMETERS = 0x01010020n
const ALL_ONES = 0xffff_ffff_ffff_ffffn

/** How many words of a last block may differ from zero: a variant for each, which skips the others. */
export const LAST_BLOCK_WORDS = [2, 6, 10, 16]
const INNER_WORDS = 9

/** Words of the state that one G mixes: columns, then diagonals. Diagonals start at the last, which pairs up best. */
const COLUMNS = ['0 4 8 12', '1 5 9 13', '2 6 10 14', '3 7 11 15']
const DIAGONALS = ['3 4 9 14', '0 5 10 15', '1 6 11 12', '2 7 8 13']
const DIAGONAL_ORDER = [3, 0, 1, 2]

/** Where the scalar message's part begins, behind 8 or 16 pairs of words. */
const SCALAR_STATE = 8 * 16
const SCALAR_MESSAGE = 16 * 16

/** How the steps of G are written for one kind of operand. */
interface Form {
  state: string
  message: string
  add(x: string, y: string): string
  xor(x: string, y: string): string
  rotate: Record<16 | 24 | 32 | 63, (x: string) => string>
}

const PAIR: Form = {
  state: 'v',
  message: 'm',
  add: (x, y) => `i64x2.add(${x}, ${y})`,
  xor: (x, y) => `v128.xor(${x}, ${y})`,
  rotate: {
    32: x => `v128.shuffle<u8>(${x}, ${x}, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11)`,
    24: x => `lookup(${x}, by24)`,
    16: x => `lookup(${x}, by16)`,
    63: x => `v128.or(i64x2.shr_u(${x}, 63), i64x2.add(${x}, ${x}))`,
  },
}

const SINGLE: Form = {
  state: 'w',
  message: 'n',
  add: (x, y) => `${x} + ${y}`,
  xor: (x, y) => `${x} ^ ${y}`,
  rotate: {
    32: x => `rotr<u64>(${x}, 32)`,
    24: x => `rotr<u64>(${x}, 24)`,
    16: x => `rotr<u64>(${x}, 16)`,
    63: x => `rotr<u64>(${x}, 63)`,
  },
}

/** The source of the module `blake2b` that the kernel imports. */
export function blake2bSource(): string {
  return [
    "import { masks } from './config'",
    "import { lookup } from './field'",
    startState(),
    compressFull(),
    ...LAST_BLOCK_WORDS.map(compressLast),
    hashInner(),
  ].join('\n\n')
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`
}

function splat(value: bigint): string {
  return `i64x2.splat(${hex(value)})`
}

function initial(word: number): bigint {
  return word === 0 ? IV[0]! ^ PARAMETERS : IV[word]!
}

/** The state before the first block, of a pair and of a single message. */
function startState(): string {
  const stores = IV.flatMap((_, i) => [
    `  v128.store(h, ${splat(initial(i))}, ${16 * i})`,
    `  store<u64>(h, ${hex(initial(i))}, ${SCALAR_STATE + 8 * i})`,
  ])
  return `export function startState(h: usize): void {\n${stores.join('\n')}\n}`
}

/** Before the last block, read where it lies, from state to state; `mask` clears what precedes the message. */
function compressFull(): string {
  const first = [
    '  const m0 = v128.and(v128.load64_lane(b, v128.load64_zero(a), 1), i64x2.splat(mask))',
    '  const n0 = load<u64>(c) & mask',
  ]
  return fn('compressFull', 'from: usize, to: usize, a: usize, b: usize, c: usize, mask: u64, length: u64', [
    ...first,
    ...words(1, 16, i => 8 * i),
    ...stateFrom(hashedPair, hashedSingle, 'length', false),
    ...rounds(16),
    ...IV.flatMap((_, i) => [
      `  v128.store(to, v128.xor(${hashedPair(i)}, v128.xor(v${i}, v${i + 8})), ${16 * i})`,
      `  store<u64>(to, ${hashedSingle(i)} ^ w${i} ^ w${i + 8}, ${SCALAR_STATE + 8 * i})`,
    ]),
  ])
}

/** The last block, `count` words of each message prepared at m: pairs, then single ones. */
function compressLast(count: number): string {
  const lines: string[] = []
  for (let i = 0; i < count; i++) {
    lines.push(`  const m${i} = v128.load(m, ${16 * i})`)
    lines.push(`  const n${i} = load<u64>(m, ${SCALAR_MESSAGE + 8 * i})`)
  }
  return fn(`compressLast${count}`, `from: usize, m: usize, length: u64, ${OUTPUTS}`, [
    ...lines,
    ...stateFrom(hashedPair, hashedSingle, 'length', true),
    ...rounds(count),
    ...digests(hashedPair, hashedSingle),
  ])
}

/** 0x01 || 64 bytes at a, b and c: words 9 to 15 are zero. */
function hashInner(): string {
  const first = [
    '  const m0 = v128.or(i64x2.shl(v128.load64_lane(b, v128.load64_zero(a), 1), 8), i64x2.splat(1))',
    '  const n0 = (load<u64>(c) << 8) | 1',
  ]
  const last = [
    '  const m8 = i64x2.replace_lane(i64x2.splat(<i64>load<u8>(a, 63)), 1, <i64>load<u8>(b, 63))',
    '  const n8 = <u64>load<u8>(c, 63)',
  ]
  return fn('hashInner', `a: usize, b: usize, c: usize, ${OUTPUTS}`, [
    ...first,
    ...words(1, 8, i => 8 * i - 1),
    ...last,
    ...stateFrom(
      i => splat(initial(i)),
      i => hex(initial(i)),
      '65',
      true,
    ),
    ...rounds(INNER_WORDS),
    ...digests(
      i => splat(initial(i)),
      i => hex(initial(i)),
    ),
  ])
}

const OUTPUTS = 'outA: usize, outB: usize, outC: usize'

function fn(name: string, parameters: string, lines: string[]): string {
  const rotations = '  const by24 = v128.load(masks), by16 = v128.load(masks, 16)'
  return `export function ${name}(${parameters}): void {\n${[rotations, ...lines].join('\n')}\n}`
}

/** Message words [from, to) of a, b and c. */
function words(from: number, to: number, offset: (word: number) => number): string[] {
  const lines: string[] = []
  for (let i = from; i < to; i++) {
    const at = offset(i)
    lines.push(`  const m${i} = v128.load64_lane(b, v128.load64_zero(a, ${at}), 1, ${at})`)
    lines.push(`  const n${i} = load<u64>(c, ${at})`)
  }
  return lines
}

function hashedPair(word: number): string {
  return `v128.load(from, ${16 * word})`
}

function hashedSingle(word: number): string {
  return `load<u64>(from, ${SCALAR_STATE + 8 * word})`
}

type StateWord = (index: number) => string

function stateFrom(pair: StateWord, single: StateWord, length: string, last: boolean): string[] {
  const constants = IV.map(hex)
  constants[4] += ` ^ ${length}`
  if (last) constants[6] = hex(IV[6]! ^ ALL_ONES)
  return [
    ...IV.map((_, i) => `  let v${i} = ${pair(i)}, w${i}: u64 = ${single(i)}`),
    ...constants.map((value, i) => `  let v${i + 8} = i64x2.splat(${value}), w${i + 8}: u64 = ${value}`),
  ]
}

/** All rounds of the pair and of the single message, `count` words of which may differ from zero. */
function rounds(count: number): string[] {
  return blend(
    halfRounds().flatMap(half => mixAll(PAIR, half, count)),
    halfRounds().flatMap(half => mixAll(SINGLE, half, count)),
  )
}

/** One G: its words of the state, and the two words of the message. */
type Mix = [state: string, x: number, y: number]

function halfRounds(): Mix[][] {
  return Array.from({ length: 2 * ROUNDS }, (_, at) => {
    const sigma = SIGMA[(at >> 1) % 10]!
    if (at % 2 === 0) return COLUMNS.map((state, g): Mix => [state, sigma[2 * g]!, sigma[2 * g + 1]!])
    return DIAGONALS.map((state, i): Mix => {
      const g = 4 + DIAGONAL_ORDER[i]!
      return [state, sigma[2 * g]!, sigma[2 * g + 1]!]
    })
  })
}

/** Two Gs are interleaved step by step: more hides latency no better and spills registers. */
function mixAll(form: Form, half: Mix[], count: number): string[] {
  const [g0, g1, g2, g3] = half.map(one => mix(form, one, count)) as [string[], string[], string[], string[]]
  return [...blend(g0, g1), ...blend(g2, g3)]
}

/** The steps of G on four words of the state. */
function mix(form: Form, [state, x, y]: Mix, count: number): string[] {
  const [a, b, c, d] = state.split(' ').map(i => form.state + i) as [string, string, string, string]
  const add = (message: number) => [
    ...(message < count ? [`  ${a} = ${form.add(a, form.message + message)}`] : []),
    `  ${a} = ${form.add(a, b)}`,
  ]
  const turn = (by: 16 | 24 | 32 | 63, to: string, from: string) => [
    `  ${to} = ${form.xor(to, from)}`,
    `  ${to} = ${form.rotate[by](to)}`,
  ]
  return [
    ...add(x),
    ...turn(32, d, a),
    `  ${c} = ${form.add(c, d)}`,
    ...turn(24, b, c),
    ...add(y),
    ...turn(16, d, a),
    `  ${c} = ${form.add(c, d)}`,
    ...turn(63, b, c),
  ]
}

/** Both lists in one, each in its order and evenly spread. */
function blend(one: string[], other: string[]): string[] {
  const lines: string[] = []
  let taken = 0
  for (const [i, line] of one.entries()) {
    lines.push(line)
    for (; taken < other.length && taken * one.length < (i + 1) * other.length; taken++) {
      lines.push(other[taken]!)
    }
  }
  return lines
}

/** Takes the three digests of 32 bytes out. */
function digests(pair: StateWord, single: StateWord): string[] {
  return [
    ...[0, 1, 2, 3].map(i => `  const r${i} = v128.xor(${pair(i)}, v128.xor(v${i}, v${i + 8}))`),
    ...[0, 1, 2, 3].map(i => `  store<u64>(outC, ${single(i)} ^ w${i} ^ w${i + 8}, ${8 * i})`),
    '  v128.store(outA, v128.shuffle<u64>(r0, r1, 0, 2))',
    '  v128.store(outA, v128.shuffle<u64>(r2, r3, 0, 2), 16)',
    '  v128.store(outB, v128.shuffle<u64>(r0, r1, 1, 3))',
    '  v128.store(outB, v128.shuffle<u64>(r2, r3, 1, 3), 16)',
  ]
}
