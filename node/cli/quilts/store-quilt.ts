import {
  encodingParams,
  maxBlobSize,
  type QuiltFile,
  quiltLength,
  quiltPatchId,
} from '../../../codec/index.ts'
import type { Client } from '../../client/types.ts'
import { quiltPatchesJson, quiltStoreResultJson } from '../../gateway/walrus-json.ts'
import { type Context, withClient } from '../context.ts'
import { CliError, EXIT, type ExitCode } from '../errors.ts'
import { withCodec } from '../files/blob-id.ts'
import { describeStored } from '../files/describe-stored.ts'
import { describeDryRun, dryRunJson } from '../files/dry-run.ts'
import { priceFrost } from '../files/price.ts'
import { relayOf } from '../files/relay-of.ts'
import { type StoreCommandOptions, settingsOf } from '../files/store.ts'
import { blobLimit } from '../input.ts'
import { formatBytes, formatTable, formatWal, lines, plural } from '../text.ts'
import { quiltFailure } from './failure.ts'
import { expectInputs, type QuiltInputs, readInputs } from './inputs.ts'
import { encodeFiles, putQuilt } from './put-quilt.ts'

/** A quilt that is larger than so many times its files is stored by those only who allow that. */
const WASTE = 4
/** Below it nobody needs to be asked. */
const SMALL_BYTES = 16 * 2 ** 20

/** Stores files as one blob. The files are held in memory, and so is the quilt. */
export async function storeQuilt(
  context: Context,
  options: StoreCommandOptions & QuiltInputs & { allowWaste?: boolean },
): Promise<ExitCode> {
  const spends = options.dryRun !== true
  await expectInputs(context, options)
  await withClient(context, { ...options, spends }, async (client, network) => {
    const { output, signal } = context
    const settings = await settingsOf(context, client, network, options)
    const nShards = network.nShards ?? (await client.info({ signal })).system.nShards
    const limits = { files: encodingParams(nShards).secondarySymbols - 1, size: blobLimit(nShards) }
    const files = await readInputs(context, options, limits)
    if (!options.allowWaste) await expectWorthwhile(client, files, nShards, settings.epochs, signal)
    const name = `a quilt of ${plural(files.length, 'file')}`
    if (options.dryRun) {
      const { system } = await client.info({ signal })
      const { data, patches } = await encodeFiles(files, nShards, signal)
      const metadata = await withCodec(async codec => codec.metadata(data, nShards, { signal }))
      const quiltBlobOutput = { path: '', ...dryRunJson(metadata, system, settings) }
      const storedQuiltBlobs = quiltPatchesJson(metadata.blobId, patches)
      await output.result(
        { quiltBlobOutput, storedQuiltBlobs },
        describeDryRun(name, metadata, system, settings),
      )
      return
    }
    await using relay = await relayOf(context, network, nShards, options)
    const { result, patches, size } = await putQuilt(context, client, files, nShards, settings, relay)
    const rows = patches.map(({ identifier, start, end }) => [
      identifier,
      quiltPatchId({ quilt: result.blobId, start, end }),
    ])
    await output.result(
      { blobId: result.blobId, ...quiltStoreResultJson(result, patches) },
      lines([describeStored(name, size, result), formatTable(['file', 'patch ID'], rows)]),
    )
  })
  return EXIT.ok
}

/** Throws TOO_LARGE for a quilt of many times its files, before it takes memory. */
async function expectWorthwhile(
  client: Client,
  files: readonly QuiltFile[],
  nShards: number,
  epochs: number,
  signal: AbortSignal,
): Promise<void> {
  const inputBytes = files.reduce((sum, { contents }) => sum + contents.length, 0)
  const actualBytes = lengthOf(files, nShards)
  // what is too large for the network is told by what encodes it
  if (actualBytes <= Math.max(SMALL_BYTES, WASTE * inputBytes) || actualBytes > maxBlobSize(nShards)) return
  const costFrost = priceFrost((await client.info({ signal })).system, actualBytes, epochs)
  const message = `${plural(files.length, 'file')} of ${formatBytes(inputBytes)} would be a quilt of ${formatBytes(actualBytes)} for ${formatWal(costFrost)}: each file takes whole columns, and the largest decides how large these are.`
  throw new CliError('TOO_LARGE', EXIT.refused, message, {
    hint: 'Store the largest by themselves with `floe store`, or this all the same with --allow-waste.',
    details: { actualBytes, inputBytes, costFrost: `${costFrost}` },
  })
}

function lengthOf(files: readonly QuiltFile[], nShards: number): number {
  try {
    return quiltLength(files, nShards)
  } catch (error) {
    throw quiltFailure(error)
  }
}
