import { at } from '../../format/parse.ts'
import { Op } from '../../loaded.ts'
import type { Handler } from '../scope.ts'

const conditional =
  (code: number): Handler =>
  (scope, target) => {
    scope.expect(scope.types.primitive('bool'))
    return new Op(code, { a: target })
  }

export const controlHandlers: Record<string, Handler> = {
  BrTrue: conditional(0x03),
  BrFalse: conditional(0x04),
  Branch: (_scope, target) => new Op(0x05, { a: target }),
  Ret: scope => {
    scope.expectAll(scope.fn.returns)
    return new Op(0x02)
  },
  Abort: scope => {
    scope.expect(scope.types.primitive('u64'))
    return new Op(0x27)
  },
  Nop: () => new Op(0x28),
  VariantSwitch: (scope, index) => {
    const { enumDefinition, offsets } = at(scope.code.jumpTables, index, 'jump table')
    const { handle, variants } = at(scope.module.compiled.enums, enumDefinition, 'enum')
    if (offsets.length !== variants.length) throw scope.fail('a jump table does not fit its enum')
    const target = scope.popReference({ mutable: false })
    if (target.kind !== 'datatype' || target !== scope.module.datatype(handle, target.typeArguments))
      throw scope.fail('a switch over another type')
    return new Op(0x56, { targets: offsets })
  },
}
