import { HAS_KEY } from '../../abilities.ts'
import { at } from '../../format/parse.ts'
import { Op } from '../../loaded.ts'
import { isOneTimeWitness } from '../../one-time-witness.ts'
import { bytesOfFields } from '../../sizes.ts'
import type { DatatypeType, MoveType } from '../../types.ts'
import type { Handler, Scope } from '../scope.ts'

const FRAMEWORK = `0x${'2'.padStart(64, '0')}`

interface StructUse {
  type: DatatypeType
  fields: readonly MoveType[]
}

function use(scope: Scope, definitionIndex: number, signature: number | undefined): StructUse {
  const definition = at(scope.module.compiled.structs, definitionIndex, 'struct')
  if (definition.fields === undefined) throw scope.fail('a native struct has no fields')
  const type = scope.own(definition.handle, signature === undefined ? [] : scope.typeArguments(signature))
  return { type, fields: scope.definitions.fieldTypes(type) }
}

function structUse(scope: Scope, index: number, isGeneric: boolean): StructUse {
  if (!isGeneric) return use(scope, index, undefined)
  const { target, signature } = at(scope.module.compiled.structInstantiations, index, 'struct instantiation')
  return use(scope, target, signature)
}

const pack =
  (isGeneric: boolean): Handler =>
  (scope, index) => {
    const { type, fields } = structUse(scope, index, isGeneric)
    // only the chain makes one, for `init`; the framework's own (SUI) is of use to nobody else
    if (isOneTimeWitness(scope.definitions, type) && scope.module.package.originalId !== FRAMEWORK)
      throw scope.fail('a one-time witness is made')
    scope.expectAll(fields)
    scope.push(type)
    scope.flow.makesObject = (scope.abilities(type) & HAS_KEY) !== 0
    return new Op(0x12, { n: fields.length, bytes: bytesOfFields(fields) })
  }

const unpack =
  (isGeneric: boolean): Handler =>
  (scope, index) => {
    const { type, fields } = structUse(scope, index, isGeneric)
    scope.expect(type)
    scope.push(...fields)
    return new Op(0x13, { n: fields.length })
  }

const borrowField =
  (mutable: boolean, isGeneric: boolean): Handler =>
  (scope, index) => {
    const { compiled } = scope.module
    const instantiation = isGeneric
      ? at(compiled.fieldInstantiations, index, 'field instantiation')
      : undefined
    const { owner, member } = at(compiled.fieldHandles, instantiation?.target ?? index, 'field handle')
    const { type, fields } = use(scope, owner, instantiation?.signature)
    const field = at(fields, member, 'field')
    scope.expectReference(type, { mutable })
    scope.push(scope.types.reference(field, mutable))
    return new Op(0x10, { a: member })
  }

export const structHandlers: Record<string, Handler> = {
  Pack: pack(false),
  PackGeneric: pack(true),
  Unpack: unpack(false),
  UnpackGeneric: unpack(true),
  MutBorrowField: borrowField(true, false),
  MutBorrowFieldGeneric: borrowField(true, true),
  ImmBorrowField: borrowField(false, false),
  ImmBorrowFieldGeneric: borrowField(false, true),
}
