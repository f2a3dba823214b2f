import type { BlobCodec } from '../../../codec/index.ts'
import type { UploadDisk } from './disk.ts'
import { FileEncoder } from './file-encoder.ts'
import { openFileSource, openSource } from './file-source.ts'
import type { Scratch } from './scratch.ts'

/** Files, and the scratch for what is made of them. */
export function createFileDisk(codec: Pick<BlobCodec, 'encodeStream'>, scratch: Scratch): UploadDisk {
  const encoder = new FileEncoder(codec, scratch)
  return {
    open: openFileSource,
    async spool(expectedBytes = 0) {
      const file = await scratch.spool()
      const { path } = file
      try {
        await scratch.expectRoom(expectedBytes)
      } catch (error) {
        await file[Symbol.asyncDispose]()
        throw error
      }
      return {
        append: file.append,
        source() {
          const { size } = file
          return {
            size,
            content: path,
            open: () => openSource(path, size, true),
            [Symbol.asyncDispose]: file[Symbol.asyncDispose],
          }
        },
        [Symbol.asyncDispose]: file[Symbol.asyncDispose],
      }
    },
    encode: (source, nShards, options) => encoder.encode(source, nShards, options),
    metadata: (source, nShards, options) => encoder.metadata(source, nShards, options),
  }
}
