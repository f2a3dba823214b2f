import { deserialize, serialize } from './bcs.ts'
import { cleverError } from './clever-errors.ts'
import { Definitions } from './definitions.ts'
import { VmError } from './errors.ts'
import { type Runtime, run } from './interpreter.ts'
import type { FunctionImpl } from './loaded.ts'
import { builtinNatives } from './natives/index.ts'
import { Packages } from './packages.ts'
import { translate } from './translate/translate.ts'
import { createTypeTable, fullAddress } from './type-table.ts'
import type { MoveType, NativeFunction, Vm, VmOptions } from './types.ts'

export function createVm({ bls, natives = {} }: VmOptions = {}): Vm {
  const types = createTypeTable()
  const definitions = new Definitions(types)
  const packages = new Packages(types, definitions)

  const nativesByName = new Map<string, NativeFunction>()
  for (const [name, native] of Object.entries({ ...builtinNatives(bls), ...natives })) {
    const [address = '', module, fn] = name.split('::')
    nativesByName.set(`${fullAddress(address)}::${module}::${fn}`, native)
  }

  const checkTypeArguments = (fn: FunctionImpl, typeArguments: readonly MoveType[]): void => {
    const expected = fn.typeParameters.length
    if (typeArguments.length !== expected)
      throw new VmError({ kind: 'TypeArityMismatch', expected, actual: typeArguments.length })
    typeArguments.forEach((type, argument) => {
      const problem = type.kind === 'reference' ? 'ConstraintNotSatisfied' : definitions.problem(type)
      const constraints = fn.typeParameters[argument]!
      if (problem) throw new VmError({ kind: 'TypeArgumentError', argument, reason: problem })
      if ((definitions.abilities(type) & constraints) !== constraints)
        throw new VmError({ kind: 'TypeArgumentError', argument, reason: 'ConstraintNotSatisfied' })
    })
  }

  const vm: Vm = {
    types,
    loadPackage: input => packages.load(input),
    unloadPackage: id => packages.unload(id),
    package: id => packages.get(id),
    function: (packageId, module, name) => packages.function(packageId, module, name),
    call: (fn, typeArguments, args, context) => {
      checkTypeArguments(fn as FunctionImpl, typeArguments)
      return run(runtime, fn as FunctionImpl, typeArguments, args, context)
    },
    abilities: type => definitions.abilities(type),
    definition: type => definitions.find(type),
    fieldTypes: type => definitions.fieldTypes(type),
    cleverError: (packageId, name, code) => {
      const module = packages.get(packageId)?.modules.get(name)
      return module && cleverError(definitions, module, code)
    },
    serialize: (type, value) => serialize(definitions, type, value),
    deserialize: (type, bytes, options) => deserialize(definitions, type, bytes, options),
  }

  const runtime: Runtime = {
    vm,
    body: fn => {
      fn.body ??= translate(fn, fn.definition.code!, definitions)
      return fn.body
    },
    native: fn => {
      const name = `${fn.module.package.originalId}::${fn.module.name}::${fn.name}`
      fn.native ??= nativesByName.get(name)
      if (!fn.native) throw new VmError({ kind: 'VMInvariantViolation', reason: `native ${name} is missing` })
      return fn.native
    },
  }
  return vm
}
