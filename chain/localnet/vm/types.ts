/** What the ledger sees of the Move virtual machine. Only types: no logic. */
import type { Meter } from './meter.ts'
import type { Reference, Value } from './values.ts'

/** `0x` and 64 lowercase hex digits; addresses and object IDs alike, as Move values too. */
export type Address = string

export type IntegerKind = 'u8' | 'u16' | 'u32' | 'u64' | 'u128' | 'u256'

interface TypeBase {
  /** canonical, unique within a VM */
  readonly text: string
  /** holds type parameters */
  readonly isOpen: boolean
  /** how deep and how large the type's tree is */
  readonly depth: number
  readonly nodes: number
}
export interface PrimitiveType extends TypeBase {
  readonly kind: IntegerKind | 'bool' | 'address' | 'signer'
}
export interface VectorType extends TypeBase {
  readonly kind: 'vector'
  readonly element: MoveType
}
export interface ReferenceType extends TypeBase {
  readonly kind: 'reference'
  readonly mutable: boolean
  readonly target: MoveType
}
/** A struct or an enum, named by the package version that introduced it (its defining ID). */
export interface DatatypeType extends TypeBase {
  readonly kind: 'datatype'
  readonly address: Address
  readonly module: string
  readonly name: string
  readonly typeArguments: readonly MoveType[]
}
export interface ParameterType extends TypeBase {
  readonly kind: 'parameter'
  readonly index: number
}

/**
 * Types are interned per VM: equal types are the same object, so compare with `===`. `text` is the
 * canonical form with full addresses, `0x00…02::coin::Coin<0x00…02::sui::SUI>`.
 */
export type MoveType = PrimitiveType | VectorType | ReferenceType | DatatypeType | ParameterType

/** The object form of a type tag, as `@mysten/sui/bcs` reads and writes it. */
export type TypeTagShape =
  | { [K in PrimitiveType['kind']]?: null | true }
  | { vector: TypeTagShape }
  | { struct: { address: string; module: string; name: string; typeParams: TypeTagShape[] } }

export interface TypeTable {
  primitive(kind: PrimitiveType['kind']): PrimitiveType
  vector(element: MoveType): VectorType
  reference(target: MoveType, mutable: boolean): ReferenceType
  datatype(address: Address, module: string, name: string, typeArguments?: readonly MoveType[]): DatatypeType
  parameter(index: number): ParameterType
  /** Replaces type parameters; throws VmError `TYPE_TOO_LARGE` when the result is too deep or too large. */
  instantiate(type: MoveType, typeArguments: readonly MoveType[]): MoveType
  /** From a tag's object form or its text (`0x2::sui::SUI`). Says nothing about whether the type exists. */
  fromTag(tag: TypeTagShape | string): MoveType
  toTag(type: MoveType): TypeTagShape
}

/** Bit set: copy 1, drop 2, store 4, key 8. */
export type Abilities = number

export interface Field {
  readonly name: string
  readonly type: MoveType
}
export interface DatatypeParameter {
  readonly constraints: Abilities
  readonly isPhantom: boolean
}
/** A struct has `fields`, an enum has `variants`; field types may hold type parameters. */
export interface DatatypeDefinition {
  readonly address: Address
  readonly module: string
  readonly name: string
  readonly abilities: Abilities
  readonly typeParameters: readonly DatatypeParameter[]
  readonly fields?: readonly Field[]
  readonly variants?: readonly { readonly name: string; readonly fields: readonly Field[] }[]
}

export type Visibility = 'private' | 'public' | 'friend'

export interface LoadedFunction {
  readonly module: LoadedModule
  readonly name: string
  /** position in the module's table of function definitions */
  readonly index: number
  readonly visibility: Visibility
  readonly isEntry: boolean
  readonly isNative: boolean
  /** constraints of each type parameter */
  readonly typeParameters: readonly Abilities[]
  readonly parameters: readonly MoveType[]
  readonly returns: readonly MoveType[]
}

export interface LoadedModule {
  readonly package: LoadedPackage
  readonly name: string
  readonly bytes: Uint8Array
  readonly functions: ReadonlyMap<string, LoadedFunction>
  readonly datatypes: ReadonlyMap<string, DatatypeDefinition>
  /** runtime IDs (first versions) of the other packages that the module names */
  readonly dependencies: readonly Address[]
}

export interface LoadedPackage {
  /** storage ID: this version's object ID */
  readonly id: Address
  /** runtime ID: the first version's object ID, which is what bytecode names */
  readonly originalId: Address
  /** runtime ID -> storage ID of every transitive dependency */
  readonly linkage: ReadonlyMap<Address, Address>
  readonly modules: ReadonlyMap<string, LoadedModule>
  /** `module::Name` -> storage ID of the version that introduced the type */
  readonly typeOrigins: ReadonlyMap<string, Address>
}

export interface PackageInput {
  id: Address
  /** the first version's ID; `id` when absent. A module's self address must be this one */
  originalId?: Address
  /** bytecode of every module, in any order */
  modules: readonly Uint8Array[]
  linkage?: ReadonlyMap<Address, Address>
  /** types introduced by earlier versions; all others are introduced by this one */
  typeOrigins?: ReadonlyMap<string, Address>
  /** skip eager verification (each function is still verified when it is first called); for what this ledger stored itself */
  trusted?: boolean
  /** bounds the verification; throws VmError `SuiMoveVerificationTimedout` when it is used up */
  meter?: Meter
}

