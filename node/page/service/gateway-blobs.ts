import { raceSignal } from 'race-signal'
import { createSemaphore } from '../../../base/semaphore.ts'
import { type BlobCodec, parseBlobId } from '../../../codec/index.ts'
import { PageError } from '../agree.ts'

export interface GatewayBlobsInit {
  fetch(path: string, options: { signal: AbortSignal }): Promise<Response>
  createCodec(): Pick<BlobCodec, 'metadata' | 'close'>
  /** most that one may have */
  maxBytes?: number
}

/** Blobs by way of the gateway, whose word counts for nothing: the blob's ID is computed from what it sent. */
export interface GatewayBlobs {
  /** All of it. Throws NOT_THE_BLOB, the signal's reason, and whatever keeps the gateway from giving it. */
  get(blobId: string, options: { nShards: number; signal: AbortSignal }): Promise<Uint8Array<ArrayBuffer>>
}

/** It is held whole until it was checked. */
const MAX_BYTES = 64 * 1024 * 1024
/** What bounds the memory, with the one that is kept. */
const AT_A_TIME = 2

interface Fetching {
  data: Promise<Uint8Array<ArrayBuffer>>
  stop: AbortController
  waiting: number
}

/** Fetches a blob once for all who wait for it, and keeps the last: players ask for a piece at a time. */
export function createGatewayBlobs(init: GatewayBlobsInit): GatewayBlobs {
  const { maxBytes = MAX_BYTES } = init
  const room = createSemaphore(AT_A_TIME)
  const fetching = new Map<string, Fetching>()
  let last: { blobId: string; data: Uint8Array<ArrayBuffer> } | undefined

  async function fetchWhole(blobId: string, nShards: number, signal: AbortSignal) {
    const place = await room.take(1, signal)
    try {
      const answer = await init.fetch(`/v1/blobs/${blobId}`, { signal })
      if (!answer.ok) throw new Error(`the gateway does not have it: HTTP status ${answer.status}`)
      const data = await bytesOf(answer, maxBytes)
      await check(blobId, data, { nShards, signal })
      last = { blobId, data }
      return data
    } finally {
      place.release()
    }
  }
  async function check(
    blobId: string,
    data: Uint8Array,
    { nShards, signal }: Parameters<GatewayBlobs['get']>[1],
  ) {
    const codec = init.createCodec()
    try {
      const { blobId: found } = await codec.metadata(data, nShards, { signal })
      if (found !== parseBlobId(blobId))
        throw new PageError('NOT_THE_BLOB', `the gateway sent ${found} in place of ${blobId}`, { blobId })
    } finally {
      await codec.close()
    }
  }
  const leave = (blobId: string, whole: Fetching): void => {
    if (fetching.get(blobId) === whole) fetching.delete(blobId)
  }
  function begin(blobId: string, nShards: number): Fetching {
    const stop = new AbortController()
    const begun = { data: fetchWhole(blobId, nShards, stop.signal), stop, waiting: 0 }
    const end = (): void => leave(blobId, begun)
    begun.data.then(end, end)
    fetching.set(blobId, begun)
    return begun
  }

  return {
    async get(blobId, { nShards, signal }) {
      signal.throwIfAborted()
      if (last?.blobId === blobId) return last.data
      const shared = fetching.get(blobId) ?? begin(blobId, nShards)
      shared.waiting++
      try {
        return await raceSignal(shared.data, signal)
      } finally {
        shared.waiting--
        if (shared.waiting === 0) {
          leave(blobId, shared)
          shared.stop.abort(new Error('nobody waits for it any more'))
        }
      }
    },
  }
}

/** Counted as they come: a length may be missing, or a lie. */
async function bytesOf(answer: Response, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array<ArrayBuffer>[] = []
  let size = 0
  for await (const piece of piecesOf(answer)) {
    size += piece.length
    if (size > maxBytes) throw new Error(`the gateway sends more than ${maxBytes} bytes`)
    pieces.push(piece)
  }
  return new Uint8Array(await new Blob(pieces).arrayBuffer())
}

/** Not every browser iterates over a stream. */
async function* piecesOf({ body }: Response): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  const reader = body?.getReader()
  try {
    for (let next = await reader?.read(); next?.done === false; next = await reader?.read()) yield next.value
  } finally {
    // after the last piece it does nothing
    await reader?.cancel().catch(() => undefined)
  }
}
