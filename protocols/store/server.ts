import { sliverLength } from '../../codec/index.ts'
import type { SliverRef } from '../../codec/types.ts'
import { ProtocolError } from '../errors.ts'
import type { Custody, StoreHeader, StoreSession } from '../ports.ts'
import { type Exchange, type RequestHandler, respond } from '../rpc/exchange.ts'
import { readBody } from '../stream/body.ts'
import { SliverHeader, StoreConfirmed, StoreRequest, StoreWanted } from './messages.ts'

/** Slivers being checked and written while the next ones arrive: enough to overlap their fsyncs. */
const CONCURRENT_ACCEPTS = 8

export function storeHandler(custody: Custody): RequestHandler {
  return async (bytes, exchange) => {
    const { peer, signal } = exchange
    const header = StoreRequest.decode(bytes)
    exchange.note({ blobId: header.metadata.blobId })
    const session = await custody.open(header, { peer, signal })
    try {
      await respond(exchange, StoreWanted, { epoch: session.epoch, slivers: [...session.wanted] })
      await receiveSlivers(header, session, exchange)
      await respond(exchange, StoreConfirmed, await session.confirm())
    } finally {
      session.close()
    }
  }
}

/** Takes in every wanted sliver, each exactly once, and persists several at a time. */
async function receiveSlivers(header: StoreHeader, session: StoreSession, exchange: Exchange): Promise<void> {
  const expected = new Set(session.wanted.map(refKey))
  const accepting = new Set<Promise<void>>()
  let failure: { error: unknown } | undefined
  try {
    while (expected.size > 0) {
      const { ref, bytes, giveBack } = await receiveSliver(header, expected, exchange)
      const accepted = session
        .accept(ref, bytes)
        .catch(error => {
          failure ??= { error }
        })
        .finally(() => {
          giveBack()
          accepting.delete(accepted)
        })
      accepting.add(accepted)
      if (accepting.size >= CONCURRENT_ACCEPTS) await Promise.race(accepting)
      if (failure !== undefined) break
    }
  } finally {
    // the session must not be closed under a write
    await Promise.all(accepting)
  }
  if (failure !== undefined) throw failure.error
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
): Promise<Received> {
  const limits = { signal, timeoutMs: spec.chunkTimeoutMs }
  const { ref, length } = SliverHeader.decode(await channel.receive(spec.maxRequestBytes, limits))
  const args = { pair: ref.pair, axis: ref.axis }
  if (!expected.delete(refKey(ref))) throw new ProtocolError('UNWANTED_SLIVER', { args })
  const expectedBytes = sliverLength(metadata.nShards, metadata.unencodedLength, ref.axis)
  if (length !== expectedBytes) {
    throw new ProtocolError('SLIVER_SIZE', { args: { ...args, expectedBytes, actualBytes: length } })
  }
  const giveBack = await quota.hold(length, signal)
  try {
    const pace = (bytes: number): Promise<void> => quota.pace(bytes, signal)
    const bytes = await readBody(channel.reader, length, { ...limits, pace })
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
