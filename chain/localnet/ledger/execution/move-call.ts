import { type LoadedFunction, type MoveType, Reference, type Value, VmError } from '../../vm/index.ts'
import { parseAddress } from '../address.ts'
import type { Argument } from './arguments.ts'
import { type Environment, wellKnown } from './environment.ts'
import { argumentFailure, fail } from './failure.ts'
import type { ObjectRuntime } from './object-runtime.ts'

export interface MoveCall {
  package: string
  module: string
  function: string
  typeArguments: string[]
  arguments: Argument[]
}

/** A type argument of the transaction; it must exist and be well formed. */
export function resolveType(env: Environment, text: string, index: number): MoveType {
  const type = env.vm.types.fromTag(text)
  const problem = typeProblem(env, type)
  if (problem !== undefined)
    throw fail({ TypeArgumentError: { argumentIdx: index, kind: { [problem]: true } as never } })
  return type
}

function typeProblem(
  env: Environment,
  type: MoveType,
): 'TypeNotFound' | 'ConstraintNotSatisfied' | undefined {
  if (type.kind === 'vector') return typeProblem(env, type.element)
  if (type.kind !== 'datatype') return undefined
  const definition = env.vm.definition(type)
  if (definition?.typeParameters.length !== type.typeArguments.length) return 'TypeNotFound'
  for (const [i, argument] of type.typeArguments.entries()) {
    const problem = typeProblem(env, argument)
    if (problem !== undefined) return problem
    const { constraints } = definition.typeParameters[i]!
    if ((env.vm.abilities(argument) & constraints) !== constraints) return 'ConstraintNotSatisfied'
  }
  return undefined
}

/** `TxContext` as Move sees it. */
export const txContextValue = ({
  sender,
  digest,
  epoch,
  epochTimestampMs,
  idsCreated,
}: ObjectRuntime): Value => [sender, Array.from(digest), epoch, epochTimestampMs, idsCreated]

export function moveCall(env: Environment, call: MoveCall): void {
  const { vm, args, checks, runtime } = env
  const fn = findFunction(env, call)
  const isPublic = fn.visibility === 'public'
  if (checks && !isPublic && !fn.isEntry)
    throw fail({ NonEntryFunctionInvoked: true }, `${fn.name} is neither public nor entry`)
  const typeArguments = call.typeArguments.map((text, i) => resolveType(env, text, i))
  checkTypeArguments(env, fn, typeArguments)
  const parameters = fn.parameters.map(type => vm.types.instantiate(type, typeArguments))
  const returns = fn.returns.map(type => vm.types.instantiate(type, typeArguments))
  const invalidReturn = returns.findIndex(type => type.kind === 'reference')
  if (invalidReturn >= 0) throw fail({ InvalidPublicFunctionReturnType: { idx: invalidReturn } })

  const { txContext } = wellKnown(vm)
  const isContext = (type: MoveType) => type.kind === 'reference' && type.target === txContext
  const expected = parameters.filter(type => !isContext(type)).length
  if (expected !== call.arguments.length)
    throw fail(
      { ArityMismatch: true },
      `Arity mismatch: ${fn.name} takes ${expected} arguments, ${call.arguments.length} given`,
    )

  const isPrivateEntry = checks && !isPublic
  let next = 0
  const lent: number[] = []
  const values = parameters.map((type): Value => {
    if (isContext(type)) return new Reference([txContextValue(runtime)], 0)
    const index = next++
    const argument = call.arguments[index]!
    if (isPrivateEntry && args.slot(index, argument).tainted)
      throw argumentFailure(index, { InvalidArgumentToPrivateEntryFunction: true })
    if (type.kind !== 'reference') return args.take(index, argument, type)
    if (type.mutable) lent.push(index)
    return args.borrow(index, argument, type.target, type.mutable)
  })

  runtime.emitter = { packageId: parseAddress(call.package), module: call.module }
  const results = vm.call(fn, typeArguments, values, runtime)
  const tainted = isPublic && !fn.isEntry
  if (tainted) for (const index of lent) args.slot(index, call.arguments[index]!).tainted = true
  args.addResults(
    results.map((value, i) => ({ type: returns[i]!, value })),
    tainted,
  )
}

function findFunction(env: Environment, call: MoveCall): LoadedFunction {
  const id = parseAddress(call.package)
  if (env.readPackage(id) === undefined && !env.newPackages.some(made => made.id === id))
    throw fail({ FunctionNotFound: true }, `Package ${id} does not exist`)
  return env.vm.function(id, call.module, call.function)
}

function checkTypeArguments(env: Environment, fn: LoadedFunction, types: readonly MoveType[]): void {
  if (fn.typeParameters.length !== types.length)
    throw new VmError({
      kind: 'TypeArityMismatch',
      expected: fn.typeParameters.length,
      actual: types.length,
    })
  types.forEach((type, argumentIdx) => {
    const constraints = fn.typeParameters[argumentIdx]!
    if ((env.vm.abilities(type) & constraints) !== constraints)
      throw fail({ TypeArgumentError: { argumentIdx, kind: { ConstraintNotSatisfied: true } } })
  })
}
