import { deserialize, MAX_DEPTH, serialize } from './bcs.ts'
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

/** What one part of a type takes when the type is made while code runs. */
const NODE_STEPS = 20
const NODE_BYTES = 500

export function createVm({ bls, natives = {} }: VmOptions = {}): Vm {
  const types = createTypeTable()
  const definitions = new Definitions(types)
  const packages = new Packages(types, definitions)

  const nativesByName = new Map<string, NativeFunction>()
  for (const [name, native] of Object.entries({ ...builtinNatives(bls), ...natives })) {
    const [address = '', module, fn] = name.split('::')
    nativesByName.set(`${fullAddress(address)}::${module}::${fn}`, native)
  }

  const checkDepth = (type: MoveType): void => {
    if (definitions.valueDepth(type) > MAX_DEPTH)
      throw new VmError({ kind: 'MovePrimitiveRuntimeError', reason: 'VALUE_TOO_DEEP' })
  }

  const checkTypeArguments = (fn: FunctionImpl, typeArguments: readonly MoveType[]): void => {
    const expected = fn.typeParameters.length
    if (typeArguments.length !== expected)
      throw new VmError({ kind: 'TypeArityMismatch', expected, actual: typeArguments.length })
    typeArguments.forEach((type, argument) => {
      const problem = type.kind === 'reference' ? 'ConstraintNotSatisfied' : definitions.problem(type)
      const constraints = fn.typeParameters[argument]!
      if (problem !== undefined) throw new VmError({ kind: 'TypeArgumentError', argument, reason: problem })
      if ((definitions.abilities(type) & constraints) !== constraints)
        throw new VmError({ kind: 'TypeArgumentError', argument, reason: 'ConstraintNotSatisfied' })
      checkDepth(type)
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
    serialize: (type, value, meter) => serialize(definitions, type, value, meter),
    deserialize: (type, bytes, options) => deserialize(definitions, type, bytes, options),
  }

  const runtime: Runtime = {
    vm,
    body: (fn, meter) => {
      fn.body ??= translate(fn, fn.definition.code!, definitions, meter)
      return fn.body
    },
    native: fn => {
      const name = `${fn.module.package.originalId}::${fn.module.name}::${fn.name}`
      fn.native ??= nativesByName.get(name)
      if (fn.native === undefined)
        throw new VmError({ kind: 'VMInvariantViolation', reason: `native ${name} is missing` })
      return fn.native
    },
    instantiate: (type, typeArguments, meter) => {
      if (!type.isOpen) return type
      meter.charge(NODE_STEPS * type.nodes)
      meter.allocate(NODE_BYTES * type.nodes)
      const made = types.instantiate(type, typeArguments)
      checkDepth(made)
      return made
    },
  }
  return vm
}
