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

const none = 'none'
const index = 'index'

/** [code, name, operand, since]: Move binary format, versions 5 to 7, without global storage, which Sui forbids. */
const rows: readonly [number, string, OperandForm, number?][] = [
  [0x01, 'Pop', none],
  [0x02, 'Ret', none],
  [0x03, 'BrTrue', 'offset'],
  [0x04, 'BrFalse', 'offset'],
  [0x05, 'Branch', 'offset'],
  [0x06, 'LdU64', 'u64'],
  [0x07, 'LdConst', index],
  [0x08, 'LdTrue', none],
  [0x09, 'LdFalse', none],
  [0x0a, 'CopyLoc', 'local'],
  [0x0b, 'MoveLoc', 'local'],
  [0x0c, 'StLoc', 'local'],
  [0x0d, 'MutBorrowLoc', 'local'],
  [0x0e, 'ImmBorrowLoc', 'local'],
  [0x0f, 'MutBorrowField', index],
  [0x10, 'ImmBorrowField', index],
  [0x11, 'Call', index],
  [0x12, 'Pack', index],
  [0x13, 'Unpack', index],
  [0x14, 'ReadRef', none],
  [0x15, 'WriteRef', none],
  [0x16, 'Add', none],
  [0x17, 'Sub', none],
  [0x18, 'Mul', none],
  [0x19, 'Mod', none],
  [0x1a, 'Div', none],
  [0x1b, 'BitOr', none],
  [0x1c, 'BitAnd', none],
  [0x1d, 'Xor', none],
  [0x1e, 'Or', none],
  [0x1f, 'And', none],
  [0x20, 'Not', none],
  [0x21, 'Eq', none],
  [0x22, 'Neq', none],
  [0x23, 'Lt', none],
  [0x24, 'Gt', none],
  [0x25, 'Le', none],
  [0x26, 'Ge', none],
  [0x27, 'Abort', none],
  [0x28, 'Nop', none],
  [0x2e, 'FreezeRef', none],
  [0x2f, 'Shl', none],
  [0x30, 'Shr', none],
  [0x31, 'LdU8', 'u8'],
  [0x32, 'LdU128', 'u128'],
  [0x33, 'CastU8', none],
  [0x34, 'CastU64', none],
  [0x35, 'CastU128', none],
  [0x36, 'MutBorrowFieldGeneric', index],
  [0x37, 'ImmBorrowFieldGeneric', index],
  [0x38, 'CallGeneric', index],
  [0x39, 'PackGeneric', index],
  [0x3a, 'UnpackGeneric', index],
  [0x40, 'VecPack', 'vector'],
  [0x41, 'VecLen', index],
  [0x42, 'VecImmBorrow', index],
  [0x43, 'VecMutBorrow', index],
  [0x44, 'VecPushBack', index],
  [0x45, 'VecPopBack', index],
  [0x46, 'VecUnpack', 'vector'],
  [0x47, 'VecSwap', index],
  [0x48, 'LdU16', 'u16', 6],
  [0x49, 'LdU32', 'u32', 6],
  [0x4a, 'LdU256', 'u256', 6],
  [0x4b, 'CastU16', none, 6],
  [0x4c, 'CastU32', none, 6],
  [0x4d, 'CastU256', none, 6],
  [0x4e, 'PackVariant', index, 7],
  [0x4f, 'PackVariantGeneric', index, 7],
  [0x50, 'UnpackVariant', index, 7],
  [0x51, 'UnpackVariantImmRef', index, 7],
  [0x52, 'UnpackVariantMutRef', index, 7],
  [0x53, 'UnpackVariantGeneric', index, 7],
  [0x54, 'UnpackVariantGenericImmRef', index, 7],
  [0x55, 'UnpackVariantGenericMutRef', index, 7],
  [0x56, 'VariantSwitch', index, 7],
]

/** By opcode; holes are opcodes that do not exist. */
export const opcodes: readonly (Opcode | undefined)[] = rows.reduce<(Opcode | undefined)[]>(
  (table, [code, name, operand, since = 5]) => {
    table[code] = { code, name, operand, since }
    return table
  },
  [],
)
