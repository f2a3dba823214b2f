import { CodecError } from '../../../../codec/index.ts'
import { blobIdOfSliver, refOfSliverKey } from '../keys.ts'
import type { Checking } from './check-store.ts'

/** Whether the blob's metadata say otherwise: that takes an expansion, and is looked at only when it is asked for. */
export async function isRefuted(
  { codec, isDeep, metadataOf, signal }: Checking,
  key: string,
  bytes: Uint8Array,
): Promise<boolean> {
  const metadata = isDeep ? await metadataOf(blobIdOfSliver(key)) : undefined
  if (metadata === undefined) return false
  try {
    await codec.verifySliver(metadata, refOfSliverKey(key), bytes, signal && { signal })
    return false
  } catch (error) {
    signal?.throwIfAborted()
    if (error instanceof CodecError) return true
    throw error
  }
}
