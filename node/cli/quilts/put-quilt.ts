import { type EncodedQuilt, encodeQuilt, type QuiltFile } from '../../../codec/index.ts'
import type { Client, StoreOptions, StoreResult } from '../../client/types.ts'
import type { Context } from '../context.ts'
import type { UploadRelay } from '../files/upload-relay.ts'
import { createProgressBar } from '../progress.ts'
import { quiltFailure } from './failure.ts'

/** What a quilt became. */
export interface PutQuilt extends Pick<EncodedQuilt, 'patches'> {
  result: StoreResult
  /** bytes of the blob */
  size: number
}

/** Puts files into one blob and stores it, with a bar for people. Throws CliError for what makes no quilt. */
export async function putQuilt(
  { output, signal }: Pick<Context, 'output' | 'signal'>,
  client: Pick<Client, 'store'>,
  files: readonly QuiltFile[],
  nShards: number,
  settings: Omit<StoreOptions, 'onProgress' | 'signal'>,
  relay: UploadRelay | undefined,
): Promise<PutQuilt> {
  const { data, patches } = await encodeFiles(files, nShards, signal)
  const sendBy = relay?.sender(new Blob([Uint8Array.from(data)]))
  const bar = await createProgressBar(output, 'quilt', data.length)
  const result = await client
    .store(data, { ...settings, sendBy, onProgress: bar.update, signal })
    .finally(() => bar.stop())
  return { result, patches, size: data.length }
}

/** Throws CliError for what makes no quilt. */
export async function encodeFiles(
  files: readonly QuiltFile[],
  nShards: number,
  signal: AbortSignal,
): Promise<EncodedQuilt> {
  try {
    return await encodeQuilt(files, nShards, { signal })
  } catch (error) {
    throw quiltFailure(error)
  }
}
