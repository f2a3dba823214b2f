import { Op } from '../../loaded.ts'
import { bytesOfArray } from '../../meter.ts'
import { bytesOfSlot } from '../../sizes.ts'
import type { MoveType } from '../../types.ts'
import type { Handler, Scope } from '../scope.ts'

/** A vector that grows has half as much room again as it needs. */
const GROWTH_BYTES = 4

/** The element type: the only type of the signature. */
function element(scope: Scope, signature: number): MoveType {
  const types = scope.typeArguments(signature)
  if (types.length !== 1) throw scope.fail('a vector instruction takes one type')
  return types[0]!
}

const borrow =
  (mutable: boolean): Handler =>
  (scope, signature) => {
    const type = element(scope, signature)
    scope.expect(scope.types.primitive('u64'))
    scope.expectReference(scope.types.vector(type), { mutable })
    scope.push(scope.types.reference(type, mutable))
    return new Op(0x42)
  }

export const vectorHandlers: Record<string, Handler> = {
  VecPack: (scope, signature, { count }) => {
    const type = element(scope, signature)
    for (let i = 0; i < count; i++) scope.expect(type)
    scope.push(scope.types.vector(type))
    return new Op(0x40, { n: count, bytes: bytesOfArray(0) + count * bytesOfSlot(type) })
  },
  VecUnpack: (scope, signature, { count }) => {
    const type = element(scope, signature)
    scope.expect(scope.types.vector(type))
    for (let i = 0; i < count; i++) scope.push(type)
    return new Op(0x46, { n: count })
  },
  VecLen: (scope, signature) => {
    scope.expectReference(scope.types.vector(element(scope, signature)), { mutable: false })
    scope.push(scope.types.primitive('u64'))
    return new Op(0x41)
  },
  VecImmBorrow: borrow(false),
  VecMutBorrow: borrow(true),
  VecPushBack: (scope, signature) => {
    const type = element(scope, signature)
    scope.expect(type)
    scope.expectReference(scope.types.vector(type), { mutable: true })
    return new Op(0x44, { bytes: bytesOfSlot(type) + GROWTH_BYTES })
  },
  VecPopBack: (scope, signature) => {
    const type = element(scope, signature)
    scope.expectReference(scope.types.vector(type), { mutable: true })
    scope.push(type)
    return new Op(0x45)
  },
  VecSwap: (scope, signature) => {
    const type = element(scope, signature)
    scope.expect(scope.types.primitive('u64'))
    scope.expect(scope.types.primitive('u64'))
    scope.expectReference(scope.types.vector(type), { mutable: true })
    return new Op(0x47)
  },
}
