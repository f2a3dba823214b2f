/** GF(2^16) by logarithms, for the kernel's tables and for the records of a decode. See kernel/assembly/field.ts. */

const POLYNOMIAL = 0x1002d
const MODULUS = 65_535
/** Basis of the coordinates that Leopard-RS uses, in terms of the polynomial basis. */
const CANTOR_BASIS = [
  0x0001, 0xacca, 0x3c0e, 0x163e, 0xc582, 0xed2e, 0x914c, 0x4012, 0x6c98, 0x10d8, 0x6a72, 0xb900, 0xfdb8,
  0xfb34, 0xff38, 0x991e,
]

/** Bytes of the kernel's tables: products by nibbles, kappa, Delta, shuffle masks. */
export const KERNEL_TABLES = 8192 + 256 + 32 + 48

export interface Field {
  /** logarithm of each value in Cantor coordinates; of 0 it is 65535 */
  log: Uint16Array
  /** the inverse; position 65535 equals position 0 */
  exp: Uint16Array
  /** c0 and c1 of a value c1 * b8 + c0 */
  tower(value: number): [c0: number, c1: number]
  kernelTables: Uint8Array
}

export function createField(): Field {
  const { log, exp } = logarithms()
  const multiply = (x: number, y: number): number => {
    if (x === 0 || y === 0) return 0
    return exp[(log[x]! + log[y]!) % MODULUS]!
  }
  const kappa = multiply(256, 256) ^ 256
  // Delta(1 << i): where the product of b_i and b8 differs from b_(8+i)
  const delta = Array.from({ length: 8 }, (_, i) => multiply(1 << i, 256) ^ (1 << (8 + i)))
  const changeOfBasis = (high: number): number =>
    delta.reduce((sum, value, i) => ((high >> i) & 1 ? sum ^ value : sum), 0)
  return {
    log,
    exp,
    tower: value => [(value & 0xff) ^ changeOfBasis(value >> 8), value >> 8],
    kernelTables: kernelTables(multiply, kappa, changeOfBasis),
  }
}

function logarithms(): { log: Uint16Array; exp: Uint16Array } {
  const log = new Uint16Array(65_536)
  const exp = new Uint16Array(65_536)
  const polynomialLog = new Uint16Array(65_536)
  let element = 1
  for (let power = 0; power < MODULUS; power++) {
    polynomialLog[element] = power
    element <<= 1
    if (element > 0xffff) element ^= POLYNOMIAL
  }
  polynomialLog[0] = MODULUS
  const toPolynomial = new Uint16Array(65_536)
  CANTOR_BASIS.forEach((basis, bit) => {
    for (let i = 0; i < 1 << bit; i++) toPolynomial[i + (1 << bit)] = toPolynomial[i]! ^ basis
  })
  for (let value = 0; value < 65_536; value++) {
    log[value] = polynomialLog[toPolynomial[value]!]!
    exp[log[value]!] = value
  }
  exp[MODULUS] = exp[0]!
  return { log, exp }
}

/** The layout is the one that kernel/assembly/config.ts describes. */
function kernelTables(
  multiply: (x: number, y: number) => number,
  kappa: number,
  changeOfBasis: (high: number) => number,
): Uint8Array {
  const tables = new Uint8Array(KERNEL_TABLES)
  for (let c = 0; c < 256; c++) {
    for (let nibble = 0; nibble < 16; nibble++) {
      tables[32 * c + nibble] = multiply(c, nibble)
      tables[32 * c + 16 + nibble] = multiply(c, nibble << 4)
    }
    tables[8192 + c] = multiply(kappa, c)
  }
  for (let nibble = 0; nibble < 16; nibble++) {
    tables[8448 + nibble] = changeOfBasis(nibble)
    tables[8464 + nibble] = changeOfBasis(nibble << 4)
    const lane = nibble & 8
    tables[8480 + nibble] = lane + ((nibble + 3) & 7)
    tables[8496 + nibble] = lane + ((nibble + 2) & 7)
    tables[8512 + nibble] = 0x0f
  }
  return tables
}
