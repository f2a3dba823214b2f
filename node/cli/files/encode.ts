import { readdir, rm, rmdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { makeFolder } from '../../../base/make-folder.ts'
import { type BlobMetadata, createCodec, encodeMetadata } from '../../../codec/index.ts'
import type { Context } from '../context.ts'
import { CliError, EXIT, type ExitCode } from '../errors.ts'
import { createProgressBar } from '../progress.ts'
import { formatBytes, safe } from '../text.ts'
import { codecFailure } from './codec-failure.ts'
import { FileBlob } from './file-blob.ts'
import { SliverFolder } from './sliver-folder.ts'

/** Written last: a folder without it is not a whole encoding. */
export const METADATA_FILE = 'metadata.bin'

export interface EncodeOptions {
  shards: number
  out: string
}

/** Encodes a file of any size into slivers, one file each, with a fixed amount of memory. */
export async function encode(context: Context, file: string, options: EncodeOptions): Promise<ExitCode> {
  const { output, cwd } = context
  const { shards: nShards } = options
  const out = resolve(cwd, options.out)
  const source = await FileBlob.open(resolve(cwd, file))
  try {
    const isNew = await emptyFolder(out, options.out)
    const { blobId, unencodedLength: size } = await writeEncoding(context, file, source, nShards, out, isNew)
    const text = safe`${blobId}\n${options.out}: a file of ${formatBytes(size)} in ${2 * nShards} slivers`
    await output.result({ file, blobId, size, nShards, out: options.out }, text)
  } catch (error) {
    throw codecFailure(error)
  } finally {
    await source.close()
  }
  return EXIT.ok
}

/** Writes slivers and metadata; when that fails, the folder is as it was before. */
async function writeEncoding(
  { output, signal }: Context,
  name: string,
  source: FileBlob,
  nShards: number,
  out: string,
  isNew: boolean,
): Promise<BlobMetadata> {
  const codec = createCodec()
  const slivers = new SliverFolder(out, 'w')
  const metadataFile = join(out, METADATA_FILE)
  const bar = await createProgressBar(output, name, source.length)
  try {
    const onProgress = (done: number, total: number) => bar.update({ phase: 'encode', done, total })
    const { metadata } = await codec.encodeStream({ source, nShards, slivers, signal, onProgress })
    await slivers.close()
    await writeFile(metadataFile, encodeMetadata(metadata))
    return metadata
  } catch (error) {
    // half an encoding takes up to 4.5 times the file, is good for nothing, and would be in the way of the next try
    await Promise.allSettled([slivers.discard(), rm(metadataFile, { force: true })])
    if (isNew) await rmdir(out).catch(() => {})
    throw error
  } finally {
    bar.stop()
    await codec.close()
  }
}

/** Old slivers beside new ones would be taken for the same blob's. True when there was no such folder. */
async function emptyFolder(path: string, name: string): Promise<boolean> {
  const isNew = await makeFolder(path)
  if ((await readdir(path)).length > 0) {
    throw new CliError('USAGE', EXIT.usage, `${name} is not empty.`, {
      hint: 'Name a new folder with --out.',
    })
  }
  return isNew
}
