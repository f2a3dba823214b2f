import type { BlsVerifier, NativeTable } from '../types.ts'
import { groupNatives } from './group-ops.ts'
import { hashNatives } from './hashes.ts'
import { signatureNatives } from './signatures.ts'
import { stdNatives } from './std.ts'
import { suiNatives } from './sui.ts'

/** Every native that the framework declares, for one VM. */
export const builtinNatives = (bls?: BlsVerifier): NativeTable => ({
  ...stdNatives,
  ...suiNatives,
  ...hashNatives,
  ...groupNatives(),
  ...signatureNatives(bls),
})
