import { encodedSize, storageUnits } from '../../../codec/index.ts'
import type { BlobId, BlobMetadata, Epoch } from '../../../codec/types.ts'
import { isOwedSince } from '../epochs/whole.ts'
import type { BlobRecords } from '../store/blob-records.ts'
import type { BlobState } from '../store/blob-state.ts'
import { blobHex } from '../store/keys.ts'
import type { MetadataStore } from '../store/metadata-store.ts'
import type { RoundRecords, WasOwed } from '../store/round-records.ts'

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
  rounds: Pick<RoundRecords, 'wereOwed'>
}

/** Records that are looked at in one go. */
const SLICE = 256

/**
 * What is owed in a round, in the order of the IDs' bytes: blobs that were certified before its epoch and lived, not found invalid,
 * as it was opened. The same for all who have applied the events up to there, however many have come since, or come meanwhile. Rejects
 * while the node lacks the metadata of one that it did not see being registered.
 */
export async function* owedBlobs(
  init: OwedInit,
  epoch: Epoch,
  signal: AbortSignal,
): AsyncGenerator<OwedBlob, void> {
  const { nShards, blobs, metadata, rounds } = init
  let rank = 0
  for (let after: BlobId | undefined; ; ) {
    signal.throwIfAborted()
    const slice = await blobs.slice({ after, limit: SLICE })
    const isLast = slice.length < SLICE
    const upTo = isLast ? undefined : slice.at(-1)![0]
    // after the records: whatever has changed since they were read was noted with it
    const notes = await rounds.wereOwed({ after, upTo })
    for (const { blobId, size } of merged(slice, notes, epoch)) {
      const unencodedLength = size ?? (await metadata.get(blobId))?.unencodedLength
      if (unencodedLength === undefined) throw new Error(`the size of blob ${blobId} is not known yet`)
      const units = storageUnits(encodedSize(nShards, unencodedLength))
      yield { blobId, rank: rank++, units, nShards, unencodedLength }
    }
    if (isLast) return
    after = upTo
  }
}

/** Of some blobs in a row: those of which there is a note, with a record or without one any more, and those that are as they were. */
function merged(
  slice: readonly [BlobId, BlobState][],
  notes: ReadonlyMap<BlobId, WasOwed>,
  epoch: Epoch,
): { blobId: BlobId; size: number | undefined }[] {
  const states = new Map(slice)
  const ids = [...states.keys()]
  const forgotten = [...notes.keys()].filter(blobId => !states.has(blobId))
  if (forgotten.length > 0) {
    const hexes = new Map([...ids, ...forgotten].map(blobId => [blobId, blobHex(blobId)]))
    ids.push(...forgotten)
    ids.sort((a, b) => (hexes.get(a)! < hexes.get(b)! ? -1 : 1))
  }
  return ids.flatMap(blobId => {
    const note = notes.get(blobId)
    const state = states.get(blobId)
    return (note?.owed ?? isOwedSince(state, epoch)) ? [{ blobId, size: note?.size ?? state?.size }] : []
  })
}
