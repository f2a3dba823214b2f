import { createHash } from 'node:crypto'
import type { QuiltPatch, QuiltReader } from '../../../codec/index.ts'
import type { BlobId } from '../../../codec/types.ts'
import { attributeHeaders } from './header-text.ts'

/** Files of a quilt as a form: what `PUT /v1/quilts` takes, and what a browser's `Response.formData()` reads. */
export interface FilesForm {
  boundary: string
  stream(signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined>
}

/**
 * The same form for the same files: its boundary is a hash of their quilt's ID, which is one of their bytes, so that none of them can have it
 * in it. Tags are in a part `_metadata`. Streams throw as the reader's `open`.
 */
export function filesForm(quiltId: BlobId, quilt: QuiltReader, patches: readonly QuiltPatch[]): FilesForm {
  const ids = patches.map(({ patchId }) => patchId).join()
  const boundary = createHash('sha256').update(`files of ${quiltId}: ${ids}`).digest('hex')
  return {
    boundary,
    async *stream(signal) {
      // nothing is given before the first file was found
      let before = Buffer.alloc(0)
      const tagged = patches.filter(({ tags }) => Object.keys(tags).length > 0)
      if (tagged.length > 0) {
        const list = tagged.map(({ identifier, tags }) => ({ identifier, tags }))
        const head = part(boundary, 'name="_metadata"', 'application/json')
        before = Buffer.concat([head, Buffer.from(`${JSON.stringify(list)}\r\n`)])
      }
      for (const { patchId, identifier, tags } of patches) {
        const file = await quilt.openPatch(patchId, { signal, identifier })
        const name = quoted(identifier)
        const type = attributeHeaders(tags)['content-type'] ?? 'application/octet-stream'
        yield Buffer.concat([before, part(boundary, `name=${name}; filename=${name}`, type)])
        before = Buffer.alloc(0)
        yield* file.stream({ signal })
        yield Buffer.from('\r\n')
      }
      yield Buffer.from(`--${boundary}--\r\n`)
    },
  }
}

function part(boundary: string, disposition: string, type: string): Buffer {
  return Buffer.from(
    `--${boundary}\r\ncontent-disposition: form-data; ${disposition}\r\ncontent-type: ${type}\r\n\r\n`,
  )
}

/** As browsers write names in forms: what would end a line or the name is percent-encoded. */
function quoted(text: string): string {
  return `"${text.replaceAll('\n', '%0A').replaceAll('\r', '%0D').replaceAll('"', '%22')}"`
}
