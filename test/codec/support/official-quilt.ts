import type { QuiltFile } from '../../../codec/index.ts'
// the reference implementation is not exported by its package, and its types are incomplete
import * as reference from '../../../node_modules/@mysten/walrus/dist/utils/quilts.mjs'

const { encodeQuilt, encodeQuiltPatchId } = reference as unknown as {
  encodeQuilt(input: object): { quilt: Uint8Array; index: { patches: object[] } }
  encodeQuiltPatchId(id: object): string
}

/** What `@mysten/walrus` makes of files. */
export function officialQuilt(blobs: readonly QuiltFile[], numShards: number) {
  return encodeQuilt({ blobs, numShards, encodingType: 'RS2' })
}

export function officialPatchId(quiltId: string, startIndex: number, endIndex: number): string {
  return encodeQuiltPatchId({ quiltId, patchId: { version: 1, startIndex, endIndex } })
}
