import { constants, createWriteStream, open } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { Socket } from 'node:net'
import { dirname } from 'node:path'
import type { Writable } from 'node:stream'
import { promisify } from 'node:util'
import type { Context } from './context.ts'
import { CliError, EXIT } from './errors.ts'

export interface OutputFile {
  /** with links followed */
  path: string
  /** A regular file, there or not: written beside and renamed. What else there is, `/dev/null` or a pipe, must not be replaced. */
  replaceable: boolean
}

/** How often it is looked whether somebody reads a pipe: the system does not tell. */
const READER_POLL_MS = 100

/** Where `-o NAME` leads. Throws CliError for a folder, or below one that is not there. */
export async function outputFile(path: string, name: string): Promise<OutputFile> {
  const real = await realpath(path).catch(() => undefined)
  if (real === undefined) {
    if ((await realpath(dirname(path)).catch(() => undefined)) === undefined)
      throw new CliError('FILE', EXIT.usage, `The folder ${dirname(name)} does not exist.`)
    return { path, replaceable: true }
  }
  const found = await stat(real)
  if (found.isDirectory()) throw new CliError('FILE', EXIT.usage, `${name} is a folder, not a file.`)
  return { path: real, replaceable: found.isFile() }
}

/** Opens what is no regular file to write to. A pipe's reader is waited for, and the signal ends that. */
export async function openSpecial(
  path: string,
  { clock, signal }: Pick<Context, 'clock' | 'signal'>,
): Promise<Writable> {
  if (!(await stat(path)).isFIFO()) return createWriteStream(path)
  for (;;) {
    signal.throwIfAborted()
    try {
      // opened to wait, it would wait in a thread that nothing interrupts
      const fd = await promisify(open)(path, constants.O_WRONLY | constants.O_NONBLOCK)
      return new Socket({ fd, readable: false, writable: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENXIO') throw error
    }
    await clock.sleep(READER_POLL_MS, signal)
  }
}
