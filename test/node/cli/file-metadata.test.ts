import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { type Codec, createCodec, type SliverPairIndex } from '../../../codec/index.ts'
import { fileMetadata } from '../../../node/cli/files/blob-id.ts'

describe('metadata of a file', () => {
  const { TMPDIR } = process.env
  afterEach(() => {
    if (TMPDIR === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = TMPDIR
  })

  it('is the same streamed, from a pipe and in memory, and nothing stays behind', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'floe-metadata-'))
    const codec = createCodec({ threads: 0 })
    const file = join(folder, 'file')
    const data = Buffer.alloc(100_000, 'metadata')
    await writeFile(file, data)
    const { signal } = new AbortController()
    const working = join(folder, 'tmp')
    await mkdir(working)
    process.env.TMPDIR = working
    const streamed = await fileMetadata(codec, file, 13, signal, 1000)
    assert.deepEqual(streamed, await fileMetadata(codec, file, 13, signal))
    assert.deepEqual(streamed, await codec.metadata(data, 13))
    await promisify(execFile)('mkfifo', [join(folder, 'pipe')])
    const piped = fileMetadata(codec, join(folder, 'pipe'), 13, signal, 1000)
    await Promise.all([piped, pipeline([data], createWriteStream(join(folder, 'pipe')))])
    assert.deepEqual(await piped, streamed)
    const endless = fileMetadata(codec, '/dev/zero', 4, signal, 1000)
    await assert.rejects(endless, { code: 'BLOB_TOO_LARGE', details: { maxBytes: 393_204 } })
    const full: Pick<Codec, 'encodeStream'> = {
      async encodeStream({ slivers }) {
        await slivers.write({ pair: 0 as SliverPairIndex, axis: 'secondary' }, 0, data)
        throw new Error('no space left')
      },
    }
    await assert.rejects(fileMetadata({ ...codec, ...full }, file, 13, signal, 1000), /no space left/)
    assert.deepEqual(await readdir(working), [])
    await codec.close()
    await rm(folder, { recursive: true })
  })
})
