import { createCodec } from '../../../codec/index.ts'
import type { Context } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { CliError } from '../failure.ts'
import { loadNetwork } from '../network-file.ts'
import { shown } from '../shown.ts'
import { codecFailure } from '../slivers/codec-failure.ts'
import { fileMetadata } from '../slivers/file-metadata.ts'

// Walrus's networks, unless a network file here says otherwise
const DEFAULT_SHARDS = 1000

/** Computes blob IDs without asking anyone. They depend on the number of shards. */
export async function blobId(
  context: Context,
  files: string[],
  options: { shards?: number; network?: string },
): Promise<ExitCode> {
  const { output, signal } = context
  const nShards = options.shards ?? (await networkShards(context, options.network)) ?? DEFAULT_SHARDS
  const codec = createCodec()
  try {
    for (const file of files) {
      const { blobId, unencodedLength: size } = await fileMetadata(codec, file, nShards, signal)
      await output.result({ file, blobId, size, nShards }, shown`${blobId}`)
    }
  } catch (error) {
    throw codecFailure(error)
  } finally {
    await codec.close()
  }
  return EXIT.ok
}

async function networkShards(context: Context, file: string | undefined): Promise<number | undefined> {
  try {
    return (await loadNetwork(file, context)).network.nShards
  } catch (error) {
    if (file === undefined && error instanceof CliError && error.code === 'NO_NETWORK') return undefined
    throw error
  }
}
