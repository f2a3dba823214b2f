import type { SystemInfo } from '../../../chain/types/index.ts'
import {
  type BlobMetadata,
  type Codec,
  encodedSize,
  encodeQuilt,
  type QuiltFile,
} from '../../../codec/index.ts'
import type { Client } from '../../client/types.ts'
import { type Context, forEach } from '../context.ts'
import type { ExitCode } from '../errors.ts'
import { blobLimit } from '../input.ts'
import { formatBytes, formatRows, formatWal, plural, type SafeText, safe } from '../text.ts'
import { fileMetadata, withCodec } from './blob-id.ts'
import { priceFrost } from './price.ts'
import { readSmall, type SmallFiles } from './small-files.ts'

interface Term {
  epochs: number
}

/** Tells what each would be and cost, all of it bought: what is stored already, or what the wallet has, makes it less. */
export async function dryRun(
  context: Context,
  client: Pick<Client, 'info'>,
  jobs: (string | SmallFiles)[],
  term: Term,
): Promise<ExitCode> {
  const { output, signal } = context
  const { system } = await client.info({ signal })
  const nameOf = (job: string | SmallFiles) =>
    typeof job === 'string' ? job : `a quilt of ${plural(job.files.length, 'small file')}`
  return await withCodec(codec =>
    forEach(
      context,
      jobs,
      async job => {
        const isFile = typeof job === 'string'
        const limit = blobLimit(system.nShards)
        const files = isFile ? [] : await readSmall(job, limit, signal, path => jobs.push(path))
        if (!isFile && files.length === 0) return
        const metadata = isFile
          ? await fileMetadata(codec, job, system.nShards, signal)
          : await quiltMetadata(codec, files, system.nShards, signal)
        const value = dryRunJson(metadata, system, term)
        const of = isFile ? { file: job, path: job } : { files: files.map(({ path }) => path) }
        await output.result(
          { ...of, ...value },
          describeDryRun(isFile ? job : nameOf({ files }), metadata, system, term),
        )
      },
      { name: nameOf },
    ),
  )
}

async function quiltMetadata(
  codec: Codec,
  files: readonly QuiltFile[],
  nShards: number,
  signal: AbortSignal,
): Promise<BlobMetadata> {
  const { data } = await encodeQuilt(files, nShards, { signal })
  return codec.metadata(data, nShards, { signal })
}

/** In the shape of Walrus's client, and until when besides. */
export function dryRunJson(metadata: BlobMetadata, system: SystemInfo, { epochs }: Term): object {
  const { blobId, encodingType, unencodedLength, nShards } = metadata
  return {
    blobId,
    unencodedSize: unencodedLength,
    encodedSize: encodedSize(nShards, unencodedLength),
    storageCost: priceFrost(system, unencodedLength, epochs),
    encodingType,
    endEpoch: system.epoch + epochs,
  }
}

export function describeDryRun(
  name: string,
  { blobId, unencodedLength, nShards }: BlobMetadata,
  system: SystemInfo,
  { epochs }: Term,
): SafeText {
  const encoded = formatBytes(encodedSize(nShards, unencodedLength))
  const rows = formatRows([
    ['blob ID', blobId],
    ['until', `epoch ${system.epoch + epochs}`],
    ['cost', `${formatWal(priceFrost(system, unencodedLength, epochs))} for ${encoded} encoded, all bought`],
  ])
  return safe`${name}, ${formatBytes(unencodedLength)}: would be stored\n${rows}`
}
