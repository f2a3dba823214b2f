import { createWriteStream } from 'node:fs'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import {
  type BlobMetadata,
  blobIdFromBytes,
  blobIdFromU256,
  blobIdToBytes,
  blobIdToU256,
  type Codec,
  createCodec,
  isCodecError,
  objectIdToBytes,
  parseBlobId,
} from '../../../codec/index.ts'
import type { BlobId } from '../../../codec/types.ts'
import { blobIdArgument, isObjectIdText, objectIdArgument } from '../arguments.ts'
import { type ChainSession, type Context, type NetworkOptions, withChain } from '../context.ts'
import { CliError, EXIT, type ExitCode } from '../errors.ts'
import { blobLimit, limited, openStream, readInput, tooLarge } from '../input.ts'
import { loadNetwork, type NetworkChoice } from '../network-file.ts'
import { formatRows, safe } from '../text.ts'
import { codecFailure } from './codec-failure.ts'
import { FileBlob } from './file-blob.ts'
import { SliverFolder } from './sliver-folder.ts'

// Walrus's networks, unless a network file here says otherwise
const DEFAULT_SHARDS = 1000

/** Computes blob IDs without asking anyone. They depend on the number of shards. */
export async function blobId(
  context: Context,
  files: string[],
  options: NetworkChoice & { shards?: number; nShards?: number },
): Promise<ExitCode> {
  const { output, signal } = context
  const nShards =
    options.shards ?? options.nShards ?? (await networkShards(context, options)) ?? DEFAULT_SHARDS
  await withCodec(async codec => {
    for (const file of files) {
      const { blobId, unencodedLength: size } = await fileMetadata(codec, file, nShards, signal)
      await output.result({ file, blobId, size, nShards }, safe`${blobId}`)
    }
  })
  return EXIT.ok
}

/** A codec, for as long as `use` runs. Throws CliError for what it refuses. */
export async function withCodec<T>(use: (codec: Codec) => Promise<T>): Promise<T> {
  const codec = createCodec()
  try {
    return await use(codec)
  } catch (error) {
    throw codecFailure(error)
  } finally {
    await codec.close()
  }
}

/** What a blob ID is in other forms; of an object ID the blob, when its network is named. */
export async function convertBlobId(
  context: Context,
  text: string,
  options: NetworkOptions,
): Promise<ExitCode> {
  const blobId = meantBy(text) ?? (await blobOfObject(context, text, options))
  const decimal = blobIdToU256(blobId)
  const hex = `0x${Buffer.from(blobIdToBytes(blobId)).toString('hex')}`
  await context.output.result(
    { blobId, decimal: `${decimal}`, hex },
    safe`${blobId}\n${formatRows([
      ['as Sui shows it', `${decimal}`],
      ['hex', hex],
    ])}`,
  )
  return EXIT.ok
}

/** Undefined for what may be an object's ID. Throws CliError. */
function meantBy(text: string): BlobId | undefined {
  if (isObjectIdText(text)) return undefined
  // few blob IDs are small numbers, and nothing else is meant by one here
  if (/^\d{1,78}$/.test(text) && BigInt(text) < 1n << 256n) return blobIdFromU256(BigInt(text))
  try {
    return parseBlobId(text)
  } catch (error) {
    const meant = isCodecError(error, 'INVALID_ID') ? error.details.meant : undefined
    return meant ?? blobIdArgument(text)
  }
}

/** The blob of an object where there is one; else the blob ID whose bytes these are. */
async function blobOfObject(context: Context, text: string, options: NetworkOptions): Promise<BlobId> {
  const objectId = objectIdArgument(text, 'blob')
  const bytes = blobIdFromBytes(objectIdToBytes(objectId))
  if (options.network === undefined) return bytes
  const ask = async ({ coordinator, signal }: ChainSession) =>
    await coordinator.blobReference(objectId, { signal })
  return (await withChain(context, options, ask))?.blobId ?? bytes
}

async function networkShards(context: Context, choice: NetworkChoice): Promise<number | undefined> {
  try {
    return (await loadNetwork(choice, context)).network.nShards
  } catch (error) {
    const isAsked = choice.network !== undefined || choice.context !== undefined
    if (!isAsked && error instanceof CliError && error.code === 'NO_NETWORK') return undefined
    throw error
  }
}

/** More is streamed: under 512 MiB of memory, half of it on disk for the time being, all of it when it is no file. */
const STREAM_BYTES = 256 * 2 ** 20

/** A blob's metadata from a file of any size and kind, or from stdin for `-`. Throws BLOB_TOO_LARGE, node's file errors. */
export async function fileMetadata(
  codec: Codec,
  file: string,
  nShards: number,
  signal: AbortSignal,
  streamBytes = STREAM_BYTES,
): Promise<BlobMetadata> {
  const limit = blobLimit(nShards)
  const stream = await openStream(file, signal)
  if (stream !== undefined) {
    const chunks = limited(stream, file, limit, signal)
    return await metadataOfChunks(codec, chunks, nShards, signal, streamBytes)
  }
  const { size } = await stat(file)
  if (size <= streamBytes) return codec.metadata(await readInput(file, limit, signal), nShards, { signal })
  if (size > limit.bytes) throw tooLarge(file, limit)
  return await metadataOfFile(codec, file, nShards, signal)
}

/** What is more than fits into memory goes to a file for the time being: it has to be read twice. */
async function metadataOfChunks(
  codec: Codec,
  chunks: AsyncGenerator<Uint8Array>,
  nShards: number,
  signal: AbortSignal,
  streamBytes: number,
): Promise<BlobMetadata> {
  const held: Uint8Array[] = []
  let length = 0
  for (;;) {
    const { value, done } = await chunks.next()
    if (done) return codec.metadata(Buffer.concat(held), nShards, { signal })
    held.push(value)
    length += value.length
    if (length > streamBytes) break
  }
  const folder = await mkdtemp(join(tmpdir(), 'floe-'))
  try {
    const path = join(folder, 'blob')
    const all = async function* () {
      yield* held.splice(0)
      yield* chunks
    }
    await pipeline(all, createWriteStream(path), { signal })
    return await metadataOfFile(codec, path, nShards, signal)
  } finally {
    await chunks.return(undefined)
    await rm(folder, { recursive: true, force: true })
  }
}

async function metadataOfFile(
  codec: Codec,
  file: string,
  nShards: number,
  signal: AbortSignal,
): Promise<BlobMetadata> {
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
