import { basename } from 'node:path'
import type { Client, StoreResult } from '../../client/types.ts'
import { storeResultJson } from '../../gateway/walrus-json.ts'
import { blobLimit } from '../blob-limit.ts'
import { type Context, type NetworkOptions, withClient } from '../context.ts'
import { forEach } from '../each.ts'
import type { ExitCode } from '../exit-codes.ts'
import { formatBytes, formatRows, formatWal } from '../format.ts'
import { type InputLimit, readInput } from '../input.ts'
import { createProgressBar } from '../progress.ts'
import { type Shown, shown } from '../shown.ts'

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
  const data = await readInput(file, limit, signal)
  const name = file === '-' ? 'standard input' : basename(file)
  const bar = await createProgressBar(output, name, data.length)
  let result: StoreResult
  try {
    result = await client.store(data, {
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
    describe(name, data.length, result),
  )
}

function describe(name: string, size: number, result: StoreResult): Shown {
  const head = shown`${name}, ${formatBytes(size)}`
  if (result.kind === 'alreadyCertified') {
    const { blobId, objectId, event, endEpoch } = result
    const rows: [string, string][] = [['blob ID', blobId]]
    if (objectId !== undefined) rows.push(['object', objectId])
    else if (event !== undefined) rows.push(['certified by', `transaction ${event.txDigest}`])
    rows.push(['until', `epoch ${endEpoch}`])
    return shown`${head}: is stored already, nothing was paid\n${formatRows(rows)}`
  }
  const { blob, costFrost, encodedLength } = result
  return shown`${head}: stored\n${formatRows([
    ['blob ID', blob.blobId],
    ['object', blob.objectId],
    ['until', `epoch ${blob.storage.endEpoch}, ${blob.deletable ? 'deletable before' : 'permanent'}`],
    ['cost', `${formatWal(costFrost)} for ${formatBytes(encodedLength)} encoded`],
  ])}`
}
