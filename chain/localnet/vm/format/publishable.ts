import { VmError } from '../errors.ts'
import type { Address } from '../types.ts'
import { checkBounds } from '../verify/bounds.ts'
import { parseModule } from './parse.ts'
import { readTables, TABLE_KINDS } from './tables.ts'

const ZERO = `0x${'0'.repeat(64)}`

/**
 * A module as it is stored once published: the self address, which the compiler leaves as zero, is
 * set to the package's runtime ID (its own ID, or on an upgrade the first version's).
 * @throws VmError `PublishErrorNonZeroAddress`, `VMVerificationOrDeserializationError`
 */
export function publishable(bytes: Uint8Array, originalId: Address): Uint8Array {
  const module = parseModule(bytes)
  checkBounds(module)
  const self = module.moduleHandles[module.self]!
  if (self.address !== ZERO) throw new VmError({ kind: 'PublishErrorNonZeroAddress', module: self.name })
  // the address table is the plain row of its entries, 32 bytes each
  const { start } = readTables(bytes).spans.get(TABLE_KINDS.addresses)!
  const out = bytes.slice()
  out.set(Buffer.from(originalId.slice(2), 'hex'), start + 32 * self.addressIndex)
  return out
}
