import type { Clock } from '../../../base/clock.ts'
import { createSemaphore } from '../../../base/semaphore.ts'
import { type Codec, CodecError } from '../../../codec/index.ts'
import type { BlobMetadata, SliverRef } from '../../../codec/types.ts'
import type { PeerContext, SliverStore } from '../../../protocols/ports.ts'

export interface VerifierComponents {
  codec: Pick<Codec, 'verifySliver'>
  slivers: Pick<SliverStore, 'holds'>
  clock: Clock
}

/** Tells slivers that are right from those that are not, few bytes at a time. */
export interface SliverVerifier {
  /**
   * Runs `work` on so many bytes of slivers when it is their turn. All that verifies a sliver, or takes a large one into
   * memory as a whole, does so in here. `work` must not wait for another turn.
   */
  inTurn<T>(bytes: number, signal: AbortSignal, work: () => Promise<T>): Promise<T>
  /** Whether the bytes are the sliver that the metadata commits to. To be asked in one's turn. */
  isSliver(metadata: BlobMetadata, ref: SliverRef, bytes: Uint8Array, signal: AbortSignal): Promise<boolean>
  /**
   * Those of the slivers that are not stored, or not as the metadata says; in their order. With `timeMs`, those too that were
   * not looked at by then. Work that is not done already is accounted to the peer, as that for slivers that arrive.
   */
  missingOf(
    metadata: BlobMetadata,
    refs: readonly SliverRef[],
    context: PeerContext,
    timeMs?: number,
  ): Promise<SliverRef[]>
}

/**
 * Bytes of slivers that are verified at a time; the largest of all is alone. The codec needs the whole sliver, a copy of it
 * and its expansion to n symbols (1.5 times a primary one, 3 times a secondary one): up to 160 MiB for 32.
 */
const VERIFYING_BYTES = 32 * 1024 * 1024
/** Looks under way at a time for one upload: enough to keep disk and threads busy. */
const CONCURRENT_LOOKS = 4

export function createSliverVerifier(
  { codec, slivers, clock }: VerifierComponents,
  verifyingBytes = VERIFYING_BYTES,
): SliverVerifier {
  const turns = createSemaphore(verifyingBytes)

  const verifier: SliverVerifier = {
    async inTurn(bytes, signal, work) {
      const turn = await turns.take(bytes, signal)
      try {
        return await work()
      } finally {
        turn.release()
      }
    },
    async isSliver(metadata, ref, bytes, signal) {
      try {
        await codec.verifySliver(metadata, ref, bytes, { signal })
        return true
      } catch (error) {
        signal.throwIfAborted()
        if (error instanceof CodecError && /^SLIVER_/.test(error.code)) return false
        throw error
      }
    },
    async missingOf(metadata, refs, { signal, quota }, timeMs = Number.POSITIVE_INFINITY) {
      const until = clock.monotonic() + timeMs
      const missing = new Set<SliverRef>(refs)
      const left = refs.values()
      const look = async (): Promise<void> => {
        for (const ref of left) {
          if (clock.monotonic() > until) return
          const isRight = (bytes: Uint8Array) =>
            verifier.inTurn(bytes.length, signal, () => verifier.isSliver(metadata, ref, bytes, signal))
          const check = { signal, isRight, quota }
          if (await slivers.holds(metadata.blobId, ref, check)) missing.delete(ref)
        }
      }
      await Promise.all(Array.from({ length: CONCURRENT_LOOKS }, look))
      return refs.filter(ref => missing.has(ref))
    },
  }
  return verifier
}
