import type { CompiledModule, Token } from '../format/module.ts'
import { OPCODES } from '../format/opcodes.ts'
import { malformed } from '../format/reader.ts'

/** The table that an instruction's operand is an index of. */
function tableOf(module: CompiledModule, name: string): readonly unknown[] | undefined {
  if (name === 'LdConst') return module.constants
  if (name === 'Call') return module.functionHandles
  if (name === 'CallGeneric') return module.functionInstantiations
  if (name === 'Pack' || name === 'Unpack') return module.structs
  if (name === 'PackGeneric' || name === 'UnpackGeneric') return module.structInstantiations
  if (name.endsWith('BorrowField')) return module.fieldHandles
  if (name.endsWith('BorrowFieldGeneric')) return module.fieldInstantiations
  if (name.includes('VariantGeneric')) return module.variantInstantiations
  if (name.includes('Variant')) return module.variantHandles
  return name.startsWith('Vec') ? module.signatures : undefined
}

/** Every index of a module's tables and code leads somewhere, whether code uses the entry or not. */
export function checkBounds(module: CompiledModule): void {
  const within = (index: number, table: readonly unknown[], what: string): void => {
    if (index >= table.length) throw malformed(`${what} ${index} does not exist`)
  }
  const signature = (index: number): void => within(index, module.signatures, 'signature')
  const type = (token: Token): void => {
    if (token.kind === 'vector') type(token.element)
    else if (token.kind === 'reference') type(token.target)
    else if (token.kind === 'datatype') {
      within(token.handle, module.datatypeHandles, 'datatype handle')
      if (module.datatypeHandles[token.handle]!.typeParameters.length !== token.typeArguments.length)
        throw malformed('wrong number of type arguments')
      token.typeArguments.forEach(type)
    }
  }
  const instantiations = (
    entries: readonly { target: number; signature: number }[],
    table: readonly unknown[],
    what: string,
  ): void => {
    for (const entry of entries) {
      within(entry.target, table, what)
      signature(entry.signature)
    }
  }

  within(module.self, module.moduleHandles, 'module handle')
  for (const handle of module.datatypeHandles) within(handle.module, module.moduleHandles, 'module handle')
  for (const handle of module.functionHandles) {
    within(handle.module, module.moduleHandles, 'module handle')
    signature(handle.parameters)
    signature(handle.returns)
  }
  for (const tokens of module.signatures) tokens.forEach(type)
  for (const constant of module.constants) type(constant.type)
  for (const { handle, fields = [] } of module.structs) {
    within(handle, module.datatypeHandles, 'datatype handle')
    for (const field of fields) type(field.type)
  }
  for (const { handle, variants } of module.enums) {
    within(handle, module.datatypeHandles, 'datatype handle')
    for (const variant of variants) for (const field of variant.fields) type(field.type)
  }
  for (const { owner, member } of module.fieldHandles) {
    within(owner, module.structs, 'struct')
    within(member, module.structs[owner]!.fields ?? [], 'field')
  }
  instantiations(module.structInstantiations, module.structs, 'struct')
  instantiations(module.functionInstantiations, module.functionHandles, 'function handle')
  instantiations(module.fieldInstantiations, module.fieldHandles, 'field handle')
  instantiations(module.enumInstantiations, module.enums, 'enum')
  for (const { target, variant } of module.variantHandles) {
    within(target, module.enums, 'enum')
    within(variant, module.enums[target]!.variants, 'variant')
  }
  for (const { target, variant } of module.variantInstantiations) {
    within(target, module.enumInstantiations, 'enum instantiation')
    within(variant, module.enums[module.enumInstantiations[target]!.target]!.variants, 'variant')
  }
  for (const { handle, code } of module.functions) {
    within(handle, module.functionHandles, 'function handle')
    if (code === undefined) continue
    signature(code.locals)
    for (const { enumDefinition } of code.jumpTables) within(enumDefinition, module.enums, 'enum')
    for (const { opcode, operand } of code.instructions) {
      const { name } = OPCODES[opcode]!
      const table = name === 'VariantSwitch' ? code.jumpTables : tableOf(module, name)
      if (table !== undefined) within(Number(operand), table, name)
    }
  }
}
