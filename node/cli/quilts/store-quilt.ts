import { encodeQuilt, encodingParams, quiltPatchId } from '../../../codec/index.ts'
import { quiltStoreResultJson } from '../../gateway/walrus-json.ts'
import { type Context, withClient } from '../context.ts'
import { EXIT, type ExitCode } from '../errors.ts'
import { describeStored, type StoreCommandOptions } from '../files/store.ts'
import { blobLimit } from '../input.ts'
import { createProgressBar } from '../progress.ts'
import { formatTable, lines, plural } from '../text.ts'
import { quiltFailure } from './failure.ts'
import { type QuiltInputs, readInputs } from './inputs.ts'

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
    const { data, patches } = await encodeQuilt(files, nShards, { signal }).catch(error => {
      throw quiltFailure(error)
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
