/** A Move module as written in its binary: tables that refer to each other by index. */
import type { Abilities, Address, Visibility } from '../types.ts'

/** A type in a signature. `datatype` and `parameter` hold indexes. */
export type Token =
  | { kind: 'bool' | 'u8' | 'u16' | 'u32' | 'u64' | 'u128' | 'u256' | 'address' | 'signer' }
  | { kind: 'vector'; element: Token }
  | { kind: 'reference'; mutable: boolean; target: Token }
  | { kind: 'datatype'; handle: number; typeArguments: Token[] }
  | { kind: 'parameter'; index: number }

export interface ModuleHandle {
  /** index of the address */
  addressIndex: number
  address: Address
  name: string
}
export interface DatatypeHandle {
  module: number
  name: string
  abilities: Abilities
  typeParameters: { constraints: Abilities; isPhantom: boolean }[]
}
export interface FunctionHandle {
  module: number
  name: string
  /** indexes of signatures */
  parameters: number
  returns: number
  typeParameters: Abilities[]
}
/** An index with the signature that holds its type arguments. */
export interface Instantiation {
  target: number
  signature: number
}
export interface FieldToken {
  name: string
  type: Token
}
export interface StructDefinition {
  handle: number
  /** absent: a native struct */
  fields?: FieldToken[]
}
export interface EnumDefinition {
  handle: number
  variants: { name: string; fields: FieldToken[] }[]
}
export interface VariantHandle {
  /** an enum definition, or an instantiation of one */
  target: number
  variant: number
}
export interface Instruction {
  opcode: number
  /** index, local, offset or literal; 0 when there is none */
  operand: number | bigint
  /** of VecPack and VecUnpack */
  count: number
}
export interface JumpTable {
  enumDefinition: number
  /** one code offset for each variant */
  offsets: number[]
}
export interface CodeUnit {
  /** signature with the types of the locals after the parameters */
  locals: number
  instructions: Instruction[]
  jumpTables: JumpTable[]
}
export interface FunctionDefinition {
  handle: number
  visibility: Visibility
  isEntry: boolean
  /** absent: a native function */
  code?: CodeUnit
}

export interface CompiledModule {
  version: number
  self: number
  moduleHandles: ModuleHandle[]
  datatypeHandles: DatatypeHandle[]
  functionHandles: FunctionHandle[]
  /** field `member` of struct definition `owner` */
  fieldHandles: { owner: number; member: number }[]
  friends: ModuleHandle[]
  structInstantiations: Instantiation[]
  functionInstantiations: Instantiation[]
  fieldInstantiations: Instantiation[]
  signatures: Token[][]
  constants: { type: Token; data: Uint8Array }[]
  structs: StructDefinition[]
  functions: FunctionDefinition[]
  enums: EnumDefinition[]
  enumInstantiations: Instantiation[]
  variantHandles: VariantHandle[]
  variantInstantiations: VariantHandle[]
}
