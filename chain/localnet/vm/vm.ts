import { VmError } from './errors.ts'
import type { Vm, VmOptions } from './types.ts'

export function createVm(_options: VmOptions = {}): Vm {
  throw new VmError({ kind: 'VMInvariantViolation', reason: 'not there yet' })
}
