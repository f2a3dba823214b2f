import assert from 'node:assert/strict'
import {
  createVm,
  type Meter,
  type Vm,
  VmError,
  type VmErrorKind,
} from '../../../../chain/localnet/vm/index.ts'
import { assemble } from './assemble.ts'
import { type FunctionParts, Handmade, handmadeAddress } from './handmade.ts'

interface LoadOptions {
  vm?: Vm
  meter?: Meter
}

/** Loads a handmade module, and answers the VM that has it. */
export function load(handmade: Handmade, { vm = createVm(), meter }: LoadOptions = {}): Vm {
  vm.loadPackage({ id: handmadeAddress, modules: [assemble(handmade.module)], meter })
  return vm
}

/** The module is refused for this reason. */
export function refuses(
  handmade: Handmade,
  reason: RegExp,
  { kind = 'VMVerificationOrDeserializationError', ...options }: LoadOptions & { kind?: VmErrorKind } = {},
): void {
  assert.throws(
    () => load(handmade, options),
    error => {
      assert.ok(error instanceof VmError, String(error))
      assert.equal(error.kind, kind)
      assert.match(error.message, reason)
      return true
    },
  )
}

/** A module of one function. */
export function single(parts: FunctionParts): Handmade {
  const handmade = new Handmade()
  handmade.function('f', parts)
  return handmade
}
