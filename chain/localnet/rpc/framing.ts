import { RpcStatus } from './status.ts'

/** The two content types of gRPC-web: frames as they are, or in base64. */
export type Framing = 'binary' | 'text'

export function framingOf(contentType: string): Framing | undefined {
  const type = contentType.split(';')[0]!.trim().toLowerCase()
  if (type === 'application/grpc-web-text' || type === 'application/grpc-web-text+proto') return 'text'
  if (type === 'application/grpc-web' || type === 'application/grpc-web+proto') return 'binary'
  return undefined
}

const headerBytes = 5
const dataFlag = 0x00
const trailerFlag = 0x80

/** The one message of a request: a frame `flag || u32be length || message`, and nothing after it. */
export function readRequest(body: Uint8Array, framing: Framing): Uint8Array {
  const bytes =
    framing === 'text' ? Buffer.from(Buffer.from(body).toString('latin1'), 'base64') : Buffer.from(body)
  if (bytes.length < headerBytes) throw new RpcStatus('INVALID_ARGUMENT', 'the request has no frame')
  if (bytes[0] !== dataFlag) throw new RpcStatus('UNIMPLEMENTED', 'compressed frames are not supported')
  const length = bytes.readUInt32BE(1)
  if (bytes.length !== headerBytes + length)
    throw new RpcStatus('INVALID_ARGUMENT', 'the request is not exactly one frame')
  return bytes.subarray(headerBytes)
}

function frame(flag: number, payload: Uint8Array, framing: Framing): Uint8Array {
  const bytes = Buffer.alloc(headerBytes + payload.length)
  bytes[0] = flag
  bytes.writeUInt32BE(payload.length, 1)
  bytes.set(payload, headerBytes)
  // each frame is a base64 text of its own, so that a stream can be read as it comes
  return framing === 'text' ? Buffer.from(bytes.toString('base64')) : bytes
}

export const dataFrame = (message: Uint8Array, framing: Framing): Uint8Array =>
  frame(dataFlag, message, framing)

export function trailerFrame(code: number, message: string, framing: Framing): Uint8Array {
  const text = `grpc-status:${code}\r\ngrpc-message:${percentEncode(message)}\r\n`
  return frame(trailerFlag, Buffer.from(text), framing)
}

/** gRPC's own percent encoding: printable ASCII but `%` stays as it is. */
const percentEncode = (text: string): string =>
  [...Buffer.from(text)]
    .map(byte =>
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
    )
    .join('')
