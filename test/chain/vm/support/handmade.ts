import type { CompiledModule, Instruction, Token } from '../../../../chain/localnet/vm/format/module.ts'
import { OPCODES } from '../../../../chain/localnet/vm/format/opcodes.ts'

/** Address of handmade modules. */
export const handmadeAddress = `0x${'5a'.repeat(32)}`

export const u64: Token = { kind: 'u64' }
export const bool: Token = { kind: 'bool' }

type Line = string | [name: string, operand: number | bigint, count?: number]

/** `'Pop'` or `['LdU64', 1n]`. */
export function instruction(line: Line): Instruction {
  const [name, operand = 0, count = 0] = typeof line === 'string' ? [line] : line
  const row = OPCODES.find(candidate => candidate?.name === name)
  if (!row) throw new Error(`no instruction ${name}`)
  return { opcode: row.code, operand, count }
}

export interface FunctionParts {
  parameters?: Token[]
  returns?: Token[]
  locals?: Token[]
  typeParameters?: number[]
  visibility?: 'private' | 'public' | 'friend'
  code: Line[]
}

/** An empty module `handmade`, and a way to put functions and structs into it. */
export class Handmade {
  readonly module: CompiledModule = {
    version: 6,
    self: 0,
    moduleHandles: [{ addressIndex: 0, address: handmadeAddress, name: 'handmade' }],
    datatypeHandles: [],
    functionHandles: [],
    fieldHandles: [],
    friends: [],
    structInstantiations: [],
    functionInstantiations: [],
    fieldInstantiations: [],
    signatures: [[]],
    constants: [],
    structs: [],
    functions: [],
    enums: [],
    enumInstantiations: [],
    variantHandles: [],
    variantInstantiations: [],
  }

  /** Index of the signature; none is there twice. */
  signature(types: Token[]): number {
    const text = JSON.stringify(types)
    const known = this.module.signatures.findIndex(signature => JSON.stringify(signature) === text)
    return known >= 0 ? known : this.module.signatures.push(types) - 1
  }

  /** Index of the module handle. */
  import(address: string, name: string): number {
    const known = this.module.moduleHandles.findIndex(
      handle => handle.address === address && handle.name === name,
    )
    return known >= 0 ? known : this.module.moduleHandles.push({ addressIndex: 0, address, name }) - 1
  }

  /** Index of the function handle. */
  functionHandle(module: number, name: string, parts: Omit<FunctionParts, 'code'>): number {
    return (
      this.module.functionHandles.push({
        module,
        name,
        parameters: this.signature(parts.parameters ?? []),
        returns: this.signature(parts.returns ?? []),
        typeParameters: parts.typeParameters ?? [],
      }) - 1
    )
  }

  /** Index of the function handle, which is also that of the definition when all are made here. */
  function(name: string, parts: FunctionParts): number {
    const handle = this.functionHandle(0, name, parts)
    this.module.functions.push({
      handle,
      visibility: parts.visibility ?? 'public',
      isEntry: false,
      code: {
        locals: this.signature(parts.locals ?? []),
        instructions: parts.code.map(instruction),
        jumpTables: [],
      },
    })
    return handle
  }

  /** Index of the struct, which is also that of its handle when all are made here. */
  struct(
    name: string,
    abilities: number,
    fields: { name: string; type: Token }[],
    typeParameters: number[] = [],
  ): number {
    const handle =
      this.module.datatypeHandles.push({
        module: 0,
        name,
        abilities,
        typeParameters: typeParameters.map(constraints => ({ constraints, isPhantom: false })),
      }) - 1
    this.module.structs.push({ handle, fields })
    return handle
  }
}

export const datatype = (handle: number, ...typeArguments: Token[]): Token => ({
  kind: 'datatype',
  handle,
  typeArguments,
})

export const ref = (target: Token, mutable = false): Token => ({ kind: 'reference', mutable, target })
