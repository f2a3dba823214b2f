import { stat } from 'node:fs/promises'
import { basename, dirname, relative, resolve, sep } from 'node:path'
import { encodedSize, encodingParams, quiltLength, storageUnits } from '../../../codec/index.ts'
import { type InputLimit, readInput } from '../input.ts'

/** Files that are stored as one quilt. */
export interface SmallFiles {
  files: { path: string; identifier: string }[]
}

/** A quilt's files are held in memory, and so is the quilt. */
const MEMORY_BYTES = 64 * 2 ** 20

/**
 * What is stored by itself, and what as quilts: small files, of which each would take more for its metadata than for its bytes, where
 * a quilt of them is cheaper. What cannot be looked at is left to fail by itself.
 */
export async function groupFiles(
  files: readonly string[],
  nShards: number,
): Promise<(string | SmallFiles)[]> {
  const small = await smallOnes(files, nShards)
  const most = encodingParams(nShards).secondarySymbols - 1
  const quilts = inParts(small, most).flatMap(part => asQuilt(part, nShards) ?? [])
  const taken = new Set(quilts.flatMap(quilt => quilt.files.map(({ path }) => resolve(path))))
  return [...quilts, ...files.filter(file => file === '-' || !taken.has(resolve(file)))]
}

/**
 * The files of a quilt that can be read, with their bytes. What cannot is told `apart`, to fail by itself and keep no other from being
 * stored; and so are all unless two are left. Throws the signal's reason.
 */
export async function readSmall(
  { files }: SmallFiles,
  limit: InputLimit,
  signal: AbortSignal,
  apart: (path: string) => void,
): Promise<{ path: string; identifier: string; contents: Uint8Array }[]> {
  const read = await Promise.allSettled(files.map(({ path }) => readInput(path, limit, signal)))
  signal.throwIfAborted()
  const readable = files.flatMap((file, i) => {
    const one = read[i]!
    return one.status === 'fulfilled' ? [{ ...file, contents: one.value }] : []
  })
  const kept = readable.length > 1 ? readable : []
  const paths = new Set(kept.map(({ path }) => path))
  for (const { path } of files) if (!paths.has(path)) apart(path)
  return kept
}

interface Sized {
  path: string
  size: number
}

/** Each once. */
async function smallOnes(files: readonly string[], nShards: number): Promise<Sized[]> {
  const overhead = encodedSize(nShards, 1)
  const distinct = new Map(files.filter(file => file !== '-').map(file => [resolve(file), file]))
  const sized = await Promise.all(
    Array.from(distinct.values(), async path => {
      const found = await stat(path).catch(() => undefined)
      return found?.isFile() && found.size <= MEMORY_BYTES ? [{ path, size: found.size }] : []
    }),
  )
  return sized.flat().filter(({ size }) => encodedSize(nShards, size) <= 2 * overhead)
}

function inParts(files: readonly Sized[], most: number): Sized[][] {
  const parts: Sized[][] = []
  let bytes = 0
  for (const file of files) {
    const last = parts.at(-1)
    bytes += file.size
    if (last !== undefined && last.length < most && bytes <= MEMORY_BYTES) last.push(file)
    else {
      parts.push([file])
      bytes = file.size
    }
  }
  return parts
}

/** What makes a quilt too large, or no cheaper, is left out: the largest file decides how large the place of each is. */
function asQuilt(part: readonly Sized[], nShards: number): SmallFiles | undefined {
  if (part.length < 2) return undefined
  const sizes = part.map(({ size }) => size)
  const identifiers = namesOf(part.map(({ path }) => path))
  const quiltBytes = quiltLength(
    sizes.map((length, i) => ({ identifier: identifiers[i]!, contents: { length } })),
    nShards,
  )
  const units = (bytes: number) => storageUnits(encodedSize(nShards, bytes))
  const apart = sizes.reduce((sum, size) => sum + units(size), 0)
  if (quiltBytes <= MEMORY_BYTES && units(quiltBytes) < apart)
    return { files: part.map(({ path }, i) => ({ path, identifier: identifiers[i]! })) }
  return asQuilt(part.toSpliced(sizes.indexOf(Math.max(...sizes)), 1), nShards)
}

/** As they are called; where two are called the same, by their paths from the folder that has them all. */
function namesOf(paths: readonly string[]): string[] {
  const names = paths.map(path => basename(path))
  if (new Set(names).size === names.length) return names
  const full = paths.map(path => resolve(path))
  let folder = dirname(full[0]!)
  const isBelow = (path: string) => folder === dirname(folder) || path.startsWith(folder + sep)
  while (!full.every(isBelow)) folder = dirname(folder)
  return full.map(path => relative(folder, path).split(sep).join('/'))
}
