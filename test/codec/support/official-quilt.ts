import { encodingParams, type QuiltFile, type QuiltSource, symbolSize } from '../../../codec/index.ts'
import * as files from '../../../node_modules/@mysten/walrus/dist/files/readers/quilt.mjs'
// the reference implementation is not exported by its package, and its types are incomplete
import * as reference from '../../../node_modules/@mysten/walrus/dist/utils/quilts.mjs'

const { QuiltReader } = files as unknown as {
  QuiltReader: new (init: {
    blob: object
  }) => {
    readBlob(column: number): Promise<{ identifier: string; blobContents: Uint8Array }>
  }
}
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

/** What `@mysten/walrus` reads of a file that begins in a column. */
export async function officialRead(source: QuiltSource, start: number) {
  const { primarySymbols } = encodingParams(source.nShards)
  const blob = {
    blobId: source.blobId,
    hasStartedLoadingFullBlob: false,
    getSecondarySliver: ({ sliverIndex }: { sliverIndex: number }) => source.column(sliverIndex, {}),
    getColumnSize: async () => primarySymbols * symbolSize(source.nShards, source.unencodedLength),
  }
  const { identifier, blobContents } = await new QuiltReader({ blob }).readBlob(start)
  return { identifier, contents: blobContents }
}
