import { ProtocolError } from '../errors.ts'
import type { ReadOptions, StreamReader } from './reader.ts'

/** 4 bytes of 7 bits: a length prefix of up to 256 MiB, above every limit in the table. */
const MAX_PREFIX_BYTES = 4
export const MAX_FRAME_BYTES = 2 ** (7 * MAX_PREFIX_BYTES) - 1

/** A frame: unsigned LEB128 length in its shortest form, then the payload. */
export function encodeFrame(payload: Uint8Array): Uint8Array {
  if (payload.length > MAX_FRAME_BYTES) throw new RangeError(`a frame of ${payload.length} bytes`)
  const prefix: number[] = []
  let rest = payload.length
  while (rest >= 0x80) {
    prefix.push((rest & 0x7f) | 0x80)
    rest >>>= 7
  }
  prefix.push(rest)
  const frame = new Uint8Array(prefix.length + payload.length)
  frame.set(prefix)
  frame.set(payload, prefix.length)
  return frame
}

/**
 * Reads one frame. The declared length is checked against the limit before a byte of the payload is buffered.
 * Throws TOO_LARGE, MALFORMED (a prefix that is not the shortest), and as `StreamReader.exact`.
 */
export async function readFrame(
  reader: StreamReader,
  maxBytes: number,
  options: ReadOptions = {},
): Promise<Uint8Array> {
  let length = 0
  for (let i = 0; ; i++) {
    const [byte] = (await reader.exact(1, options)) as unknown as [number]
    length |= (byte & 0x7f) << (7 * i)
    if (byte < 0x80) {
      if (byte === 0 && i > 0) throw new ProtocolError('MALFORMED')
      break
    }
    if (i === MAX_PREFIX_BYTES - 1) throw new ProtocolError('MALFORMED')
  }
  if (length > maxBytes) {
    throw new ProtocolError('TOO_LARGE', { details: { limitBytes: maxBytes, actualBytes: length } })
  }
  return reader.exact(length, options)
}
