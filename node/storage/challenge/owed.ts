import { encodedSize, storageUnits } from '../../../codec/index.ts'
import type { BlobId, BlobMetadata, Epoch } from '../../../codec/types.ts'
import { isOwedSince } from '../epochs/whole.ts'
import type { BlobRecords } from '../store/blob-records.ts'
import { blobHex } from '../store/keys.ts'
import type { MetadataStore } from '../store/metadata-store.ts'
import type { RoundRecords } from '../store/round-records.ts'

/** One that every node owes in a round. */
export interface OwedBlob extends Pick<BlobMetadata, 'nShards' | 'unencodedLength'> {
  blobId: BlobId
  /** its position among all that are owed */
  rank: number
  /** storage units that it pays for */
  units: number
}

export interface OwedInit {
  nShards: number
  blobs: Pick<BlobRecords, 'slice'>
  metadata: Pick<MetadataStore, 'get'>
  rounds: Pick<RoundRecords, 'allWasOwed'>
}

/** Records that are looked at in one go. */
const SLICE = 256

/**
 * What is owed in a round, in the order of the IDs' bytes: blobs that were certified before its epoch and lived, not found invalid,
 * as it was opened. The same for all who have applied the events up to there, however many have come since. Rejects while the
 * node lacks the metadata of one that it did not see being registered.
 */
export async function* owedBlobs(
  init: OwedInit,
  epoch: Epoch,
  signal: AbortSignal,
): AsyncGenerator<OwedBlob, void> {
  const { nShards } = init
  let rank = 0
  for await (const { blobId, size } of candidates(init, epoch, signal)) {
    const unencodedLength = size ?? (await init.metadata.get(blobId))?.unencodedLength
    if (unencodedLength === undefined) throw new Error(`the size of blob ${blobId} is not known yet`)
    const units = storageUnits(encodedSize(nShards, unencodedLength))
    yield { blobId, rank: rank++, units, nShards, unencodedLength }
  }
}

interface Candidate {
  blobId: BlobId
  size: number | undefined
}

async function* candidates(
  { blobs, rounds }: OwedInit,
  epoch: Epoch,
  signal: AbortSignal,
): AsyncGenerator<Candidate, void> {
  const notes = await rounds.allWasOwed()
  // of those of which no record is left
  const forgotten = [...notes].flatMap(([blobId, { owed, size }]) => (owed ? [{ blobId, size }] : []))
  forgotten.sort((a, b) => (blobHex(a.blobId) < blobHex(b.blobId) ? 1 : -1))
  for (let after: BlobId | undefined; ; ) {
    signal.throwIfAborted()
    const slice = await blobs.slice({ after, limit: SLICE })
    for (const [blobId, state] of slice) {
      while (forgotten.length > 0 && blobHex(forgotten.at(-1)!.blobId) < blobHex(blobId))
        yield forgotten.pop()!
      if (forgotten.at(-1)?.blobId === blobId) forgotten.pop()
      const note = notes.get(blobId)
      if (note?.owed ?? isOwedSince(state, epoch)) yield { blobId, size: note?.size ?? state.size }
    }
    if (slice.length < SLICE) break
    after = slice.at(-1)![0]
  }
  while (forgotten.length > 0) yield forgotten.pop()!
}
