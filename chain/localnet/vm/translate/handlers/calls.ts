import { deserialize } from '../../bcs.ts'
import { at } from '../../format/parse.ts'
import { type FunctionImpl, Op } from '../../loaded.ts'
import type { MoveType } from '../../types.ts'
import { importedFunction } from '../../verify/imports.ts'
import { isSystem } from '../../verify/sui-rules.ts'
import { returnsFreshId } from '../fresh-ids.ts'
import { OPCODE } from '../opcode.ts'
import { checkPrivateGenerics } from '../private-generics.ts'
import type { Handler, Scope } from '../scope.ts'
import { isFlat } from './locals.ts'

/** The function behind a handle. */
function resolve(scope: Scope, index: number): FunctionImpl {
  const handle = at(scope.module.compiled.functionHandles, index, 'function handle')
  const callee = importedFunction(scope.module, handle)
  // in any module, so that nobody's runs twice
  if (handle.name === 'init' && !isSystem(scope.module.package.originalId))
    throw scope.fail('an initializer is called')
  return callee
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
    return new Op(callee.isNative ? OPCODE.callNative : 0x11, {
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
    // a module may ask for more than the callee does
    const declared = scope.module.compiled.functionHandles[target]!.typeParameters
    for (const [i, constraints] of callee.typeParameters.entries())
      scope.require(typeArguments[i]!, constraints | declared[i]!)
    checkPrivateGenerics(scope, callee, typeArguments)
    const fill = (type: MoveType) => scope.types.instantiate(type, typeArguments)
    scope.expectAll(callee.parameters.map(fill))
    scope.push(...callee.returns.map(fill))
    markFreshId(scope, callee)
    return new Op(callee.isNative ? OPCODE.callNative : 0x11, {
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
    return new Op(isFlat(type) ? 0x06 : OPCODE.constDeep, {
      value: deserialize(scope.definitions, type, data),
    })
  },
}

export function isConstant(type: MoveType): boolean {
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
