/**
 * Writes the AssemblyScript of Blake2b's compression (RFC 7693), two messages at a time in the lanes of i64x2, all
 * twelve rounds in a straight line: no compiler unrolls this well, and words known to be zero cost nothing.
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

/** Words of the state that one G mixes: columns, then diagonals. Diagonals start at the last, which pairs up best. */
const COLUMNS = ['0 4 8 12', '1 5 9 13', '2 6 10 14', '3 7 11 15']
const DIAGONALS = ['3 4 9 14', '0 5 10 15', '1 6 11 12', '2 7 8 13']
const DIAGONAL_ORDER = [3, 0, 1, 2]

/** The expression of message word i, or undefined where it is known to be zero. */
type MessageWord = (index: number) => string | undefined

/** The source of the module `blake2b` that the kernel imports. */
export function blake2bSource(): string {
  return [
    "import { masks } from './config'",
    "import { lookup } from './field'",
    startState(),
    hashBlock(),
    compressFull(),
    compressLast(),
    hashInner(),
  ].join('\n\n')
}

function splat(value: bigint): string {
  return `i64x2.splat(0x${value.toString(16)})`
}

function initial(word: number): string {
  return splat(word === 0 ? IV[0]! ^ PARAMETERS : IV[word]!)
}

function startState(): string {
  const stores = IV.map((_, i) => `  v128.store(h, ${initial(i)}, ${16 * i})`)
  return `export function startState(h: usize): void {\n${stores.join('\n')}\n}`
}

/** One block that is the whole message, its 16 pairs of words at m. */
function hashBlock(): string {
  return fn('hashBlock', 'm: usize, length: u64, outA: usize, outB: usize', [
    ...loadMessage(),
    ...stateFrom(initial, 'length', true),
    ...rounds(i => `m${i}`),
    ...digests(initial),
  ])
}

/** One block in the middle of a message, read where it lies; \`mask\` clears what precedes the message. */
function compressFull(): string {
  const words = SIGMA[0]!.map(i => {
    const pair = `v128.load64_lane(b, v128.load64_zero(a, ${8 * i}), 1, ${8 * i})`
    return `  const m${i} = ${i === 0 ? `v128.and(${pair}, i64x2.splat(mask))` : pair}`
  })
  return fn('compressFull', 'h: usize, a: usize, b: usize, mask: i64, length: u64', [
    ...words,
    ...stateFrom(hashed, 'length', false),
    ...rounds(i => `m${i}`),
    ...IV.map((_, i) => `  v128.store(h, v128.xor(${hashed(i)}, v128.xor(v${i}, v${i + 8})), ${16 * i})`),
  ])
}

/** The last block of a longer message, its pairs of words at m. */
function compressLast(): string {
  return fn('compressLast', 'h: usize, m: usize, length: u64, outA: usize, outB: usize', [
    ...loadMessage(),
    ...stateFrom(hashed, 'length', true),
    ...rounds(i => `m${i}`),
    ...digests(hashed),
  ])
}

/** 0x01 || 64 bytes at a, and at b: words 9 to 15 are zero. */
function hashInner(): string {
  const first =
    '  const m0 = v128.or(i64x2.shl(v128.load64_lane(b, v128.load64_zero(a), 1), 8), i64x2.splat(1))'
  const words = [1, 2, 3, 4, 5, 6, 7].map(
    i => `  const m${i} = v128.load64_lane(b, v128.load64_zero(a, ${8 * i - 1}), 1, ${8 * i - 1})`,
  )
  const last = '  const m8 = i64x2.replace_lane(i64x2.splat(<i64>load<u8>(a, 63)), 1, <i64>load<u8>(b, 63))'
  return fn('hashInner', 'a: usize, b: usize, outA: usize, outB: usize', [
    first,
    ...words,
    last,
    ...stateFrom(initial, '65', true),
    ...rounds(i => (i < 9 ? `m${i}` : undefined)),
    ...digests(initial),
  ])
}

