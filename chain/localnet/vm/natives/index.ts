import type { NativeTable } from '../types.ts'
import { hashNatives } from './hashes.ts'
import { stdNatives } from './std.ts'
import { suiNatives } from './sui.ts'

/** Every native that the framework declares, for one VM. */
export const builtinNatives = (): NativeTable => ({
  ...stdNatives,
  ...suiNatives,
  ...hashNatives,
})
