import { CodecError } from './errors.ts'
import type { Codec, CodecOptions } from './interface.ts'

/** Threads start at the first call that needs them. */
export function createCodec(_options: CodecOptions = {}): Codec {
  throw new CodecError('KERNEL_MISSING', 'run "npm run build"')
}