function fn(name: string, parameters: string, lines: string[]): string {
  const rotations = '  const by24 = v128.load(masks), by16 = v128.load(masks, 16)'
  return `export function ${name}(${parameters}): void {\n${[rotations, ...lines].join('\n')}\n}`
}

function loadMessage(): string[] {
  return SIGMA[0]!.map(i => `  const m${i} = v128.load(m, ${16 * i})`)
}

function hashed(word: number): string {
  return `v128.load(h, ${16 * word})`
}

function stateFrom(word: (index: number) => string, length: string, last: boolean): string[] {
  const lines = IV.map((_, i) => `  let v${i} = ${word(i)}`)
  for (let i = 8; i < 16; i++) lines.push(`  let v${i} = ${splat(IV[i - 8]!)}`)
  lines[12] = `  let v12 = i64x2.splat(0x${IV[4]!.toString(16)} ^ ${length})`
  if (last) lines[14] = `  let v14 = ${splat(IV[6]! ^ ALL_ONES)}`
  return lines
}

/** Two Gs are interleaved step by step: more hides latency no better and spills registers. */
function rounds(word: MessageWord): string[] {
  const lines: string[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const sigma = SIGMA[round % 10]!
    const columns = COLUMNS.map((words, g) => mix(words, word(sigma[2 * g]!), word(sigma[2 * g + 1]!)))
    const diagonals = DIAGONALS.map((words, at) => {
      const g = 4 + DIAGONAL_ORDER[at]!
      return mix(words, word(sigma[2 * g]!), word(sigma[2 * g + 1]!))
    })
    for (const half of [columns, diagonals]) {
      for (const [left, right] of [half.slice(0, 2), half.slice(2)] as [string[], string[]][]) {
        for (const [i, line] of left.entries()) lines.push(line, right[i]!)
      }
    }
  }
  return lines.filter(line => line !== '')
}

/** The steps of G on four words of the state; an empty line where a message word is zero. */
function mix(words: string, x: string | undefined, y: string | undefined): string[] {
  const [a, b, c, d] = words.split(' ').map(i => `v${i}`) as [string, string, string, string]
  const add = (message: string | undefined) => [
    message === undefined ? '' : `  ${a} = i64x2.add(${a}, ${message})`,
    `  ${a} = i64x2.add(${a}, ${b})`,
  ]
  return [
    ...add(x),
    `  ${d} = v128.xor(${d}, ${a})`,
    `  ${d} = v128.shuffle<u8>(${d}, ${d}, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11)`,
    `  ${c} = i64x2.add(${c}, ${d})`,
    `  ${b} = v128.xor(${b}, ${c})`,
    `  ${b} = lookup(${b}, by24)`,
    ...add(y),
    `  ${d} = v128.xor(${d}, ${a})`,
    `  ${d} = lookup(${d}, by16)`,
    `  ${c} = i64x2.add(${c}, ${d})`,
    `  ${b} = v128.xor(${b}, ${c})`,
    `  ${b} = v128.or(i64x2.shr_u(${b}, 63), i64x2.add(${b}, ${b}))`,
  ]
}

/** Takes the two digests of 32 bytes out of the lanes. */
function digests(word: (index: number) => string): string[] {
  const lines = [0, 1, 2, 3].map(i => `  const r${i} = v128.xor(${word(i)}, v128.xor(v${i}, v${i + 8}))`)
  return [
    ...lines,
    '  v128.store(outA, v128.shuffle<u64>(r0, r1, 0, 2))',
    '  v128.store(outA, v128.shuffle<u64>(r2, r3, 0, 2), 16)',
    '  v128.store(outB, v128.shuffle<u64>(r0, r1, 1, 3))',
    '  v128.store(outB, v128.shuffle<u64>(r2, r3, 1, 3), 16)',
  ]
}
