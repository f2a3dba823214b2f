import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createCodec } from '../../codec/index.ts'
import { ref } from './support/data.ts'

describe('docs/formats.md', () => {
  it('has an example that is true', async () => {
    const text = await readFile(new URL('../../docs/formats.md', import.meta.url), 'utf8')
    const codec = createCodec({ threads: 0 })
    const blob = await codec.encode(new TextEncoder().encode('Hello Floe!'), 4)
    const hex = (bytes: Uint8Array) => Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join(' ')
    for (let pair = 0; pair < 4; pair++) {
      const [primary, secondary] = [blob.sliver(ref(pair, 'primary')), blob.sliver(ref(pair, 'secondary'))]
      assert.ok(text.includes(`\n${pair}      ${hex(primary)}       ${hex(secondary)}\n`), `pair ${pair}`)
    }
    assert.ok(text.includes(blob.metadata.blobId))
    blob.release()
    await codec.close()
  })
})
