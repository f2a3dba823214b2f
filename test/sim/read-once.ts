import type { BlobId } from '../../codec/types.ts'
import type { BlobRecords } from '../../node/storage/store/blob-records.ts'
import type { BlobState } from '../../node/storage/store/blob-state.ts'
import { BLOB_PREFIX } from '../../node/storage/store/keys.ts'
import { decodeJson } from '../../node/storage/store/records.ts'
import type { LayeredRecords } from './layered-records.ts'
import type { TokenBlobs } from './tokens.ts'

/** What records of blobs say, by their bytes: most nodes keep the same ones in the same memory. */
export type KnownStates = WeakMap<Uint8Array, BlobState>

/** The same, but that bytes which were decoded once are not decoded again. Nobody may change what it gives. */
export function readOnce(blobs: BlobRecords, records: LayeredRecords, tokens: TokenBlobs): BlobRecords {
  const { states } = tokens
  const stateAt = (key: string): BlobState | undefined => {
    const bytes = records.read(key)
    if (bytes === undefined) return undefined
    const known = states.get(bytes)
    if (known !== undefined) return known
    const state = decodeJson(bytes) as BlobState | undefined
    if (state !== undefined) states.set(bytes, state)
    return state
  }
  const idOf = (key: string): BlobId => tokens.idOf(key.slice(BLOB_PREFIX.length))
  const keyOf = (blobId: BlobId): string => tokens.keyOf(blobId)
  return {
    ...blobs,
    get: async blobId => stateAt(keyOf(blobId)),
    getMany: async blobIds => blobIds.map(blobId => stateAt(keyOf(blobId))),
    async *list() {
      for await (const key of records.keys(BLOB_PREFIX)) {
        const state = stateAt(key)
        if (state !== undefined) yield { blobId: idOf(key), state }
      }
    },
    async slice({ after, limit }) {
      const range = after === undefined ? { limit } : { after: keyOf(after), limit }
      const found: [BlobId, BlobState][] = []
      for await (const key of records.keys(BLOB_PREFIX, range))
        found.push([idOf(key), stateAt(key) ?? { registrations: [] }])
      return found
    },
  }
}
