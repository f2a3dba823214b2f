import { COPYABLE, DROPPABLE } from '../../abilities.ts'
import { Op } from '../../loaded.ts'
import type { MoveType } from '../../types.ts'
import { OPCODE } from '../opcode.ts'
import type { Handler, Scope } from '../scope.ts'

/** Whether a value of the type is never an array, so that copying it is free. */
export const isFlat = (type: MoveType): boolean =>
  type.kind !== 'vector' && type.kind !== 'datatype' && type.kind !== 'parameter'

const borrow =
  (mutable: boolean): Handler =>
  (scope, index) => {
    const type = scope.local(index)
    if (type.kind === 'reference') throw scope.fail('a reference to a reference')
    scope.push(scope.types.reference(type, mutable))
    return new Op(0x0e, { a: index })
  }

/** Checks `*reference = value` and `pop`: what is overwritten or dropped must have drop. */
const drop = (scope: Scope, type: MoveType): void => scope.require(type, DROPPABLE)

export const localHandlers: Record<string, Handler> = {
  CopyLoc: (scope, index) => {
    const type = scope.local(index)
    scope.require(type, COPYABLE)
    scope.push(type)
    return new Op(isFlat(type) ? 0x0a : OPCODE.copyDeep, { a: index })
  },
  MoveLoc: (scope, index) => {
    scope.push(scope.local(index))
    return new Op(0x0b, { a: index })
  },
  StLoc: (scope, index) => {
    scope.expect(scope.local(index))
    return new Op(0x0c, { a: index })
  },
  MutBorrowLoc: borrow(true),
  ImmBorrowLoc: borrow(false),
  ReadRef: scope => {
    const type = scope.popReference({ mutable: false })
    scope.require(type, COPYABLE)
    scope.push(type)
    return new Op(isFlat(type) ? 0x14 : OPCODE.readDeep)
  },
  WriteRef: scope => {
    const type = scope.popReference({ mutable: true })
    drop(scope, type)
    scope.expect(type)
    return new Op(0x15)
  },
  FreezeRef: scope => {
    scope.push(scope.types.reference(scope.popReference({ mutable: true }), false))
    return new Op(0x28) // nothing happens at run time
  },
  Pop: scope => {
    drop(scope, scope.pop())
    return new Op(0x01)
  },
}
