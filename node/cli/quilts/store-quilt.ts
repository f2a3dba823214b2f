import {
  encodedSize,
  encodeQuilt,
  encodingParams,
  isCodecError,
  maxBlobSize,
  type QuiltFile,
  quiltPatchId,
  storageUnits,
} from '../../../codec/index.ts'
import type { Client } from '../../client/types.ts'
import { quiltStoreResultJson } from '../../gateway/walrus-json.ts'
import { type Context, withClient } from '../context.ts'
import { CliError, EXIT, type ExitCode } from '../errors.ts'
import { describeStored, type StoreCommandOptions } from '../files/store.ts'
import { blobLimit } from '../input.ts'
import { createProgressBar } from '../progress.ts'
import { formatBytes, formatTable, formatWal, lines, plural } from '../text.ts'
import { quiltFailure } from './failure.ts'
import { type QuiltInputs, readInputs } from './inputs.ts'

/** A quilt that is larger than so many times its files is stored by those only who insist. */
const WASTE = 4
/** Below it nobody needs to be asked. */
const SMALL_BYTES = 16 * 2 ** 20

/** Stores files as one blob. The files are held in memory, and so is the quilt. */
export async function storeQuilt(
  context: Context,
  options: StoreCommandOptions & QuiltInputs,
): Promise<ExitCode> {
  await withClient(context, { ...options, spends: true }, async (client, network) => {
    const { output, signal } = context
    const nShards = network.nShards ?? (await client.info({ signal })).system.nShards
    const limits = { files: encodingParams(nShards).secondarySymbols - 1, size: blobLimit(nShards) }
    const files = await readInputs(context, options, limits)
    const maxBytes = options.force ? maxBlobSize(nShards) : worthwhile(files)
    const { data, patches } = await encodeQuilt(files, nShards, { signal, maxBytes }).catch(async error => {
      const actualBytes = isCodecError(error, 'BLOB_TOO_LARGE') ? error.details.actualBytes : 0
      if (options.force || actualBytes <= maxBytes || actualBytes > maxBlobSize(nShards))
        throw quiltFailure(error)
      throw await wasteful(client, files, actualBytes, options.epochs, signal)
    })
    const bar = await createProgressBar(output, 'quilt', data.length)
    const result = await client
      .store(data, {
        epochs: options.epochs,
        deletable: options.permanent !== true,
        force: options.force ?? false,
        onProgress: bar.update,
        signal,
      })
      .finally(() => bar.stop())
    const rows = patches.map(({ identifier, start, end }) => [
      identifier,
      quiltPatchId({ quilt: result.blobId, start, end }),
    ])
    await output.result(
      { blobId: result.blobId, ...quiltStoreResultJson(result, patches) },
      lines([
        describeStored(`a quilt of ${plural(files.length, 'file')}`, data.length, result),
        formatTable(['file', 'patch ID'], rows),
      ]),
    )
  })
  return EXIT.ok
}

const bytesOf = (files: readonly QuiltFile[]) => files.reduce((sum, { contents }) => sum + contents.length, 0)
const worthwhile = (files: readonly QuiltFile[]) => Math.max(SMALL_BYTES, WASTE * bytesOf(files))

async function wasteful(
  client: Client,
  files: readonly QuiltFile[],
  actualBytes: number,
  epochs: number,
  signal: AbortSignal,
): Promise<CliError> {
  const { nShards, storagePriceFrost, writePriceFrost } = (await client.info({ signal })).system
  const units = BigInt(storageUnits(encodedSize(nShards, actualBytes)))
  const costFrost = units * (storagePriceFrost * BigInt(epochs) + writePriceFrost)
  const message = `${plural(files.length, 'file')} of ${formatBytes(bytesOf(files))} would be a quilt of ${formatBytes(actualBytes)} for ${formatWal(costFrost)}: each file takes whole columns, and the largest decides how large these are.`
  return new CliError('TOO_LARGE', EXIT.refused, message, {
    hint: 'Store the largest by themselves with `floe store`, or this all the same with --force.',
    details: { actualBytes, inputBytes: bytesOf(files), costFrost: `${costFrost}` },
  })
}
