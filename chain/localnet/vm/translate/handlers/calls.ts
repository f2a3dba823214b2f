import { deserialize } from '../../bcs.ts'
import { at } from '../../format/parse.ts'
import type { FunctionImpl } from '../../loaded.ts'
import type { MoveType } from '../../types.ts'
import { returnsFreshId } from '../fresh-ids.ts'
import { Op, opcode } from '../op.ts'
import { checkPrivateGenerics } from '../private-generics.ts'
import type { Handler, Scope } from '../scope.ts'
import { isFlat } from './locals.ts'

/** The function behind a handle; its declaration must be what the handle says, and visible from here. */
function resolve(scope: Scope, index: number): FunctionImpl {
  const { compiled, package: owner } = scope.module
  const handle = at(compiled.functionHandles, index, 'function handle')
  const { address, name } = at(compiled.moduleHandles, handle.module, 'module handle')
  const module = owner.module(address, name)
  const callee = module.functions.get(handle.name)
  if (!callee) throw scope.fail(`no function ${address}::${name}::${handle.name}`)
  const same = (a: readonly MoveType[], b: readonly MoveType[]) =>
    a.length === b.length && a.every((type, i) => type === b[i])
  if (
    !same(callee.parameters, scope.module.signature(handle.parameters)) ||
    !same(callee.returns, scope.module.signature(handle.returns)) ||
    callee.typeParameters.length !== handle.typeParameters.length ||
    callee.typeParameters.some((constraints, i) => (constraints & ~handle.typeParameters[i]!) !== 0)
  )
    throw scope.fail(`${callee.name} is not what the module takes it for`)
  if (!isVisible(scope, callee)) throw scope.fail(`${callee.name} is not visible`)
  return callee
}

function isVisible(scope: Scope, callee: FunctionImpl): boolean {
  if (callee.visibility === 'public' || callee.module === scope.module) return true
  if (callee.visibility === 'private') return false
  const { originalId } = scope.module.package
  return callee.module.compiled.friends.some(
    friend => friend.address === originalId && friend.name === scope.module.name,
  )
}

const markFreshId = ({ flow }: Scope, { module, name }: FunctionImpl): void => {
  flow.isFresh = returnsFreshId(module.package.originalId, module.name, name)
}

export const callHandlers: Record<string, Handler> = {
  Call: (scope, index) => {
    const callee = resolve(scope, index)
    if (callee.typeParameters.length > 0) throw scope.fail('type arguments are missing')
    scope.expectAll(callee.parameters)
    scope.push(...callee.returns)
    markFreshId(scope, callee)
    return new Op(callee.isNative ? opcode.callNative : 0x11, {
      n: callee.parameters.length,
      callee,
      typeArguments: [],
    })
  },
  CallGeneric: (scope, index) => {
    const { target, signature } = at(
      scope.module.compiled.functionInstantiations,
      index,
      'function instantiation',
    )
    const callee = resolve(scope, target)
    const typeArguments = scope.typeArguments(signature)
    if (typeArguments.length !== callee.typeParameters.length)
      throw scope.fail('wrong number of type arguments')
    for (const [i, constraints] of callee.typeParameters.entries())
      scope.require(typeArguments[i]!, constraints)
    checkPrivateGenerics(scope, callee, typeArguments)
    const fill = (type: MoveType) => scope.types.instantiate(type, typeArguments)
    scope.expectAll(callee.parameters.map(fill))
    scope.push(...callee.returns.map(fill))
    markFreshId(scope, callee)
    return new Op(callee.isNative ? opcode.callNative : 0x11, {
      n: callee.parameters.length,
      callee,
      typeArguments,
    })
  },
  LdConst: (scope, index) => {
    const { type: token, data } = at(scope.module.compiled.constants, index, 'constant')
    const type = scope.module.type(token)
    if (!isConstant(type)) throw scope.fail('a constant of this type is not allowed')
    scope.push(type)
    return new Op(isFlat(type) ? 0x06 : opcode.constDeep, {
      value: deserialize(scope.definitions, type, data),
    })
  },
}

function isConstant(type: MoveType): boolean {
  switch (type.kind) {
    case 'vector':
      return isConstant(type.element)
    case 'datatype':
    case 'reference':
    case 'parameter':
    case 'signer':
      return false
    default:
      return true
  }
}
