import { createHash } from 'node:crypto'
import type { CompiledModule, FunctionDefinition, Instruction, Token } from '../../vm/format/module.ts'
import { OPCODES } from '../../vm/format/opcodes.ts'
import { parseModule } from '../../vm/format/parse.ts'

/** A module's declarations by name, in a text that does not depend on the order of its tables. */
export interface ModuleContents {
  name: string
  datatypes: Map<string, string>
  functions: Map<string, FunctionContents>
  friends: Set<string>
}

export interface FunctionContents {
  isPublic: boolean
  isEntry: boolean
  /** types of parameters and results */
  signature: string
  /** constraints of each type parameter */
  typeParameters: number[]
  visibility: string
  /** instructions with what they refer to written out */
  code: string
}

export function moduleContents(bytes: Uint8Array): ModuleContents {
  const module = parseModule(bytes)
  const describe = describer(module)
  const datatypes = new Map<string, string>()
  for (const definition of [...module.structs, ...module.enums]) {
    const handle = module.datatypeHandles[definition.handle]!
    const fields = (list: readonly { name: string; type: Token }[]) =>
      list.map(({ name, type }) => `${name}: ${describe.token(type)}`)
    const content =
      'variants' in definition
        ? definition.variants.map(variant => ({ [variant.name]: fields(variant.fields) }))
        : fields(definition.fields ?? [])
    datatypes.set(handle.name, JSON.stringify([handle.abilities, handle.typeParameters, content]))
  }
  const functions = new Map<string, FunctionContents>()
  for (const fn of module.functions) {
    const handle = module.functionHandles[fn.handle]!
    functions.set(handle.name, {
      isPublic: fn.visibility === 'public',
      isEntry: fn.isEntry,
      visibility: fn.visibility,
      signature: `${describe.signature(handle.parameters)} -> ${describe.signature(handle.returns)}`,
      typeParameters: handle.typeParameters,
      code: describe.code(fn),
    })
  }
  return {
    name: module.moduleHandles[module.self]!.name,
    datatypes,
    functions,
    friends: new Set(module.friends.map(({ address, name }) => `${address}::${name}`)),
  }
}

const MAX_TEXT = 256

/** As good as the text to compare; code names the same long types over and over. */
const brief = (text: string): string =>
  text.length <= MAX_TEXT ? text : createHash('sha256').update(text).digest('hex')

function describer(module: CompiledModule) {
  const datatype = (index: number): string => {
    const handle = module.datatypeHandles[index]!
    const { address, name } = module.moduleHandles[handle.module]!
    return `${address}::${name}::${handle.name}`
  }
  const tokenText = (type: Token): string => {
    switch (type.kind) {
      case 'vector':
        return `vector<${tokenText(type.element)}>`
      case 'reference':
        return `&${type.mutable ? 'mut ' : ''}${tokenText(type.target)}`
      case 'datatype':
        return `${datatype(type.handle)}<${type.typeArguments.map(tokenText).join()}>`
      case 'parameter':
        return `#${type.index}`
      default:
        return type.kind
    }
  }
  const token = (type: Token): string => brief(tokenText(type))
  const signatures = new Map<number, string>()
  const signature = (index: number): string => {
    let text = signatures.get(index)
    if (text === undefined) {
      text = brief(`(${module.signatures[index]!.map(tokenText).join()})`)
      signatures.set(index, text)
    }
    return text
  }
  const struct = (index: number): string => datatype(module.structs[index]!.handle)
  const enumeration = (index: number): string => datatype(module.enums[index]!.handle)
  const callee = (index: number): string => {
    const handle = module.functionHandles[index]!
    const { address, name } = module.moduleHandles[handle.module]!
    return `${address}::${name}::${handle.name}${signature(handle.parameters)}`
  }
  const field = (index: number): string => {
    const { owner, member } = module.fieldHandles[index]!
    return `${struct(owner)}.${member}`
  }
  const generic = (
    table: readonly { target: number; signature: number }[],
    index: number,
    target: (index: number) => string,
  ): string => {
    const entry = table[index]!
    return `${target(entry.target)}<${signature(entry.signature)}>`
  }
  const operand = (name: string, { operand }: Instruction, fn: FunctionDefinition): string => {
    const index = Number(operand)
    if (name === 'LdConst') {
      const { type, data } = module.constants[index]!
      return `${token(type)} ${Buffer.from(data).toString('hex')}`
    }
    if (name === 'Call') return callee(index)
    if (name === 'CallGeneric') return generic(module.functionInstantiations, index, callee)
    if (name === 'VariantSwitch') {
      const { enumDefinition, offsets } = fn.code!.jumpTables[index]!
      return `${enumeration(enumDefinition)} ${offsets.join()}`
    }
    if (name.includes('Variant')) {
      const isGeneric = name.includes('Generic')
      const { target, variant } = (isGeneric ? module.variantInstantiations : module.variantHandles)[index]!
      return `${isGeneric ? generic(module.enumInstantiations, target, enumeration) : enumeration(target)}#${variant}`
    }
    if (name.endsWith('BorrowField')) return field(index)
    if (name.endsWith('BorrowFieldGeneric')) return generic(module.fieldInstantiations, index, field)
    if (name === 'Pack' || name === 'Unpack') return struct(index)
    if (name === 'PackGeneric' || name === 'UnpackGeneric')
      return generic(module.structInstantiations, index, struct)
    if (name.startsWith('Vec')) return signature(index)
    return operand.toString()
  }
  const code = (fn: FunctionDefinition): string => {
    if (fn.code === undefined) return 'native'
    const instructions = fn.code.instructions.map(instruction => {
      const { name } = OPCODES[instruction.opcode]!
      return `${name} ${operand(name, instruction, fn)} ${instruction.count}`
    })
    return [signature(fn.code.locals), ...instructions].join('\n')
  }
  return { token, signature, code }
}
