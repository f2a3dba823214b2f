import { CodecError } from '../errors.ts'

/** `bytes` zeros outside of any arena. Throws OUT_OF_MEMORY. */
export function newBytes(bytes: number): Uint8Array<ArrayBuffer> {
  return orOutOfMemory(bytes, () => new Uint8Array(bytes))
}

/** What `get` gives. It asks for memory: what engines throw when there is none differs, so anything is OUT_OF_MEMORY. */
export function orOutOfMemory<T>(bytes: number, get: () => T): T {
  try {
    return get()
  } catch (cause) {
    throw new CodecError('OUT_OF_MEMORY', `cannot get ${bytes} bytes of memory`, { bytes }, { cause })
  }
}
