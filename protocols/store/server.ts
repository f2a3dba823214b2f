import { sliverLength } from '../../codec/index.ts'
import type { SliverRef } from '../../codec/types.ts'
import { ProtocolError } from '../errors.ts'
import type { ArrivingSliver, Custody, StoreHeader, StoreSession } from '../ports.ts'
import { type RequestHandler, respond, type ServedRequest } from '../rpc/served-request.ts'
import { readBody } from '../stream/body.ts'
import { WRITE_CHUNK_BYTES } from '../stream/writer.ts'
import { SliverHeader, StoreConfirmed, StoreRequest, StoreWanted } from './messages.ts'

/** Slivers being checked and written while the next ones arrive: enough to overlap their fsyncs. */
const CONCURRENT_ACCEPTS = 8

export function storeHandler(custody: Custody): RequestHandler {
  return async (bytes, served) => {
    const { peer, signal, quota } = served
    const header = StoreRequest.decode(bytes)
    served.note({ blobId: header.metadata.blobId })
    const session = await custody.open(header, { peer, signal, quota })
    try {
      served.expect('in', bytesOf(header, session.wanted))
      await respond(served, StoreWanted, { epoch: session.epoch, slivers: [...session.wanted] })
      await receiveSlivers(header, session, served)
      await respond(served, StoreConfirmed, await session.confirm())
    } finally {
      session.close()
    }
  }
}

function bytesOf({ metadata }: StoreHeader, refs: readonly SliverRef[]): number {
  return refs.reduce(
    (sum, { axis }) => sum + sliverLength(metadata.nShards, metadata.unencodedLength, axis),
    0,
  )
}

/** Takes in every wanted sliver, each exactly once, and persists several at a time. */
async function receiveSlivers(
  header: StoreHeader,
  session: StoreSession,
  served: ServedRequest,
): Promise<void> {
  const expected = new Set(session.wanted.map(refKey))
  const accepting = new Set<Promise<void>>()
  // aborted by the first sliver that is not accepted: the client is told at once
  const refused = new AbortController()
  const signal = AbortSignal.any([served.signal, refused.signal])
  try {
    const receive = createReceiver(header, session, { ...served, signal })
    while (expected.size > 0) {
      const { arriving, giveBack } = await receive(expected)
      const accepted = arriving
        .accept()
        .catch(error => refused.abort(error))
        .finally(() => {
          accepting.delete(accepted)
          return giveBack()
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
  arriving: ArrivingSliver
  giveBack: () => Promise<void>
}

/** Takes in one sliver after the other, in steps of a chunk each. */
function createReceiver(
  { metadata }: StoreHeader,
  session: StoreSession,
  { channel, quota, spec, signal, moved }: ServedRequest,
): (expected: Set<string>) => Promise<Received> {
  const limits = { signal, timeoutMs: spec.chunkTimeoutMs }
  const pace = (bytes: number): Promise<void> => quota.pace(bytes, signal)
  let chunk = new Uint8Array()

  return async expected => {
    const { ref, length } = SliverHeader.decode(await channel.receive(spec.maxRequestBytes, limits))
    const details = { pair: ref.pair, axis: ref.axis }
    if (!expected.delete(refKey(ref))) throw new ProtocolError('UNWANTED_SLIVER', { details })
    const expectedBytes = sliverLength(metadata.nShards, metadata.unencodedLength, ref.axis)
    if (length !== expectedBytes) {
      throw new ProtocolError('SLIVER_SIZE', { details: { ...details, expectedBytes, actualBytes: length } })
    }
    const release = await quota.hold(length, signal)
    let arriving: ArrivingSliver | undefined
    const giveBack = async (): Promise<void> => {
      try {
        await arriving?.close()
      } finally {
        release()
      }
    }
    try {
      arriving = await session.receive(ref)
      if (chunk.length < Math.min(length, WRITE_CHUNK_BYTES))
        chunk = new Uint8Array(Math.min(length, WRITE_CHUNK_BYTES))
      for (let at = 0; at < length; at += chunk.length) {
        const part = chunk.subarray(0, length - at)
        await readBody(channel.reader, part, { ...limits, pace })
        await arriving.write(part)
      }
      moved('in', length)
      return { arriving, giveBack }
    } catch (error) {
      await giveBack()
      throw error
    }
  }
}

function refKey({ pair, axis }: SliverRef): string {
  return `${axis} ${pair}`
}
