/**
 * How the operands of an instruction are written: `none`; `index`, a ULEB128 into a table; `local`, a
 * ULEB128 up to 255; `offset`, a ULEB128 of a code offset; `u8` to `u256`, a literal; `vector`, an
 * index and a u64 count.
 */
export type OperandForm =
  | 'none'
  | 'index'
  | 'local'
  | 'offset'
  | 'u8'
  | 'u16'
  | 'u32'
  | 'u64'
  | 'u128'
  | 'u256'
  | 'vector'

export interface Opcode {
  code: number
  name: string
  operand: OperandForm
  /** first version of the format that has it */
  since: number
}

const NONE = 'none'
const INDEX = 'index'

/** [code, name, operand, since]: Move binary format, versions 5 to 7, without global storage, which Sui forbids. */
const ROWS: readonly [number, string, OperandForm, number?][] = [
  [0x01, 'Pop', NONE],
  [0x02, 'Ret', NONE],
  [0x03, 'BrTrue', 'offset'],
  [0x04, 'BrFalse', 'offset'],
  [0x05, 'Branch', 'offset'],
  [0x06, 'LdU64', 'u64'],
  [0x07, 'LdConst', INDEX],
  [0x08, 'LdTrue', NONE],
  [0x09, 'LdFalse', NONE],
  [0x0a, 'CopyLoc', 'local'],
  [0x0b, 'MoveLoc', 'local'],
  [0x0c, 'StLoc', 'local'],
  [0x0d, 'MutBorrowLoc', 'local'],
  [0x0e, 'ImmBorrowLoc', 'local'],
  [0x0f, 'MutBorrowField', INDEX],
  [0x10, 'ImmBorrowField', INDEX],
  [0x11, 'Call', INDEX],
  [0x12, 'Pack', INDEX],
  [0x13, 'Unpack', INDEX],
  [0x14, 'ReadRef', NONE],
  [0x15, 'WriteRef', NONE],
  [0x16, 'Add', NONE],
  [0x17, 'Sub', NONE],
  [0x18, 'Mul', NONE],
  [0x19, 'Mod', NONE],
  [0x1a, 'Div', NONE],
  [0x1b, 'BitOr', NONE],
  [0x1c, 'BitAnd', NONE],
  [0x1d, 'Xor', NONE],
  [0x1e, 'Or', NONE],
  [0x1f, 'And', NONE],
  [0x20, 'Not', NONE],
  [0x21, 'Eq', NONE],
  [0x22, 'Neq', NONE],
  [0x23, 'Lt', NONE],
  [0x24, 'Gt', NONE],
  [0x25, 'Le', NONE],
  [0x26, 'Ge', NONE],
  [0x27, 'Abort', NONE],
  [0x28, 'Nop', NONE],
  [0x2e, 'FreezeRef', NONE],
  [0x2f, 'Shl', NONE],
  [0x30, 'Shr', NONE],
  [0x31, 'LdU8', 'u8'],
  [0x32, 'LdU128', 'u128'],
  [0x33, 'CastU8', NONE],
  [0x34, 'CastU64', NONE],
  [0x35, 'CastU128', NONE],
  [0x36, 'MutBorrowFieldGeneric', INDEX],
  [0x37, 'ImmBorrowFieldGeneric', INDEX],
  [0x38, 'CallGeneric', INDEX],
  [0x39, 'PackGeneric', INDEX],
  [0x3a, 'UnpackGeneric', INDEX],
  [0x40, 'VecPack', 'vector'],
  [0x41, 'VecLen', INDEX],
  [0x42, 'VecImmBorrow', INDEX],
  [0x43, 'VecMutBorrow', INDEX],
  [0x44, 'VecPushBack', INDEX],
  [0x45, 'VecPopBack', INDEX],
  [0x46, 'VecUnpack', 'vector'],
  [0x47, 'VecSwap', INDEX],
  [0x48, 'LdU16', 'u16', 6],
  [0x49, 'LdU32', 'u32', 6],
  [0x4a, 'LdU256', 'u256', 6],
  [0x4b, 'CastU16', NONE, 6],
  [0x4c, 'CastU32', NONE, 6],
  [0x4d, 'CastU256', NONE, 6],
  [0x4e, 'PackVariant', INDEX, 7],
  [0x4f, 'PackVariantGeneric', INDEX, 7],
  [0x50, 'UnpackVariant', INDEX, 7],
  [0x51, 'UnpackVariantImmRef', INDEX, 7],
  [0x52, 'UnpackVariantMutRef', INDEX, 7],
  [0x53, 'UnpackVariantGeneric', INDEX, 7],
  [0x54, 'UnpackVariantGenericImmRef', INDEX, 7],
  [0x55, 'UnpackVariantGenericMutRef', INDEX, 7],
  [0x56, 'VariantSwitch', INDEX, 7],
]

/** By opcode; holes are opcodes that do not exist. */
export const OPCODES: readonly (Opcode | undefined)[] = ROWS.reduce<(Opcode | undefined)[]>(
  (table, [code, name, operand, since = 5]) => {
    table[code] = { code, name, operand, since }
    return table
  },
  [],
)
