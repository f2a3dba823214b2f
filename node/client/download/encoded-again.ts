import type { Semaphore } from '../../../base/semaphore.ts'
import type { BlobMetadata } from '../../../codec/types.ts'
import type { Spool, UploadDisk } from '../upload/disk.ts'
import type { OpenSource } from '../upload/source.ts'

/** Where blobs are encoded again that are too large for memory. */
export interface EncodingAgain {
  disk: Pick<UploadDisk, 'spool' | 'metadata'>
  /** smaller ones are in memory */
  aboveBytes: number
  /** bytes on the disk, of all that are there: capacity `AGAIN_BYTES` */
  room: Semaphore
}

/** The largest blob of 1000 shards and its working file, or some smaller ones. */
export const AGAIN_BYTES = 32 * 1024 ** 3
/** as much as the blob, and half of it while it is encoded */
const DISK_PER_BYTE = 1.5
const PIECE_BYTES = 1024 * 1024

/** A blob on the disk that encodes to its blob ID. Dispose of it. */
export interface ProvenBlob extends AsyncDisposable {
  stream(range: { start: number; end: number }, signal: AbortSignal): AsyncGenerator<Uint8Array>
}

/**
 * Takes a blob's rows, all of them in order, to the disk, and encodes them again. Undefined when they give another blob ID. Throws what the
 * rows do, node's file errors, or the signal's reason.
 */
export async function encodeAgain(
  { disk, room }: EncodingAgain,
  { blobId, nShards, unencodedLength }: BlobMetadata,
  rows: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<ProvenBlob | undefined> {
  const hold = await room.take(DISK_PER_BYTE * unencodedLength, signal)
  let spool: Spool | undefined
  const free = async () => {
    await spool?.[Symbol.asyncDispose]()
    hold.release()
  }
  try {
    spool = await disk.spool(DISK_PER_BYTE * unencodedLength)
    for await (const row of rows) await spool.append(row)
    const source = spool.source()
    const found = await disk.metadata(source, nShards, { signal })
    if (found.blobId !== blobId) {
      await free()
      return undefined
    }
    hold.shrink(unencodedLength)
    const blob = await source.open()
    return {
      stream: ({ start, end }, ended) => piecesOf(blob, start, end, ended),
      async [Symbol.asyncDispose]() {
        await blob[Symbol.asyncDispose]()
        await free()
      },
    }
  } catch (error) {
    await free()
    throw error
  }
}

async function* piecesOf(
  blob: OpenSource,
  start: number,
  end: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for (let at = start; at < end; at += PIECE_BYTES) {
    signal.throwIfAborted()
    const piece = new Uint8Array(Math.min(PIECE_BYTES, end - at))
    await blob.read(at, piece)
    yield piece
  }
}
