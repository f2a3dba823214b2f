import { maxBlobSize } from '../../codec/index.ts'
import { plural } from './format.ts'
import type { InputLimit } from './input.ts'

/** The largest blob that a network of `nShards` takes. */
export function blobLimit(nShards: number): InputLimit {
  return {
    bytes: maxBlobSize(nShards),
    why: `a network of ${plural(nShards, 'shard')} takes no larger blob`,
  }
}
