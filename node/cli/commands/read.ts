import { randomUUID } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { actsOnTerminal } from '../../../base/visible.ts'
import { type Context, type NetworkOptions, withClient } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { CliError } from '../failure.ts'
import { formatBytes } from '../format.ts'
import { openSpecial, outputFile } from '../output-file.ts'
import { createProgressBar } from '../progress.ts'
import { shown } from '../shown.ts'
import { blobIdArgument } from './arguments.ts'

export interface ReadCommandOptions extends NetworkOptions {
  output?: string
}

/** Reads a blob from the nodes and writes it to a file or stdout. */
export async function read(
  context: Context,
  blobIdText: string,
  options: ReadCommandOptions,
): Promise<ExitCode> {
  const { output, signal } = context
  const blobId = blobIdArgument(blobIdText)
  if (output.json && options.output === undefined) {
    throw new CliError('USAGE', EXIT.usage, '--json needs -o FILE: without it, stdout carries the blob.')
  }
  // before the network is asked for what could not be kept
  const file =
    options.output === undefined
      ? undefined
      : await outputFile(resolve(context.cwd, options.output), options.output)
  const bar = await createProgressBar(output, blobId)
  const data = await withClient(context, { ...options, spends: false }, async client => {
    try {
      return (await client.read(blobId, { onProgress: bar.update, signal })).data
    } finally {
      bar.stop()
    }
  })
  if (file !== undefined && options.output !== undefined) {
    if (file.replaceable) await writeWhole(file.path, data)
    else await pipeline([data], await openSpecial(file.path, signal), { signal })
    const value = { blobId, size: data.length, output: options.output }
    await output.result(value, shown`${options.output}: ${formatBytes(data.length)} written`)
  } else {
    // a stranger's bytes: escape sequences in them could do more than look odd
    if (process.stdout.isTTY && actsOnTerminal(data)) {
      throw new CliError('USAGE', EXIT.usage, 'This blob is not plain text and would upset the terminal.', {
        hint: 'Write it to a file with -o FILE, or pipe it on.',
      })
    }
    await output.bytes(data)
  }
  return EXIT.ok
}

/** Writes beside the target and renames: whoever looks sees the old file or the whole new one. */
async function writeWhole(path: string, data: Uint8Array): Promise<void> {
  const part = join(dirname(path), `.floe-${randomUUID()}.part`)
  try {
    const handle = await open(part, 'wx')
    try {
      await handle.writeFile(data)
    } finally {
      await handle.close()
    }
    await rename(part, path)
  } catch (error) {
    await rm(part, { force: true })
    throw Object.assign(error as Error, { path })
  }
}
