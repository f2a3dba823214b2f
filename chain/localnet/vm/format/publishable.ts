import { VmError } from '../errors.ts'
import type { Address } from '../types.ts'

/**
 * A module as it is stored once published: the self address, which the compiler leaves as zero, is
 * set to the package's runtime ID (its own ID, or on an upgrade the first version's).
 * @throws VmError `PublishErrorNonZeroAddress`, `VMVerificationOrDeserializationError`
 */
export function publishable(_module: Uint8Array, _originalId: Address): Uint8Array {
  throw new VmError({ kind: 'VMInvariantViolation', reason: 'not there yet' })
}
