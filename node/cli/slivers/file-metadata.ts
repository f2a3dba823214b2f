import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BlobMetadata, Codec } from '../../../codec/index.ts'
import { readInput } from '../input.ts'
import { FileBlob } from './file-blob.ts'
import { SliverFolder } from './sliver-folder.ts'

/** Larger files are streamed: under 512 MiB of memory, half the file on disk for the time being. */
const STREAM_BYTES = 256 * 2 ** 20

/** A blob's metadata from a file of any size, or from stdin for `-`, which has to fit into memory. */
export async function fileMetadata(
  codec: Codec,
  file: string,
  nShards: number,
  signal: AbortSignal,
  streamBytes = STREAM_BYTES,
): Promise<BlobMetadata> {
  const isLarge = file !== '-' && (await isFileLargerThan(file, streamBytes))
  if (!isLarge) return codec.metadata(await readInput(file, signal), nShards, { signal })
  const source = await FileBlob.open(file)
  try {
    return await streamedMetadata(codec, source, nShards, signal)
  } finally {
    await source.close()
  }
}

async function streamedMetadata(
  codec: Codec,
  source: FileBlob,
  nShards: number,
  signal: AbortSignal,
): Promise<BlobMetadata> {
  const folder = await mkdtemp(join(tmpdir(), 'floe-'))
  const slivers = new SliverFolder(folder, 'w')
  try {
    return (await codec.encodeStream({ source, nShards, slivers, keep: false, signal })).metadata
  } finally {
    await slivers.close().catch(() => {})
    await rm(folder, { recursive: true, force: true })
  }
}

async function isFileLargerThan(file: string, bytes: number): Promise<boolean> {
  const found = await stat(file)
  return found.isFile() && found.size > bytes
}
