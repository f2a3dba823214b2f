import { sliverLength } from '../../codec/index.ts'
import type { SliverRef } from '../../codec/types.ts'
import { ProtocolError } from '../errors.ts'
import type { Custody, StoreHeader, StoreSession } from '../ports.ts'
import { type Exchange, type RequestHandler, respond } from '../rpc/exchange.ts'
import { readBody } from '../stream/body.ts'
import { SliverHeader, StoreConfirmed, StoreRequest, StoreWanted } from './messages.ts'
import { createReceiveBuffers, type ReceiveBuffers } from './receive-buffers.ts'

/** Slivers being checked and written while the next ones arrive: enough to overlap their fsyncs. */
const CONCURRENT_ACCEPTS = 8

export function storeHandler(custody: Custody): RequestHandler {
  const buffers = createReceiveBuffers()
  return async (bytes, exchange) => {
    const { peer, signal, quota } = exchange
    const header = StoreRequest.decode(bytes)
    exchange.note({ blobId: header.metadata.blobId })
    const session = await custody.open(header, { peer, signal, quota })
    try {
      await respond(exchange, StoreWanted, { epoch: session.epoch, slivers: [...session.wanted] })
      await receiveSlivers(header, session, exchange, buffers)
      await respond(exchange, StoreConfirmed, await session.confirm())
    } finally {
      session.close()
    }
  }
}

/** Takes in every wanted sliver, each exactly once, and persists several at a time. */
async function receiveSlivers(
  header: StoreHeader,
  session: StoreSession,
  exchange: Exchange,
  buffers: ReceiveBuffers,
): Promise<void> {
  const expected = new Set(session.wanted.map(refKey))
  const accepting = new Set<Promise<void>>()
  // aborted by the first sliver that is not accepted: the client is told at once
  const refused = new AbortController()
  const signal = AbortSignal.any([exchange.signal, refused.signal])
  try {
    while (expected.size > 0) {
      const { ref, bytes, giveBack } = await receiveSliver(header, expected, { ...exchange, signal }, buffers)
      const accepted = session
        .accept(ref, bytes)
        .catch(error => refused.abort(error))
        .finally(() => {
          giveBack()
          accepting.delete(accepted)
        })
      accepting.add(accepted)
      if (accepting.size >= CONCURRENT_ACCEPTS) await Promise.race(accepting)
    }
  } finally {
    // the session must not be closed under a write
    await Promise.all(accepting)
  }
  refused.signal.throwIfAborted()
}

interface Received {
  ref: SliverRef
  bytes: Uint8Array
  giveBack: () => void
}

async function receiveSliver(
  { metadata }: StoreHeader,
  expected: Set<string>,
  { channel, quota, spec, signal, moved }: Exchange,
  buffers: ReceiveBuffers,
): Promise<Received> {
  const limits = { signal, timeoutMs: spec.chunkTimeoutMs }
  const { ref, length } = SliverHeader.decode(await channel.receive(spec.maxRequestBytes, limits))
  const args = { pair: ref.pair, axis: ref.axis }
  if (!expected.delete(refKey(ref))) throw new ProtocolError('UNWANTED_SLIVER', { args })
  const expectedBytes = sliverLength(metadata.nShards, metadata.unencodedLength, ref.axis)
  if (length !== expectedBytes) {
    throw new ProtocolError('SLIVER_SIZE', { args: { ...args, expectedBytes, actualBytes: length } })
  }
  const release = await quota.hold(length, signal)
  const bytes = buffers.take(length)
  const giveBack = (): void => {
    buffers.give(bytes)
    release()
  }
  try {
    const pace = (bytes: number): Promise<void> => quota.pace(bytes, signal)
    await readBody(channel.reader, bytes, { ...limits, pace })
    moved('in', length)
    return { ref, bytes, giveBack }
  } catch (error) {
    giveBack()
    throw error
  }
}

function refKey({ pair, axis }: SliverRef): string {
  return `${axis} ${pair}`
}
