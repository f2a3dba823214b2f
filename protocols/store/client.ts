import type { Clock } from '../../base/clock.ts'
import type { Confirmation, Epoch, SliverRef } from '../../codec/types.ts'
import { ProtocolError } from '../errors.ts'
import type { AbortOptions, StoreHeader } from '../ports.ts'
import type { ClientStream } from '../rpc/client-stream.ts'
import type { PeerAddress } from '../rpc/dial.ts'
import { beginRequest } from '../rpc/request.ts'
import type { StreamPool } from '../rpc/stream-pool.ts'
import { SPECS } from '../specs.ts'
import { writeBody } from '../stream/body.ts'
import { WRITE_CHUNK_BYTES } from '../stream/writer.ts'
import { SliverHeader, StoreConfirmed, StoreRequest, StoreWanted } from './messages.ts'

/** An upload to one node. */
export interface StoreInput {
  header: StoreHeader
  /** `encodeStoreRequest(header)`, for a caller that stores with many nodes */
  request?: Uint8Array
  /** BCS `SliverData` of a sliver; asked for only when the node wants it, right before it is sent. Must stay unchanged. */
  sliver(ref: SliverRef): OutgoingSliver | Promise<OutgoingSliver>
  /** Told how many slivers the node lacks, before the first is sent: by its word, which may be wrong. */
  onWanted?: (slivers: number) => void
}

/** A sliver's bytes: there already, or read as they are sent. */
export type OutgoingSliver = Uint8Array | SlicedSliver

/** A sliver that is read as it is sent, so that it is never in memory as a whole. */
export interface SlicedSliver {
  /** bytes in all */
  readonly length: number
  /** All of it in order, in slices of so many bytes, the last one shorter. Each is sent before the next is asked for. */
  slices(sliceBytes: number): AsyncIterable<Uint8Array>
}

/** What a node signed, not verified. */
export interface StoreOutcome {
  /** the epoch in which the node signed */
  epoch: Epoch
  confirmation: Confirmation
  /** sliver bytes that had to be sent; 0 when the node had them all */
  sentBytes: number
}

const spec = SPECS.store

/** The first message of a store, which is the same for every node. */
export const encodeStoreRequest = (header: StoreHeader): Uint8Array => StoreRequest.encode(header)
/** What a node that takes no more bytes gets to say why. */
const LAST_WORDS_MS = 2_000

/** Stores a blob's slivers with one node. Throws ProtocolError, or the signal's reason. */
export async function storeBlob(
  pool: StreamPool,
  peer: PeerAddress,
  input: StoreInput,
  { signal }: AbortOptions = {},
): Promise<StoreOutcome> {
  const { lease, first } = await beginRequest(pool, peer, signal, async stream => {
    await stream.channel.send(input.request ?? encodeStoreRequest(input.header), {
      signal,
      timeoutMs: spec.chunkTimeoutMs,
    })
    return stream.receive(StoreWanted, { signal, timeoutMs: spec.responseTimeoutMs })
  })
  try {
    const distinct = new Set(first.slivers.map(({ axis, pair }) => `${axis} ${pair}`))
    if (distinct.size < first.slivers.length) throw new ProtocolError('VIOLATION')
    input.onWanted?.(first.slivers.length)
    const { confirmation, sentBytes } = await sendSlivers(
      lease.stream,
      pool.clock,
      first.slivers,
      input,
      signal,
    )
    lease.release()
    return { epoch: first.epoch, confirmation, sentBytes }
  } catch (error) {
    lease.discard(error)
    throw error
  }
}

/**
 * Sends what is wanted while listening for the answer: a node that refuses says so before it has read everything, and
 * then the sending must stop, and the node's reason is the one that counts.
 */
async function sendSlivers(
  stream: ClientStream,
  clock: Clock,
  slivers: readonly SliverRef[],
  input: StoreInput,
  signal: AbortSignal | undefined,
): Promise<{ confirmation: Confirmation; sentBytes: number }> {
  const stop = new AbortController()
  const both = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal])
  const answer = stream.receive(StoreConfirmed, { signal: both })
  // an answer before everything is sent is a refusal, or cannot be meant: nothing more needs to be sent
  const early = (): void => stop.abort(new ProtocolError('VIOLATION'))
  let onAnswer = early
  answer.then(
    () => onAnswer(),
    () => onAnswer(),
  )
  try {
    const sentBytes = await sendAll(stream, slivers, input, both)
    const limit = clock.countdown(spec.responseTimeoutMs, () => stop.abort(new ProtocolError('TIMEOUT')))
    onAnswer = () => limit.stop()
    return { confirmation: await answer, sentBytes }
  } catch (error) {
    // when the stream broke, its last words may still have to be read; otherwise no answer will come
    const broken = error instanceof ProtocolError && ['CONNECTION_LOST', 'PATH_LOST'].includes(error.code)
    if (!broken) stop.abort(error)
    const last = clock.countdown(LAST_WORDS_MS, () => stop.abort(error))
    throw await answer
      .then(
        () => error,
        (reason: unknown) => reason,
      )
      .finally(() => last.stop())
  }
}

/** Returns the number of sliver bytes sent. */
async function sendAll(
  stream: ClientStream,
  slivers: readonly SliverRef[],
  input: StoreInput,
  signal: AbortSignal,
): Promise<number> {
  const limits = { signal, timeoutMs: spec.chunkTimeoutMs }
  let sentBytes = 0
  for (const ref of slivers) {
    const data = await input.sliver(ref)
    await stream.send(SliverHeader, { ref, length: data.length }, limits)
    if (data instanceof Uint8Array) await writeBody(stream.channel.writer, data, limits)
    else {
      for await (const slice of data.slices(WRITE_CHUNK_BYTES))
        await writeBody(stream.channel.writer, slice, limits)
    }
    sentBytes += data.length
  }
  return sentBytes
}
