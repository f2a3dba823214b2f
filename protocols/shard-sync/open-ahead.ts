import type { BlobId, BlobMetadata } from '../../codec/types.ts'
import type { OpenSliver, ShardPage, ShardSource, StatusSource } from '../ports.ts'
import { openSliver } from '../rpc/send-sliver.ts'
import type { ServedRequest } from '../rpc/served-request.ts'

export interface OpenAheadPorts {
  shards: Pick<ShardSource, 'open'>
  status: Pick<StatusSource, 'metadata'>
}

/** What is sent of one blob; undefined is what is not there. */
export interface OpenedBlob {
  blobId: BlobId
  metadata: BlobMetadata | undefined
  primary: OpenSliver | undefined
  secondary: OpenSliver | undefined
}

/**
 * How many blobs of a page are open: the one that is sent, and the next. One after the other, a page takes as long as all its turns
 * at index and disk together; more at a time would take those of readers.
 */
const OPEN_BLOBS = 2

/** Opens the slivers of blobs, in their order, the next while one is sent. A blob's are closed when the one after it is asked for. */
export async function* openAhead(
  served: ServedRequest,
  ports: OpenAheadPorts,
  blobs: ShardPage['blobs'],
  withMetadata: boolean,
): AsyncGenerator<OpenedBlob> {
  const queue = [...blobs]
  const opening: Promise<OpenedBlob & { release: () => void }>[] = []
  try {
    for (;;) {
      while (opening.length < OPEN_BLOBS && queue.length > 0) {
        const next = openBlob(served, ports, queue.shift()!, withMetadata)
        // it may fail before anybody waits for it
        next.catch(() => undefined)
        opening.push(next)
      }
      const first = opening.shift()
      if (first === undefined) return
      const { release, ...blob } = await first
      try {
        yield blob
      } finally {
        release()
      }
    }
  } finally {
    for (const one of opening)
      one.then(
        ({ release }) => release(),
        () => undefined,
      )
  }
}

async function openBlob(
  served: ServedRequest,
  { shards, status }: OpenAheadPorts,
  { blobId, pair }: ShardPage['blobs'][number],
  withMetadata: boolean,
): Promise<OpenedBlob & { release: () => void }> {
  const { quota, signal } = served
  // a piece is what a stream holds of a blob, whatever its slivers' size and however slowly they are taken
  const release = await quota.piece(signal)
  try {
    const [metadata, primary, secondary] = await Promise.all([
      withMetadata ? status.metadata(blobId, { signal }) : undefined,
      openSliver(shards, blobId, { pair, axis: 'primary' }, served),
      openSliver(shards, blobId, { pair, axis: 'secondary' }, served),
    ])
    return { blobId, metadata, primary, secondary, release }
  } catch (error) {
    release()
    throw error
  }
}
