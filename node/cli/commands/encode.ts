import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { createCodec, encodeMetadata } from '../../../codec/index.ts'
import type { Context } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { CliError } from '../failure.ts'
import { formatBytes } from '../format.ts'
import { createProgressBar } from '../progress.ts'
import { codecFailure } from '../slivers/codec-failure.ts'
import { FileBlob } from '../slivers/file-blob.ts'
import { SliverFolder } from '../slivers/sliver-folder.ts'

/** Written last: a folder without it is not a whole encoding. */
export const METADATA_FILE = 'metadata.bin'

export interface EncodeOptions {
  shards: number
  out: string
}

/** Encodes a file of any size into slivers, one file each, with a fixed amount of memory. */
export async function encode(context: Context, file: string, options: EncodeOptions): Promise<ExitCode> {
  const { output, signal, cwd } = context
  const out = resolve(cwd, options.out)
  const source = await FileBlob.open(resolve(cwd, file))
  const codec = createCodec()
  const slivers = new SliverFolder(out, 'w')
  const bar = await createProgressBar(output, file, source.length)
  try {
    await emptyFolder(out, options.out)
    const onProgress = (done: number, total: number) => bar.update({ phase: 'encode', done, total })
    const { shards: nShards } = options
    const { metadata } = await codec.encodeStream({ source, nShards, slivers, signal, onProgress })
    await slivers.close()
    await writeFile(join(out, METADATA_FILE), encodeMetadata(metadata))
    bar.stop()
    const { blobId, unencodedLength: size } = metadata
    const text = `${blobId}\n${options.out}: ${2 * nShards} slivers of ${formatBytes(size)}`
    await output.result({ file, blobId, size, nShards, out: options.out }, text)
  } catch (error) {
    throw codecFailure(error)
  } finally {
    bar.stop()
    await Promise.allSettled([slivers.close(), source.close(), codec.close()])
  }
  return EXIT.ok
}

/** Old slivers beside new ones would be taken for the same blob's. */
async function emptyFolder(path: string, name: string): Promise<void> {
  await mkdir(path, { recursive: true })
  if ((await readdir(path)).length > 0) {
    throw new CliError('USAGE', EXIT.usage, `${name} is not empty.`, {
      hint: 'Name a new folder with --out.',
    })
  }
}
