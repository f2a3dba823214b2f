import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Readable } from 'node:stream'
import type { Client, StoreResult, StoreSource } from '../../client/types.ts'
import { storeResultJson } from '../../gateway/walrus-json.ts'
import { type Context, forEach, type NetworkOptions, withClient } from '../context.ts'
import type { ExitCode } from '../errors.ts'
import { blobLimit, type InputLimit, limited, openStream, tooLarge } from '../input.ts'
import { createProgressBar } from '../progress.ts'
import { formatBytes, formatRows, formatWal, type SafeText, safe } from '../text.ts'

export interface StoreCommandOptions extends NetworkOptions {
  epochs: number
  permanent?: boolean
  force?: boolean
}

/** Stores each file; one that fails does not keep the others from being stored. The first failure is the exit code. */
export async function store(
  context: Context,
  files: string[],
  options: StoreCommandOptions,
): Promise<ExitCode> {
  return await withClient(context, { ...options, spends: true }, async (client, network) => {
    const { signal } = context
    const nShards = network.nShards ?? (await client.info({ signal })).system.nShards
    const limit = blobLimit(nShards)
    return forEach(context, files, file => storeOne(context, client, file, limit, options))
  })
}

async function storeOne(
  context: Context,
  client: Client,
  file: string,
  limit: InputLimit,
  options: StoreCommandOptions,
): Promise<void> {
  const { output, signal } = context
  const name = file === '-' ? 'standard input' : basename(file)
  const input = await openInput(file, limit, signal)
  const bar = await createProgressBar(output, name, input.sizeBytes())
  let result: StoreResult
  try {
    result = await client.store(input.source, {
      epochs: options.epochs,
      deletable: options.permanent !== true,
      force: options.force ?? false,
      onProgress: bar.update,
      signal,
    })
  } finally {
    bar.stop()
  }
  await output.result(
    { file, blobId: result.blobId, ...storeResultJson(result) },
    describeStored(name, input.sizeBytes() ?? 0, result),
  )
}

interface Input {
  source: StoreSource
  /** of what has no size beforehand: once it was read */
  sizeBytes(): number | undefined
}

/** Files are read where they lie; what can be read once, as it comes. Throws BLOB_TOO_LARGE, node's file errors. */
async function openInput(file: string, limit: InputLimit, signal: AbortSignal): Promise<Input> {
  const stream = await openStream(file, signal)
  if (stream === undefined) {
    const { size } = await stat(file)
    if (size > limit.bytes) throw tooLarge(file, limit)
    return { source: { path: file }, sizeBytes: () => size }
  }
  let sizeBytes: number | undefined
  async function* counted(): AsyncGenerator<Uint8Array> {
    let sum = 0
    for await (const chunk of limited(stream as Readable, file, limit, signal)) {
      sum += chunk.length
      yield chunk
    }
    sizeBytes = sum
  }
  return { source: counted(), sizeBytes: () => sizeBytes }
}

/** What storing came to, for people. */
export function describeStored(name: string, size: number, result: StoreResult): SafeText {
  const head = safe`${name}, ${formatBytes(size)}`
  if (result.kind === 'alreadyCertified') {
    const { blobId, objectId, event, endEpoch } = result
    const rows: [string, string][] = [['blob ID', blobId]]
    if (objectId !== undefined) rows.push(['object', objectId])
    else if (event !== undefined) rows.push(['certified by', `transaction ${event.txDigest}`])
    rows.push(['until', `epoch ${endEpoch}`])
    return safe`${head}: is stored already, nothing was paid\n${formatRows(rows)}`
  }
  const { blob, costFrost, encodedLength } = result
  return safe`${head}: stored\n${formatRows([
    ['blob ID', blob.blobId],
    ['object', blob.objectId],
    ['until', `epoch ${blob.storage.endEpoch}, ${blob.deletable ? 'deletable before' : 'permanent'}`],
    ['cost', `${formatWal(costFrost)} for ${formatBytes(encodedLength)} encoded`],
  ])}`
}
