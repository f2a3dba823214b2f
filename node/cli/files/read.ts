import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { BlobHandle, NetworkBlobStatus, ReadCheck } from '../../client/types.ts'
import { blobIdArgument } from '../arguments.ts'
import { type Context, type NetworkOptions, withClient } from '../context.ts'
import { CliError, EXIT, type ExitCode } from '../errors.ts'
import { openSpecial, outputFile } from '../output-file.ts'
import { createProgressBar } from '../progress.ts'
import { formatBytes, formatRows, safe } from '../text.ts'
import { fileMetadata, withCodec } from './blob-id.ts'
import { piecesToStdout } from './to-stdout.ts'

export interface ReadCommandOptions extends NetworkOptions {
  output?: string
  /** the same, as Walrus's client has it */
  out?: string
  resume?: boolean
  cache?: string
  strictConsistencyCheck?: boolean
  skipConsistencyCheck?: boolean
}

/** Reads a blob from the nodes and writes it to a file or stdout, as it comes: none is held in memory. */
export async function read(
  context: Context,
  blobIdText: string,
  given: ReadCommandOptions,
): Promise<ExitCode> {
  const { output, signal } = context
  const blobId = blobIdArgument(blobIdText)
  const options = { ...given, output: given.output ?? given.out }
  if (output.json && options.output === undefined) {
    throw new CliError('USAGE', EXIT.usage, '--json needs -o FILE: without it, stdout carries the blob.')
  }
  if (options.resume === true && options.output === undefined) {
    throw new CliError('USAGE', EXIT.usage, '--resume needs -o FILE: what was written to stdout is gone.')
  }
  const name = options.output
  const file = name === undefined ? undefined : await outputFile(resolve(context.cwd, name), name)
  if (options.resume === true && file?.replaceable === false) {
    throw new CliError('USAGE', EXIT.usage, `--resume needs a regular file, and ${name} is none.`)
  }
  const done = await withClient(context, { ...options, spends: false }, async client => {
    await using blob = await client.open(blobId, { signal })
    const check = checkOf(options)
    if (name === undefined || file === undefined) return await toStdout(context, blob, check)
    if (file.replaceable) return await toFile(context, blob, file.path, { resume: options.resume, check })
    await pipeline(blob.stream({ check, signal }), await openSpecial(file.path, context), { signal })
    return { size: blob.size }
  })
  if (name !== undefined) {
    const value = { blobId, output: name, ...done }
    await output.result(value, safe`${name}: ${formatBytes(done.size)} written`)
  }
  return EXIT.ok
}

/** The client's own choice when nothing is said. */
function checkOf({
  strictConsistencyCheck,
  skipConsistencyCheck,
}: ReadCommandOptions): ReadCheck | undefined {
  if (strictConsistencyCheck === true) return 'blob'
  return skipConsistencyCheck === true ? 'rows' : undefined
}

interface Done {
  size: number
  /** bytes that were there already */
  resumedBytes?: number
}

async function toStdout(context: Context, blob: BlobHandle, check?: ReadCheck): Promise<Done> {
  const { output, signal } = context
  const bar = await createProgressBar(output, blob.blobId)
  try {
    await piecesToStdout(context, blob.stream({ check, signal, onProgress: bar.update }))
  } finally {
    bar.stop()
  }
  return { size: blob.size }
}

/**
 * Writes beside the target and renames: a reader of the target sees the old file or the whole new one. What was written of one to
 * be resumed stays, under a name that the blob gives, and is verified before it is gone on with.
 */
async function toFile(
  { output, signal }: Context,
  blob: BlobHandle,
  path: string,
  { resume = false, check }: { resume: boolean | undefined; check: ReadCheck | undefined },
): Promise<Done> {
  const partName = `.floe-${resume ? blob.blobId : randomUUID()}.part`
  const part = join(dirname(path), partName)
  const file = await naming(path, openPart(part, resume))
  let written = 0
  try {
    const bar = await createProgressBar(output, blob.blobId)
    try {
      const start = resume ? await verified(file, blob, signal) : 0
      await naming(path, file.truncate(start))
      written = start
      const onProgress = ({ done, total }: { done: number; total: number }) =>
        bar.update({ phase: 'fetch', done: start + done, total: start + total })
      for await (const piece of blob.stream({ start, check, signal, onProgress })) {
        await naming(path, writeAt(file, piece, written))
        written += piece.length
      }
      await naming(path, rename(part, path))
      return { size: blob.size, resumedBytes: resume ? start : undefined }
    } finally {
      bar.stop()
      await file.close()
    }
  } catch (error) {
    if (resume && written > 0) {
      output.say(safe`${formatBytes(written)} are kept in ${partName}; the same command goes on from there.`)
    } else await rm(part, { force: true })
    throw error
  }
}

