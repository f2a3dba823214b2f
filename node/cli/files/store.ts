import { openAsBlob } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Readable } from 'node:stream'
import type { NetworkConfig } from '../../../chain/types/index.ts'
import { quiltPatchId } from '../../../codec/index.ts'
import type { Client, StoreOptions, StoreSource } from '../../client/types.ts'
import { quiltStoreResultJson, storeResultJson } from '../../gateway/walrus-json.ts'
import { type Context, forEach, type NetworkOptions, withClient } from '../context.ts'
import type { ExitCode } from '../errors.ts'
import { blobLimit, type InputLimit, limited, openStream, readInput, tooLarge } from '../input.ts'
import { createProgressBar } from '../progress.ts'
import { putQuilt } from '../quilts/put-quilt.ts'
import { formatRows, formatTable, formatWal, lines, plural, safe } from '../text.ts'
import { describeStored } from './describe-stored.ts'
import { dryRun } from './dry-run.ts'
import { epochsFor, type Lifetime } from './lifetime.ts'
import { priceFrost } from './price.ts'
import { relayOf } from './relay-of.ts'
import { groupFiles, readSmall, type SmallFiles } from './small-files.ts'
import type { UploadRelay } from './upload-relay.ts'

export interface StoreCommandOptions extends NetworkOptions, Lifetime {
  dryRun?: boolean
  permanent?: boolean
  share?: boolean
  force?: boolean
  ignoreResources?: boolean
  uploadRelay?: string
  maxTip?: string
  skipTipConfirmation?: boolean
}

/** How the client is to store. */
export type StoreSettings = Omit<StoreOptions, 'onProgress' | 'signal'>

/** What the options mean, once the network was asked for how many epochs. Throws CliError. */
export async function settingsOf(
  context: Context,
  client: Client,
  network: NetworkConfig,
  options: StoreCommandOptions,
): Promise<StoreSettings> {
  const { permanent = false, share = false, force = false, ignoreResources = false } = options
  return {
    epochs: await epochsFor(context, client, network, options),
    deletable: !permanent && !share,
    share,
    force,
    reuse: !ignoreResources,
  }
}

/**
 * Stores each file, but small ones as quilts where these cost less. One that fails does not keep the others from being stored; the
 * first failure is the exit code.
 */
export async function store(
  context: Context,
  files: string[],
  options: StoreCommandOptions & { quilt?: boolean },
): Promise<ExitCode> {
  const spends = options.dryRun !== true
  const look = async (file: string) => void (file === '-' || (await stat(file)))
  const looks = await Promise.allSettled(files.map(look))
  // that is told where there is no network, too
  if (looks.every(({ status }) => status === 'rejected')) return await forEach(context, files, look)
  return await withClient(context, { ...options, spends }, async (client, network) => {
    const { signal } = context
    // each time anew: an epoch may begin between two of many files
    const settings = () => settingsOf(context, client, network, options)
    const first = await settings()
    const nShards = network.nShards ?? (await client.info({ signal })).system.nShards
    const jobs = options.quilt === false ? [...files] : await groupFiles(files, nShards)
    if (options.dryRun) return await dryRun(context, client, jobs, first)
    await using relay = await relayOf(context, network, nShards, options)
    const limit = blobLimit(nShards)
    return await forEach(
      context,
      jobs,
      async job =>
        await (typeof job === 'string'
          ? storeOne(context, client, job, limit, await settings(), relay)
          : storeSmall(context, client, job, nShards, await settings(), relay, path => jobs.push(path))),
      { name: job => (typeof job === 'string' ? job : `a quilt of ${plural(job.files.length, 'file')}`) },
    )
  })
}

async function storeOne(
  context: Context,
  client: Client,
  file: string,
  limit: InputLimit,
  settings: StoreSettings,
  relay: UploadRelay | undefined,
): Promise<void> {
  const { output, signal } = context
  const name = file === '-' ? 'standard input' : basename(file)
  const input =
    relay === undefined ? await openInput(file, limit, signal) : await openForRelay(file, limit, signal)
  const sendBy = input.body && relay?.sender(input.body)
  const bar = await createProgressBar(output, name, input.sizeBytes())
  const result = await client
    .store(input.source, { ...settings, sendBy, onProgress: bar.update, signal })
    .finally(() => bar.stop())
  await output.result(
    { file, blobId: result.blobId, ...storeResultJson(result) },
    describeStored(name, input.sizeBytes() ?? 0, result),
  )
}

/** As one blob, and says so; what cannot be read is told `apart`. */
async function storeSmall(
  context: Context,
  client: Client,
  small: SmallFiles,
  nShards: number,
  settings: StoreSettings,
  relay: UploadRelay | undefined,
  apart: (path: string) => void,
): Promise<void> {
  const { output, signal } = context
  const limit = blobLimit(nShards)
  const files = await readSmall(small, limit, signal, apart)
  if (files.length === 0) return
  const { result, patches, size } = await putQuilt(context, client, files, nShards, settings, relay)
  const ids = new Map(
    patches.map(({ identifier, start, end }) => [
      identifier,
      quiltPatchId({ quilt: result.blobId, start, end }),
    ]),
  )
  const { system } = await client.info({ signal })
  const price = (bytes: number) => priceFrost(system, bytes, settings.epochs)
  const byThemselves = files.reduce((sum, { contents }) => sum + price(contents.length), 0n)
  await output.result(
    {
      files: files.map(({ path, identifier }) => ({
        file: path,
        identifier,
        quiltPatchId: ids.get(identifier),
      })),
      blobId: result.blobId,
      ...quiltStoreResultJson(result, patches),
    },
    lines([
      safe`${plural(files.length, 'small file')} in one quilt: ${formatWal(price(size))} instead of ${formatWal(byThemselves)} (--no-quilt stores each by itself)`,
      describeStored('the quilt', size, result),
      formatTable(['file', 'patch ID'], [...ids]),
      formatRows([
        ['read one', `floe read-quilt ${result.blobId} --identifiers NAME`],
        ['read all', `floe read-quilt ${result.blobId} --out FOLDER`],
        ['over HTTP', 'GET /v1/blobs/by-quilt-patch-id/PATCH_ID'],
      ]),
    ]),
  )
}

interface Input {
  source: StoreSource
  /** the same for a relay, which it is sent to as a whole */
  body?: Blob
  /** of what has no size beforehand: once it was read */
  sizeBytes(): number | undefined
}

/** What can be read once only is held in memory: it is read for its blob ID, and sent then. */
async function openForRelay(file: string, limit: InputLimit, signal: AbortSignal): Promise<Input> {
  if (file !== '-' && (await stat(file)).isFile())
    return { ...(await openInput(file, limit, signal)), body: await openAsBlob(file) }
  const bytes = await readInput(file, limit, signal)
  return { source: bytes, body: new Blob([Buffer.from(bytes)]), sizeBytes: () => bytes.length }
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
