/** The Move virtual machine of the localnet. `types.ts` says what it offers and what it asks for. */

export type { MoveLocation, VmErrorKind, VmFailure } from './errors.ts'
export { NativeAbort, VmError } from './errors.ts'
export { publishable } from './format/publishable.ts'
export { Meter, type MeterLimits } from './meter.ts'
export { deriveChildId } from './natives/sui.ts'
export type * from './types.ts'
export type { Value } from './values.ts'
export { bytesToValue, EnumValue, Reference, refTo, valueToBytes } from './values.ts'
export { createVm } from './vm.ts'
