import { once } from 'node:events'
import { constants, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import { checkEncoding, dataFrame, readMessages, replyType, trailersOf } from './framing.ts'
import { runCall } from './run-call.ts'
import { SERVER_LIMITS } from './server-limits.ts'
import type { Serving } from './serving.ts'
import { RpcStatus } from './status.ts'

const single = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value[0] : value

/** One call of native gRPC on its HTTP/2 stream: headers, messages, trailers. */
export async function serveNative(
  { stream, headers }: Http2ServerRequest,
  response: Http2ServerResponse,
  { methods, account, clock, closing, metadata, ended }: Serving,
): Promise<void> {
  const path = headers[':path'] ?? ''
  const hangUp = new AbortController()
  stream.on('close', () => hangUp.abort(new RpcStatus('CANCELLED', 'the caller hung up')))
  // its close tells what there is to do
  stream.on('error', () => undefined)
  const head = () => ({
    ':status': 200,
    'content-type': replyType(headers['content-type']),
    'grpc-accept-encoding': 'identity',
    ...metadata(),
  })
  const begin = () => {
    if (!stream.headersSent && !stream.destroyed) stream.respond(head(), { waitForTrailers: true })
  }
  const method = methods.get(path)
  const { status, unexpected } = await runCall({
    method,
    path,
    account,
    clock,
    timeout: single(headers['grpc-timeout']),
    signal: AbortSignal.any([hangUp.signal, closing]),
    requests: () => {
      checkEncoding(single(headers['grpc-encoding']))
      // what is still to come after the answer is not worth the stream
      return readMessages(stream.iterator({ destroyOnReturn: false }), account.body)
    },
    begin,
    async send(message, signal) {
      begin()
      if (!stream.write(dataFrame(message, 'native'))) await once(stream, 'drain', { signal })
    },
  })
  ended(path, status, unexpected)
  if (stream.destroyed) return
  const trailers = trailersOf(status)
  if (stream.headersSent) {
    response.addTrailers(trailers)
    stream.end()
  } else stream.respond({ ...head(), ...trailers }, { endStream: true })
  // a caller that is still sending is told to stop, one that does not read is not waited for
  if (!stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR)
  else stream.setTimeout(SERVER_LIMITS.stalledMs, () => stream.close(constants.NGHTTP2_CANCEL))
}
