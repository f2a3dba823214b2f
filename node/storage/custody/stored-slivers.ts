import { type Codec, CodecError } from '../../../codec/index.ts'
import type { BlobMetadata, SliverRef } from '../../../codec/types.ts'
import type { PeerContext, SliverStore } from '../../../protocols/ports.ts'

export interface StoredSlivers {
  codec: Pick<Codec, 'verifySliver'>
  slivers: Pick<SliverStore, 'holds'>
}

/** Looks under way at a time for one upload: enough to keep disk and threads busy. */
const CONCURRENT_LOOKS = 4

/**
 * Those of the slivers that are not stored, or not as the metadata says; in their order. With `timeMs`, those too that were
 * not looked at by then. Work that is not done already is accounted to the peer, as that for slivers that arrive.
 */
export async function missingOf(
  { codec, slivers }: StoredSlivers,
  metadata: BlobMetadata,
  refs: readonly SliverRef[],
  { signal, quota }: PeerContext,
  timeMs = Number.POSITIVE_INFINITY,
): Promise<SliverRef[]> {
  const until = performance.now() + timeMs
  const missing = new Set<SliverRef>(refs)
  const left = refs.values()
  const look = async (): Promise<void> => {
    for (const ref of left) {
      if (performance.now() > until) return
      const isRight = (bytes: Uint8Array) => isSliver(codec, metadata, ref, bytes, signal)
      const check = { signal, isRight, ...(quota === undefined ? {} : { quota }) }
      if (await slivers.holds(metadata.blobId, ref, check)) missing.delete(ref)
    }
  }
  await Promise.all(Array.from({ length: CONCURRENT_LOOKS }, look))
  return refs.filter(ref => missing.has(ref))
}

/** Whether the bytes are the sliver that the metadata commits to. */
export async function isSliver(
  codec: Pick<Codec, 'verifySliver'>,
  metadata: BlobMetadata,
  ref: SliverRef,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await codec.verifySliver(metadata, ref, bytes, { signal })
    return true
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof CodecError && /^SLIVER_/.test(error.code)) return false
    throw error
  }
}
