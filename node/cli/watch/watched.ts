import { ChainError } from '../../../chain/index.ts'
import type { BlobObject, ChainWriter, ExtendOptions, FullCoordinator } from '../../../chain/types/index.ts'
import { storageUnits } from '../../../codec/index.ts'
import type { ObjectId } from '../../../codec/types.ts'

/** A blob by the object that is watched: its own, or the shared one around it. */
export interface WatchedBlob extends BlobObject {
  /** of a shared one: what it pays for by itself */
  fundsFrost?: bigint
}

type Chain = Pick<FullCoordinator, 'blob' | 'sharedBlob' | 'system'>
type Manager = Pick<ReturnType<FullCoordinator['manager']>, 'extendShared'>
type Extend = Pick<ChainWriter, 'extend'>

/** Blobs of an owner and shared ones alike. Undefined for what is neither. */
export async function watchedBlob(
  chain: Pick<Chain, 'blob' | 'sharedBlob'>,
  objectId: ObjectId,
  options: { signal: AbortSignal },
): Promise<WatchedBlob | undefined> {
  const own = await chain.blob(objectId, options)
  if (own !== undefined) return own
  const shared = await chain.sharedBlob(objectId, options)
  return shared && { ...shared.blob, objectId, fundsFrost: shared.fundsFrost }
}

/** Extends them: a shared one by its funds, and the wallet pays what these lack, in the same transaction. */
export function extendWatched(chain: Chain, writer: Extend, manager: Manager): Extend {
  return {
    async extend(objectId: ObjectId, epochs: number, options: ExtendOptions = {}) {
      const { signal = new AbortController().signal, untilEpoch, maxCostFrost } = options
      const blob = await watchedBlob(chain, objectId, { signal })
      if (blob?.fundsFrost === undefined) return await writer.extend(objectId, epochs, options)
      const { storage, fundsFrost } = blob
      // anybody may have extended it
      if (untilEpoch !== undefined && storage.endEpoch >= untilEpoch)
        return { digest: '', costFrost: 0n, blob }
      const { storagePriceFrost } = await chain.system({ signal })
      const costFrost = BigInt(storageUnits(Number(storage.storageSize))) * storagePriceFrost * BigInt(epochs)
      const fundFrost = costFrost > fundsFrost ? costFrost - fundsFrost : 0n
      if (maxCostFrost !== undefined && fundFrost > maxCostFrost) {
        const message = `it costs ${fundFrost} FROST more than it has by now, and may cost ${maxCostFrost}`
        throw new ChainError('COST_ABOVE_LIMIT', message, { costFrost: fundFrost, limitFrost: maxCostFrost })
      }
      const { digest } = await manager.extendShared(objectId, epochs, { fundFrost, signal })
      const after = await watchedBlob(chain, objectId, { signal })
      return { digest, costFrost: fundFrost, blob: after ?? blob }
    },
  }
}