/** Another user who may write into the folder could have put a link there: a part of before is never one. */
async function openPart(path: string, resume: boolean): Promise<FileHandle> {
  if (!resume) return await open(path, 'wx')
  const { O_RDWR, O_CREAT, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants
  const file = await open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK)
  if ((await file.stat()).isFile()) return file
  await file.close()
  throw Object.assign(new Error(`${path} is not a file`), { code: 'EEXIST' })
}

/** How many bytes of a part are the blob's. */
async function verified(file: FileHandle, blob: BlobHandle, signal: AbortSignal): Promise<number> {
  const { size } = await file.stat()
  const read = async (offset: number, target: Uint8Array): Promise<void> => {
    for (let done = 0; done < target.length; ) {
      const { bytesRead } = await file.read(target, done, target.length - done, offset + done)
      if (bytesRead === 0) throw new Error('the part has become shorter')
      done += bytesRead
    }
  }
  return size === 0 ? 0 : await blob.verifiedBytes({ length: size, read }, { signal })
}

async function writeAt(file: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, offset + done)).bytesWritten
  }
}

/** What the system says of the part is told of the file that was named. */
async function naming<T>(path: string, operation: Promise<T>): Promise<T> {
  try {
    return await operation
  } catch (error) {
    throw Object.assign(error as Error, { path })
  }
}

const SENTENCES: Record<NetworkBlobStatus['status'], string> = {
  certified: 'stored and certified',
  registered: 'registered, not certified: its upload has not finished',
  invalid: 'invalid: it was encoded wrongly, and the network refuses it',
  ended: 'not stored any more',
  nonexistent: 'unknown to this network',
}

export interface StatusOptions extends NetworkOptions {
  blobId?: string
  file?: string
}

/** Asks the nodes what they know of a blob, or of a file's. A blob that does not exist is exit code 4, an invalid one 7. */
export async function status(
  context: Context,
  blobIdText: string | undefined,
  options: StatusOptions,
): Promise<ExitCode> {
  const named = blobIdText ?? options.blobId
  if ((named === undefined) === (options.file === undefined))
    throw new CliError('USAGE', EXIT.usage, 'Name a blob by its ID, or a file by --file.')
  const given = named === undefined ? undefined : blobIdArgument(named)
  const { signal } = context
  const found = await withClient(context, { ...options, spends: false }, async (client, network) => {
    if (given !== undefined) return await client.status(given, { signal })
    const nShards = network.nShards ?? (await client.info({ signal })).system.nShards
    const { blobId } = await withCodec(codec => fileMetadata(codec, options.file!, nShards, signal))
    return await client.status(blobId, { signal })
  })
  const { blobId } = found
  const rows: [string, string | number][] = [['status', SENTENCES[found.status]]]
  if (found.size !== undefined) rows.push(['size', formatBytes(found.size)])
  if (found.initialCertifiedEpoch !== undefined) rows.push(['since', `epoch ${found.initialCertifiedEpoch}`])
  if (found.status === 'ended') rows.push(['ended', `epoch ${found.endEpoch}`])
  else if (found.endEpoch !== undefined) {
    const kind = found.deletable === undefined ? '' : found.deletable ? ', deletable before' : ', permanent'
    rows.push(['until', `epoch ${found.endEpoch}${kind}`])
  }
  rows.push(['told by', `nodes with ${found.answeredShards} of ${found.nShards} shards`])
  await context.output.result(found, safe`${blobId}\n${formatRows(rows)}`)
  if (found.status === 'nonexistent' || found.status === 'ended') return EXIT.notFound
  return found.status === 'invalid' ? EXIT.integrity : EXIT.ok
}