export interface PartyPermissions {
  defaultPermissions: bigint
  members: readonly { address: Address; permissions: bigint }[]
}

/**
 * What natives need of one transaction; the ledger implements it. To abort as the native does on
 * Sui, throw `new NativeAbort(code)`: the VM adds the location. Object values are struct arrays:
 * an object's ID is `value[0][0][0]`.
 */
export interface NativeContext {
  /** bounds the transaction's work */
  readonly meter: Meter
  readonly sender: Address
  readonly sponsor: Address | undefined
  readonly epoch: bigint
  readonly epochTimestampMs: bigint
  readonly gasPrice: bigint
  readonly referenceGasPrice: bigint
  readonly gasBudget: bigint
  /** 32 bytes */
  readonly digest: Uint8Array
  readonly idsCreated: bigint
  /** Derives the next ID from the digest and the counter, and records it as created. */
  freshId(): Address
  /** A UID made for a derived address (dynamic fields). */
  recordNewUid(id: Address): void
  deleteUid(id: Address): void
  transfer(type: MoveType, value: Value, recipient: Address): void
  share(type: MoveType, value: Value): void
  freeze(type: MoveType, value: Value): void
  partyTransfer(type: MoveType, value: Value, party: PartyPermissions): void
  /** Takes the object that was sent to `parent`; aborts as `sui::transfer` documents. */
  receive(type: MoveType, parent: Address, id: Address, version: bigint): Value
  addChild(parent: Address, type: MoveType, value: Value): void
  /** A reference to the child's value; aborts 1 when absent, 2 when of another type. */
  borrowChild(parent: Address, type: MoveType, id: Address, mutable: boolean): Reference
  removeChild(parent: Address, type: MoveType, id: Address): Value
  hasChild(parent: Address, id: Address): boolean
  hasChildWithType(parent: Address, id: Address, type: MoveType): boolean
  emit(type: MoveType, value: Value): void
  /** Adds to the funds of `owner`, which are the field `accumulator` of the root; `type` is what they are, a Balance. */
  depositFunds(type: MoveType, accumulator: Address, owner: Address, amount: bigint): void
  /** Takes from the funds; whether there are enough is known at the end of the transaction. */
  withdrawFunds(type: MoveType, accumulator: Address, owner: Address, amount: bigint): void
}

export interface NativeCall {
  readonly vm: Vm
  readonly context: NativeContext
  readonly function: LoadedFunction
}

/** Results in order; references among the arguments are `Reference` cells. */
export type NativeFunction = (
  call: NativeCall,
  typeArguments: readonly MoveType[],
  args: readonly Value[],
) => Value[]

/** Natives by `0x…::module::function`, with the address written out or short. */
export type NativeTable = Readonly<Record<string, NativeFunction>>

export interface DeserializeOptions {
  /** as a transaction's pure argument: only types that allow it, strings checked, Option at most one element */
  pure?: boolean
  /** takes time and memory from it */
  meter?: Meter
}

/** What an abort code that the compiler made says about itself. */
export interface CleverError {
  line: number
  /** of `#[error(code = N)]` */
  errorCode?: number
  /** of `#[error] const NAME` */
  constantName?: string
  constantType?: string
  /** BCS of the constant's value */
  raw?: Uint8Array
  /** the value as text: of bytes that are UTF-8, numbers, bool, address */
  rendered?: string
}

export interface Vm {
  readonly types: TypeTable
  /**
   * Parses, links and verifies all modules of one package; all or nothing. Dependencies must be
   * loaded. Throws VmError `VMVerificationOrDeserializationError`.
   */
  loadPackage(input: PackageInput): LoadedPackage
  /** Forgets a package (a simulation, a failed publish); packages that depend on it must go first. */
  unloadPackage(id: Address): void
  /** By storage ID. */
  package(id: Address): LoadedPackage | undefined
  /** Throws VmError `FunctionNotFound`. */
  function(packageId: Address, module: string, name: string): LoadedFunction
  /**
   * Runs a function to its end; checks the number of type arguments and their abilities, not the
   * argument values. By-reference arguments are `new Reference([value], 0)`; read the cell
   * afterwards. Throws VmError.
   */
  call(fn: LoadedFunction, typeArguments: readonly MoveType[], args: Value[], context: NativeContext): Value[]
  /** Throws VmError when a datatype is not loaded or has the wrong number of type arguments. */
  abilities(type: MoveType): Abilities
  /** The definition behind a datatype; undefined when no loaded package introduced it. */
  definition(type: DatatypeType): DatatypeDefinition | undefined
  /** Field types of a struct with the type arguments filled in, in order. */
  fieldTypes(type: DatatypeType): readonly MoveType[]
  /** Takes an abort code apart; undefined when it is an ordinary number or the module is not loaded. */
  cleverError(packageId: Address, module: string, code: bigint): CleverError | undefined
  serialize(type: MoveType, value: Value, meter?: Meter): Uint8Array
  /** Exact and canonical: throws VmError `DeserializationError` on anything else. */
  deserialize(type: MoveType, bytes: Uint8Array, options?: DeserializeOptions): Value
}

/** Checks BLS12-381 signatures with keys in G1 (48 bytes) and signatures in G2 (96 bytes); may throw on malformed ones. */
export interface BlsVerifier {
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
}

export interface VmOptions {
  /** a faster verifier than the built-in one, e.g. what codec's `loadBls` gives */
  bls?: BlsVerifier
  /** added to (or in place of) the built-in natives */
  natives?: NativeTable
}
