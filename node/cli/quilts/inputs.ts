import { readdir, stat } from 'node:fs/promises'
import { basename, join, relative, resolve, sep } from 'node:path'
import type { QuiltFile } from '../../../codec/index.ts'
import type { Context } from '../context.ts'
import { CliError, EXIT } from '../errors.ts'
import { type InputLimit, readInput, tooLarge } from '../input.ts'

export interface QuiltInputs {
  paths?: string[]
  blobs?: string[]
}

interface Named {
  path: string
  identifier: string
  tags: Record<string, string>
}

/** Refuses inputs that are wrong whatever the network. Throws CliError, node's file errors. */
export async function expectInputs(
  { cwd }: Pick<Context, 'cwd'>,
  { paths = [], blobs = [] }: QuiltInputs,
): Promise<void> {
  if (paths.length > 0 === blobs.length > 0)
    throw usage('A quilt is made of --paths, or of --blobs.', 'Name files or folders with one of the two.')
  for (const path of [...paths, ...blobs.map(text => parseBlob(text).path)]) await stat(resolve(cwd, path))
}

/**
 * The files that make a quilt, read. A file is named as it is called, one in a folder by its path in there, with slashes; `blobs`
 * name their own. Throws CliError for two of a name, none at all, or more than a quilt holds; node's file errors.
 */
export async function readInputs(
  { cwd, signal }: Pick<Context, 'cwd' | 'signal'>,
  { paths = [], blobs = [] }: QuiltInputs,
  limits: { files: number; size: InputLimit },
): Promise<QuiltFile[]> {
  const named = blobs.length > 0 ? blobs.map(parseBlob) : await namedByPaths(cwd, paths, limits.files)
  if (named.length === 0) throw usage('There is no file in there.')
  if (named.length > limits.files)
    throw usage(`A quilt holds ${limits.files} files on this network, and not ${named.length}.`)
  const names = new Map<string, string>()
  for (const { identifier, path } of named) {
    const other = names.get(identifier)
    if (other !== undefined)
      throw usage(
        `Two files would be called "${identifier}" in the quilt: ${other} and ${path}.`,
        'Name them with --blobs.',
      )
    names.set(identifier, path)
  }
  let total = 0
  const files: QuiltFile[] = []
  for (const { path, identifier, tags } of named) {
    const contents = await readInput(resolve(cwd, path), limits.size, signal)
    total += contents.length
    if (total > limits.size.bytes) throw tooLarge('All of it', limits.size)
    files.push({ identifier, contents, tags })
  }
  return files
}

async function namedByPaths(cwd: string, paths: readonly string[], most: number): Promise<Named[]> {
  const named: Named[] = []
  for (const path of paths) {
    const full = resolve(cwd, path)
    if (!(await stat(full)).isDirectory()) {
      named.push({ path, identifier: basename(path), tags: {} })
      continue
    }
    // a link to a folder is not followed: it may lead in circles
    for (const entry of await readdir(full, { recursive: true, withFileTypes: true })) {
      const file = join(entry.parentPath, entry.name)
      const isFile = entry.isFile() || (entry.isSymbolicLink() && (await stat(file)).isFile())
      if (!isFile) continue
      named.push({ path: file, identifier: relative(full, file).split(sep).join('/'), tags: {} })
      if (named.length > most) break
    }
  }
  return named
}

function parseBlob(text: string): Named {
  const wrong = (why: string) =>
    usage(
      `"${text}" ${why}.`,
      'It is {"path":"FILE","identifier":"NAME","tags":{"KEY":"VALUE"}}, with a path at least.',
    )
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    throw wrong('is not JSON')
  }
  if (typeof parsed !== 'object' || parsed === null) throw wrong('is no object')
  const { path, identifier, tags = {}, ...rest } = parsed as Record<string, unknown>
  if (typeof path !== 'string' || path === '') throw wrong('has no path')
  if (identifier !== undefined && typeof identifier !== 'string')
    throw wrong('has an identifier that is no text')
  const areTags =
    typeof tags === 'object' && tags !== null && Object.values(tags).every(value => typeof value === 'string')
  if (!areTags) throw wrong('has tags that are not texts by name')
  const [unknown] = Object.keys(rest)
  if (unknown !== undefined) throw wrong(`has "${unknown}", which means nothing`)
  return { path, identifier: identifier ?? basename(path), tags: tags as Record<string, string> }
}

function usage(message: string, hint?: string): CliError {
  return new CliError('USAGE', EXIT.usage, message, { hint })
}
