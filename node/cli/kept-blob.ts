import { deadline } from '../../base/deadline.ts'
import { sleep } from '../../base/wait.ts'
import type { BlobObject } from '../../chain/types.ts'
import type { BlobId, Epoch, ObjectId } from '../../codec/types.ts'
import type { Client } from '../client/types.ts'

/** How long nodes may take to hear from the chain that an object is gone. */
const HEARSAY_MS = 2_000
const ASK_AGAIN_MS = 100

export interface Kept {
  /** epoch in which the blob ends */
  until: Epoch
  /** the object that keeps it, when it is the wallet's */
  by?: ObjectId
}

/**
 * What keeps a blob readable of which one object was just deleted: another of the same owner, or, as the nodes tell,
 * somebody else's. Undefined when nothing does, or nobody can tell.
 */
export async function keptBy(
  { objectId, blobId }: Pick<BlobObject, 'objectId' | 'blobId'>,
  own: readonly BlobObject[],
  epoch: Epoch,
  nodes: Pick<Client, 'status'> | undefined,
  signal: AbortSignal,
): Promise<Kept | undefined> {
  const others = own
    .filter(blob => blob.blobId === blobId && blob.objectId !== objectId)
    .filter(({ certifiedEpoch, storage }) => certifiedEpoch !== undefined && storage.endEpoch > epoch)
    .toSorted((a, b) => b.storage.endEpoch - a.storage.endEpoch)
  if (others[0] !== undefined) return { until: others[0].storage.endEpoch, by: others[0].objectId }
  return nodes && (await stillServed(blobId, nodes, signal))
}

async function stillServed(
  blobId: BlobId,
  nodes: Pick<Client, 'status'>,
  signal: AbortSignal,
): Promise<Kept | undefined> {
  using limit = deadline(HEARSAY_MS, [signal])
  let until: Epoch | undefined
  try {
    for (;;) {
      const { status, endEpoch } = await nodes.status(blobId, { signal: limit.signal })
      if (status !== 'certified') return undefined
      until = endEpoch
      await sleep(ASK_AGAIN_MS, limit.signal)
    }
  } catch {
    signal.throwIfAborted()
    // they went on saying so, or were not to be reached
    return until === undefined ? undefined : { until }
  }
}
