import { realpath, stat } from 'node:fs/promises'
import { EXIT } from './exit-codes.ts'
import { CliError } from './failure.ts'

export interface OutputFile {
  /** with links followed */
  path: string
  /** A regular file, there or not: written beside and renamed. What else there is, `/dev/null` or a pipe, must not be replaced. */
  replaceable: boolean
}

/** Where `-o NAME` leads. Throws CliError for a folder. */
export async function outputFile(path: string, name: string): Promise<OutputFile> {
  const real = await realpath(path).catch(() => undefined)
  if (real === undefined) return { path, replaceable: true }
  const found = await stat(real)
  if (found.isDirectory()) throw new CliError('FILE', EXIT.usage, `${name} is a folder, not a file.`)
  return { path: real, replaceable: found.isFile() }
}
