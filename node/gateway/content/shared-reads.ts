import { raceSignal } from 'race-signal'
import type { Clock } from '../../../base/clock.ts'
import type { Timer } from '../../../base/timers.ts'
import type { BlobId } from '../../../codec/types.ts'
import type { BlobHandle, Client } from '../../client/types.ts'

/** What is larger is streamed, to each reader by itself. */
const MAX_BLOB_BYTES = 4 * 2 ** 20
/** A blob that is wanted by many is wanted within this time. */
const KEEP_MS = 5_000
/** of all blobs that are kept */
const KEEP_BYTES = 64 * 2 ** 20

interface Entry {
  data: Promise<Uint8Array>
  size: number
  readers: number
  over: AbortController
  isThere: boolean
  timer?: Timer
}

/**
 * Whole small blobs that many read at a time: read from the nodes once for all of them, and kept for a moment. Whether there is such a
 * blob is not remembered: each request still asks.
 */
export interface SharedReads {
  /** The whole blob; undefined for one that is streamed. Rejects with the signal's reason, and what the client throws. */
  read(
    blob: Pick<BlobHandle, 'blobId' | 'size'>,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array> | undefined
}

export function createSharedReads({
  client,
  clock,
}: {
  client: Pick<Client, 'read'>
  clock: Pick<Clock, 'after'>
}): SharedReads {
  const entries = new Map<BlobId, Entry>()
  let bytes = 0

  function drop(blobId: BlobId, entry: Entry): void {
    if (entries.get(blobId) !== entry) return
    entries.delete(blobId)
    bytes -= entry.size
    entry.timer?.stop()
  }
  /** The one that was wanted first goes first. */
  function makeRoom(): void {
    for (const [blobId, entry] of entries) {
      if (bytes <= KEEP_BYTES) return
      if (entry.readers === 0) drop(blobId, entry)
    }
  }
  function begin({ blobId, size }: Pick<BlobHandle, 'blobId' | 'size'>): Entry {
    const over = new AbortController()
    const data = client.read(blobId, { signal: over.signal }).then(result => result.data)
    const entry: Entry = { data, size, readers: 0, over, isThere: false }
    entries.set(blobId, entry)
    bytes += size
    data.then(
      () => {
        entry.isThere = true
      },
      () => drop(blobId, entry),
    )
    return entry
  }
  function left(blobId: BlobId, entry: Entry): void {
    if (--entry.readers > 0) return
    if (!entry.isThere) {
      drop(blobId, entry)
      entry.over.abort(new DOMException('nobody waits for the blob any more', 'AbortError'))
      return
    }
    entry.timer = clock.after(KEEP_MS, () => drop(blobId, entry), { background: true })
    makeRoom()
  }

  return {
    read(blob, signal) {
      const { blobId, size } = blob
      if (size === 0 || size > MAX_BLOB_BYTES) return undefined
      const entry = entries.get(blobId) ?? begin(blob)
      entry.readers++
      entry.timer?.stop()
      return raceSignal(entry.data, signal).finally(() => left(blobId, entry))
    },
  }
}
