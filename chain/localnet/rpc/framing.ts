import { SERVER_LIMITS } from './server-limits.ts'
import { invalid, limited, RpcStatus, STATUS } from './status.ts'

/** How a call's messages travel: native gRPC over HTTP/2, or gRPC-web with frames as they are or in base64. */
export type Framing = 'native' | 'binary' | 'text'

const FRAMINGS: Record<string, Framing> = {
  'application/grpc': 'native',
  'application/grpc+proto': 'native',
  'application/grpc-web': 'binary',
  'application/grpc-web+proto': 'binary',
  'application/grpc-web-text': 'text',
  'application/grpc-web-text+proto': 'text',
}

const mediaType = (contentType: string | undefined): string =>
  (contentType ?? '').split(';')[0]!.trim().toLowerCase()

export const framingOf = (contentType: string | undefined): Framing | undefined => {
  const type = mediaType(contentType)
  return Object.hasOwn(FRAMINGS, type) ? FRAMINGS[type] : undefined
}

/** The reply's content type: of the request's kind, spelled as the request spells it. */
export const replyType = (contentType: string | undefined): string => {
  const type = mediaType(contentType)
  return type.endsWith('+proto') || type === 'application/grpc' ? type : `${type}+proto`
}

const HEADER_BYTES = 5
const FLAG = { data: 0x00, compressed: 0x01, trailer: 0x80 } as const

/** No encoding but the plain one. Throws RpcStatus UNIMPLEMENTED; the reply says what is accepted. */
export function checkEncoding(encoding: string | undefined): void {
  if (encoding !== undefined && encoding !== 'identity')
    throw new RpcStatus(
      'UNIMPLEMENTED',
      `grpc-encoding ${encoding.slice(0, 20)} is not supported, only identity`,
    )
}

/**
 * Messages out of frames `flag || u32be length || message` as they arrive. A length is checked before its bytes are
 * kept; what was kept is given back when the message is out.
 * @param take counts bytes that are kept
 */
export async function* readMessages(
  chunks: AsyncIterable<Uint8Array>,
  take: (bytes: number) => () => void,
): AsyncGenerator<Uint8Array> {
  let head = Buffer.alloc(0)
  let body: { bytes: Buffer; filled: number; release: () => void } | undefined
  try {
    for await (const chunk of chunks) {
      for (
        let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
        rest.length > 0 || body !== undefined;
      ) {
        if (body === undefined) {
          const missing = HEADER_BYTES - head.length
          head = Buffer.concat([head, rest.subarray(0, missing)])
          rest = rest.subarray(missing)
          if (head.length < HEADER_BYTES) break
          const size = sizeOf(head)
          body = { bytes: Buffer.alloc(size), filled: 0, release: take(size) }
        }
        const part = rest.subarray(0, body.bytes.length - body.filled)
        part.copy(body.bytes, body.filled)
        body.filled += part.length
        rest = rest.subarray(part.length)
        if (body.filled < body.bytes.length) break
        const { bytes, release } = body
        head = Buffer.alloc(0)
        body = undefined
        try {
          yield bytes
        } finally {
          release()
        }
      }
    }
  } finally {
    body?.release()
  }
  if (head.length > 0) throw invalid('the request ends within a frame')
}

function sizeOf(head: Buffer): number {
  if (head[0] === FLAG.compressed)
    throw new RpcStatus('UNIMPLEMENTED', 'compressed messages are not supported')
  if (head[0] !== FLAG.data) throw invalid('the request has a frame of an unknown kind')
  const size = head.readUInt32BE(1)
  if (size > SERVER_LIMITS.maxBodyBytes)
    throw limited(
      'size',
      `a message of ${size} bytes, at most ${SERVER_LIMITS.maxBodyBytes} are taken`,
      'RESOURCE_EXHAUSTED',
    )
  return size
}

function frame(kind: number, payload: Uint8Array, framing: Framing): Uint8Array {
  const bytes = Buffer.alloc(HEADER_BYTES + payload.length)
  bytes[0] = kind
  bytes.writeUInt32BE(payload.length, 1)
  bytes.set(payload, HEADER_BYTES)
  // each frame is a base64 text of its own, so that a stream can be read as it comes
  return framing === 'text' ? Buffer.from(bytes.toString('base64')) : bytes
}

export const dataFrame = (message: Uint8Array, framing: Framing): Uint8Array =>
  frame(FLAG.data, message, framing)

/** How a call ended, as native gRPC's trailers. */
export const trailersOf = ({ code, message }: RpcStatus): Record<string, string> => ({
  'grpc-status': String(STATUS[code]),
  'grpc-message': percentEncode(message.slice(0, SERVER_LIMITS.maxMessageLength)),
})

/** How a call ended, as gRPC-web has it: in a last frame. */
export function trailerFrame(status: RpcStatus, framing: Framing): Uint8Array {
  const text = Object.entries(trailersOf(status)).map(([name, value]) => `${name}:${value}\r\n`)
  return frame(FLAG.trailer, Buffer.from(text.join('')), framing)
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
