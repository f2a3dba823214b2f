import { createReadStream } from 'node:fs'
import { mkdtemp, rename, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { CodedError } from '../../../base/coded-error.ts'
import {
  type BlobMetadata,
  type Codec,
  CodecError,
  createCodec,
  decodeMetadata,
  metadataShards,
  type SliverFiles,
  type SliverRef,
  sliverLength,
  verifyMetadata,
} from '../../../codec/index.ts'
import type { Context } from '../context.ts'
import { CliError, EXIT, type ExitCode } from '../errors.ts'
import { readInput } from '../input.ts'
import { openSpecial, outputFile } from '../output-file.ts'
import { createProgressBar } from '../progress.ts'
import { formatBytes, safe } from '../text.ts'
import { codecFailure } from './codec-failure.ts'
import { METADATA_FILE } from './encode.ts'
import { FileBlob } from './file-blob.ts'
import { SliverFolder, sliverFileName } from './sliver-folder.ts'

/** 64 bytes a shard, and more shards than there can be */
const METADATA_LIMIT = { bytes: 4 * 2 ** 20, why: 'no metadata is that long' }

/** Puts a file together from any slivers that suffice, and checks it against its blob ID. */
export async function decode(
  context: Context,
  folder: string,
  options: { output: string },
): Promise<ExitCode> {
  const { output, signal, cwd } = context
  const path = resolve(cwd, folder)
  const target = await outputFile(resolve(cwd, options.output), options.output)
  const slivers = new SliverFolder(path, 'r')
  const codec = createCodec()
  // beside the target, so that it can be renamed, and never in a small memory-backed folder
  const beside = target.replaceable ? dirname(target.path) : cwd
  const working = await mkdtemp(join(beside, '.floe-decode-')).catch(error => {
    throw Object.assign(error as Error, { path: target.path })
  })
  try {
    const metadata = await readMetadata(join(path, METADATA_FILE), signal)
    const { refs, wrong } = await slivers.list(metadata)
    const ignored: string[] = []
    // told as soon as it is known: what is left may be too little
    const ignore = (name: string, why = 'is not a sliver of this blob') => {
      // what is wrong is found again when a file that cannot be read is met later
      if (ignored.includes(name)) return
      ignored.push(name)
      output.say(safe`${name} ${why}`)
    }
    for (const name of wrong) ignore(name)
    const readable = namingUnreadable(slivers)
    await decodeReadable(
      codec,
      { metadata, slivers: readable, working, signal, context, name: options.output, ignore },
      refs,
    )
    const blob = join(working, 'blob')
    if (target.replaceable) await rename(blob, target.path)
    else await pipeline(createReadStream(blob), await openSpecial(target.path, context), { signal })
    const { blobId, unencodedLength: size } = metadata
    const text = safe`${options.output}: ${formatBytes(size)}, ${blobId}`
    await output.result({ blobId, size, output: options.output, ignored }, text)
  } catch (error) {
    throw codecFailure(error)
  } finally {
    await Promise.allSettled([slivers.close(), codec.close()])
    await rm(working, { recursive: true, force: true })
  }
  return EXIT.ok
}

interface Task {
  metadata: BlobMetadata
  slivers: Pick<SliverFiles, 'read'>
  working: string
  signal: AbortSignal
  context: Context
  name: string
  ignore(file: string, why?: string): void
}

/** Does without files that cannot be read, one after the other as they are met. */
async function decodeReadable(codec: Codec, task: Task, refs: readonly SliverRef[]): Promise<void> {
  let left = refs
  for (;;) {
    try {
      return await decodeOrFindBad(codec, task, left)
    } catch (error) {
      if (!(error instanceof UnreadableSliver)) throw error
      const { ref, systemCode } = error.details
      const name = sliverFileName(ref)
      task.ignore(name, `cannot be read (${systemCode})`)
      left = left.filter(other => sliverFileName(other) !== name)
    }
  }
}

/** Decodes optimistically; only when the result is wrong are slivers checked one by one, and the good ones used. */
async function decodeOrFindBad(codec: Codec, task: Task, refs: readonly SliverRef[]): Promise<void> {
  try {
    await decodeFrom(codec, task, refs)
  } catch (error) {
    const isWrong =
      error instanceof CodecError && ['BLOB_ID_MISMATCH', 'SLIVER_MALFORMED'].includes(error.code)
    if (!isWrong) throw error
    const bad = await findBad(codec, task, refs)
    // every sliver is what the metadata says: the encoder was wrong
    if (bad.length === 0) throw error
    for (const ref of bad) task.ignore(sliverFileName(ref))
    const good = refs.filter(ref => !bad.includes(ref))
    await decodeFrom(codec, task, good)
  }
}

async function decodeFrom(codec: Codec, task: Task, available: readonly SliverRef[]): Promise<void> {
  const { metadata, slivers, working, signal, context, name } = task
  const path = join(working, 'blob')
  await rm(path, { force: true })
  const blob = await FileBlob.create(path, metadata.unencodedLength)
  const verifyWith = new SliverFolder(working, 'w')
  const bar = await createProgressBar(context.output, name, metadata.unencodedLength)
  const onProgress = (done: number, total: number) => bar.update({ phase: 'decode', done, total })
  try {
    await codec.decodeStream({ metadata, available, slivers, output: blob, verifyWith, signal, onProgress })
  } finally {
    bar.stop()
    await Promise.allSettled([blob.close(), verifyWith.close()])
  }
}

async function findBad(
  codec: Codec,
  { metadata, slivers, signal }: Task,
  refs: readonly SliverRef[],
): Promise<SliverRef[]> {
  const bad: SliverRef[] = []
  for (const ref of refs) {
    const bytes = new Uint8Array(sliverLength(metadata.nShards, metadata.unencodedLength, ref.axis))
    await slivers.read(ref, 0, bytes)
    try {
      await codec.verifySliver(metadata, ref, bytes, { signal })
    } catch (error) {
      if (!(error instanceof CodecError) || !error.code.startsWith('SLIVER_')) throw error
      bad.push(ref)
    }
  }
  return bad
}

async function readMetadata(path: string, signal: AbortSignal): Promise<BlobMetadata> {
  const bytes = await readInput(path, METADATA_LIMIT, signal).catch(cause => {
    if (signal.aborted) throw cause
    throw new CliError('FILE', EXIT.usage, `There is no ${METADATA_FILE} to decode by.`, { cause })
  })
  try {
    const metadata = decodeMetadata(bytes, metadataShards(bytes))
    verifyMetadata(metadata)
    return metadata
  } catch (cause) {
    if (!(cause instanceof CodecError)) throw cause
    throw new CliError('INTEGRITY', EXIT.integrity, `${METADATA_FILE} is damaged: ${cause.message}.`, {
      cause,
    })
  }
}

/** What says that one file, or its place on the disk, is bad; others, as too many open files, are about all of them. */
const UNREADABLE: ReadonlySet<unknown> = new Set([
  'EACCES',
  'EIO',
  'EISDIR',
  'ELOOP',
  'ENOENT',
  'EPERM',
  'ESTALE',
])

interface UnreadableDetails {
  /** `systemCode`: of node's file error, the cause */
  SLIVER_UNREADABLE: { ref: SliverRef; systemCode: string }
}

/** A sliver's file that cannot be read, where others may do. */
class UnreadableSliver extends CodedError<UnreadableDetails> {
  override readonly name = 'UnreadableSliver'
}

/** The same slivers; reading throws UnreadableSliver when it is that sliver's file alone. */
function namingUnreadable(slivers: Pick<SliverFiles, 'read'>): Pick<SliverFiles, 'read'> {
  return {
    async read(ref, offset, target) {
      try {
        await slivers.read(ref, offset, target)
      } catch (cause) {
        const { code } = cause as NodeJS.ErrnoException
        if (code === undefined || !UNREADABLE.has(code)) throw cause
        const message = `${ref.axis} sliver ${ref.pair} cannot be read: ${code}`
        throw new UnreadableSliver('SLIVER_UNREADABLE', message, { ref, systemCode: code }, { cause })
      }
    },
  }
}
