import { at } from '../../format/parse.ts'
import { Op } from '../../loaded.ts'
import { bytesOfFields } from '../../sizes.ts'
import type { DatatypeType, MoveType } from '../../types.ts'
import { OPCODE } from '../opcode.ts'
import type { Handler, Scope } from '../scope.ts'

interface VariantUse {
  type: DatatypeType
  tag: number
  fields: readonly MoveType[]
}

function variantUse(scope: Scope, index: number, isGeneric: boolean): VariantUse {
  const { compiled } = scope.module
  const handles = isGeneric ? compiled.variantInstantiations : compiled.variantHandles
  const { target, variant } = at(handles, index, 'variant handle')
  const instantiation = isGeneric ? at(compiled.enumInstantiations, target, 'enum instantiation') : undefined
  const definition = at(compiled.enums, instantiation?.target ?? target, 'enum')
  const type = scope.own(
    definition.handle,
    instantiation !== undefined ? scope.typeArguments(instantiation.signature) : [],
  )
  const variants = scope.definitions.variantTypes(type)
  return { type, tag: variant, fields: at(variants ?? [], variant, 'variant') }
}

const pack =
  (isGeneric: boolean): Handler =>
  (scope, index) => {
    const { type, tag, fields } = variantUse(scope, index, isGeneric)
    scope.expectAll(fields)
    scope.push(type)
    return new Op(OPCODE.packVariant, { a: tag, n: fields.length, bytes: bytesOfFields(fields) })
  }

const unpack =
  (isGeneric: boolean): Handler =>
  (scope, index) => {
    const { type, tag, fields } = variantUse(scope, index, isGeneric)
    scope.expect(type)
    scope.push(...fields)
    return new Op(OPCODE.unpackVariant, { a: tag, n: fields.length })
  }

const unpackReference =
  (mutable: boolean, isGeneric: boolean): Handler =>
  (scope, index) => {
    const { type, tag, fields } = variantUse(scope, index, isGeneric)
    scope.expectReference(type, { mutable })
    scope.push(...fields.map(field => scope.types.reference(field, mutable)))
    return new Op(OPCODE.unpackVariantRef, { a: tag, n: fields.length })
  }

export const enumHandlers: Record<string, Handler> = {
  PackVariant: pack(false),
  PackVariantGeneric: pack(true),
  UnpackVariant: unpack(false),
  UnpackVariantGeneric: unpack(true),
  UnpackVariantImmRef: unpackReference(false, false),
  UnpackVariantMutRef: unpackReference(true, false),
  UnpackVariantGenericImmRef: unpackReference(false, true),
  UnpackVariantGenericMutRef: unpackReference(true, true),
}
