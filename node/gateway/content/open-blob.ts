import type { Clock } from '../../../base/clock.ts'
import type { BlobId } from '../../../codec/types.ts'
import type { BlobHandle, Client, ReadCheck } from '../../client/types.ts'
import { STREAM_ABOVE_BYTES } from '../../client/upload/source.ts'
import type { Exchange } from '../../http/exchange.ts'
import type { Gate } from '../../http/gate.ts'
import type { GatewayLimits } from '../options.ts'
import type { ByteRange } from './range.ts'
import type { Content } from './send.ts'
import type { SharedReads } from './shared-reads.ts'

export interface OpenBlobInit {
  client: Pick<Client, 'open'>
  clock: Clock
  /** requests that ask the network for a size */
  lookups: Gate
  limits: Pick<GatewayLimits, 'readMs'>
}

/** Finds a blob for a request. Close it. */
export type OpenBlob = (exchange: Exchange, blobId: BlobId) => Promise<BlobHandle>

export function createOpenBlob({ client, clock, lookups, limits }: OpenBlobInit): OpenBlob {
  return async ({ address, signal: asked, note }, blobId) => {
    note({ blobId })
    // a blob that nobody has takes an answer of nearly every node
    const permit = await lookups.enter({ bytes: 0, address, signal: asked })
    try {
      using limit = clock.deadline(limits.readMs, [asked])
      return await client.open(blobId, { signal: limit.signal })
    } finally {
      permit.leave()
    }
  }
}

/** A part of a blob that is no larger is read with all of it. */
const WHOLE_FOR_PART_BYTES = 256 * 1024

/**
 * A blob as content. A small one is read once for all who read it at a time, unless it is to be checked in another way; one that is
 * encoded again is that once, for however many ranges.
 */
export function blobContent(blob: BlobHandle, shared: SharedReads, check?: ReadCheck): Content {
  const { blobId, size } = blob
  let strict: Promise<Uint8Array> | undefined
  const readStrict = async (signal: AbortSignal | undefined): Promise<Uint8Array> =>
    Buffer.concat(await Array.fromAsync(blob.stream({ signal, check })))
  return {
    size,
    tag: blobId,
    memoryFor: range => blob.memoryFor(range, check),
    async *stream({ start, end, signal }) {
      const isWhole = size <= WHOLE_FOR_PART_BYTES || end - start === size
      const isShared = check === undefined && isWhole
      // a larger one is in a file of the handle's
      if (check === 'blob' && size <= STREAM_ABOVE_BYTES) strict ??= readStrict(signal)
      const data = isShared ? await shared.read(blob, signal) : await strict
      if (data === undefined) yield* blob.stream({ start, end, signal, check })
      else yield data.subarray(start, end)
    },
  }
}

/** Bytes [start, end) of other content, as content of its own. */
export function partOf(content: Content, { start, end }: ByteRange): Content {
  const shifted = (range: ByteRange) => ({ start: start + range.start, end: start + range.end })
  return {
    size: end - start,
    tag: `${content.tag}-${start}-${end - start}`,
    memoryFor: range => content.memoryFor(shifted(range)),
    stream: ({ signal, ...range }) => content.stream({ ...shifted(range), signal }),
  }
}
