import type { SliverBytes } from '../../codec/index.ts'
import type { BlobId, SliverRef } from '../../codec/types.ts'
import { openBytes } from '../../node/storage/store/open-bytes.ts'
import type { SliverStore } from '../../protocols/ports.ts'

/** A store that keeps everything honestly and lies when asked. */
function lying(
  store: SliverStore,
  lie: (blobId: BlobId, ref: SliverRef, truth: Uint8Array) => Promise<Uint8Array>,
): SliverStore {
  const get: SliverStore['get'] = async (blobId, ref, options) => {
    const truth = await store.get(blobId, ref, options)
    return truth === undefined ? undefined : lie(blobId, ref, truth)
  }
  return {
    has: (blobId, ref) => store.has(blobId, ref),
    holds: (blobId, ref, check) => store.holds(blobId, ref, check),
    put: (blobId, ref, bytes, options) => store.put(blobId, ref, bytes, options),
    list: blobId => store.list(blobId),
    delete: blobId => store.delete(blobId),
    get,
    async open(blobId, ref, options) {
      const bytes = await get(blobId, ref, options)
      return bytes && openBytes(bytes)
    },
  }
}

/** Flips one bit of the data. */
export const altering = (store: SliverStore): SliverStore =>
  lying(store, async (_, __, truth) => {
    const lie = truth.slice()
    lie[Math.floor(lie.length / 2)]! ^= 1
    return lie
  })

/** Says that the sliver is another one of the blob: the index is the last two bytes. */
export const misnaming = (store: SliverStore): SliverStore =>
  lying(store, async (_, __, truth) => {
    const lie = truth.slice()
    lie[lie.length - 2]! ^= 1
    return lie
  })

/** Gives valid slivers of another blob of the same size. */
export const confusing =
  (other: (ref: SliverRef) => SliverBytes['bytes']) =>
  (store: SliverStore): SliverStore =>
    lying(store, async (_, ref) => other(ref))
