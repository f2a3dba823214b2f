import { randomUUID } from 'node:crypto'
import { link, mkdir, open, realpath, rm } from 'node:fs/promises'
import { dirname, join, resolve, sep } from 'node:path'
import {
  openQuilt,
  parseQuiltPatchId,
  type QuiltFileReader,
  type QuiltPatch,
  type QuiltReader,
} from '../../../codec/index.ts'
import type { BlobId } from '../../../codec/types.ts'
import type { Client } from '../../client/types.ts'
import { blobIdArgument } from '../arguments.ts'
import { type Context, forEach, type NetworkOptions, withClient } from '../context.ts'
import { CliError, EXIT, type ExitCode } from '../errors.ts'
import { piecesToStdout } from '../files/to-stdout.ts'
import { formatBytes, formatTable, lines, plural, safe } from '../text.ts'
import { quiltFailure } from './failure.ts'

export interface ReadQuiltOptions extends NetworkOptions {
  quiltId?: string
  identifiers?: string[]
  tag?: string[]
  quiltPatchIds?: string[]
  out?: string
}

/** Lists the files of a quilt: only the columns of its index are read. */
export async function listPatches(
  context: Context,
  quiltText: string,
  options: NetworkOptions,
): Promise<ExitCode> {
  const quiltId = blobIdArgument(quiltText)
  await withQuilts(context, options, async quilt => {
    const patches = await (await quilt(quiltId)).list({ signal: context.signal })
    const rows = patches.map(({ identifier, patchId, tags }) => [identifier, patchId, tagText(tags)])
    await context.output.result(
      { quiltId, patches: patches.map(patchJson) },
      lines([
        safe`${plural(patches.length, 'file')} in ${quiltId}`,
        ...(rows.length === 0 ? [] : [formatTable(['file', 'patch ID', 'tags'], rows)]),
      ]),
    )
  })
  return EXIT.ok
}

/** Reads files of a quilt to standard output, one after the other, or into a folder. */
export async function readQuilt(
  context: Context,
  quiltText: string | undefined,
  options: ReadQuiltOptions,
): Promise<ExitCode> {
  const select = selection(quiltText ?? options.quiltId, options)
  return await withQuilts(context, options, async quilt => {
    const chosen = await select(quilt, context.signal)
    const byId = new Map(chosen.map(({ patchId, from }) => [patchId, from]))
    return await forEach(
      context,
      [...byId.keys()],
      async patchId => {
        const file = await byId.get(patchId)!.openPatch(patchId, { signal: context.signal })
        await give(context, file, options.out)
      },
      { explain: quiltFailure },
    )
  })
}

type Quilts = (quiltId: BlobId) => Promise<QuiltReader>

async function withQuilts<T>(
  context: Context,
  options: NetworkOptions,
  use: (quilt: Quilts) => Promise<T>,
): Promise<T> {
  return await withClient(context, { ...options, spends: false }, async client => {
    const opened = new Map<BlobId, Promise<QuiltReader>>()
    try {
      return await use(quiltId => {
        const known = opened.get(quiltId) ?? openBlobAsQuilt(client, quiltId, context.signal)
        opened.set(quiltId, known)
        return known
      })
    } catch (error) {
      throw quiltFailure(error)
    }
  })
}

/** It is open until the client closes. */
async function openBlobAsQuilt(client: Client, quiltId: BlobId, signal: AbortSignal): Promise<QuiltReader> {
  const { metadata, column } = await client.open(quiltId, { signal })
  return openQuilt({ ...metadata, column })
}

interface Chosen {
  patchId: string
  from: QuiltReader
}

/** What the options ask for. Throws CliError where they contradict each other, before the network is asked. */
function selection(
  quiltText: string | undefined,
  { identifiers, tag, quiltPatchIds }: ReadQuiltOptions,
): (quilt: Quilts, signal: AbortSignal) => Promise<Chosen[]> {
  const ways = [identifiers, tag, quiltPatchIds].filter(way => way !== undefined).length
  if (ways > 1) throw usage('Files are named by --identifiers, --tag or --quilt-patch-ids: by one of them.')
  if (quiltPatchIds !== undefined) {
    if (quiltText !== undefined) throw usage('A patch ID names its quilt: leave the quilt ID out.')
    const refs = quiltPatchIds.map(patchId => ({ patchId, quilt: quiltOf(patchId) }))
    return async quilt =>
      await Promise.all(refs.map(async ref => ({ patchId: ref.patchId, from: await quilt(ref.quilt) })))
  }
  if (quiltText === undefined) throw usage('Which quilt? Name it by its ID.')
  const quiltId = blobIdArgument(quiltText)
  const wanted = filterBy(identifiers, tag)
  return async (quilt, signal) => {
    const from = await quilt(quiltId)
    return wanted(await from.list({ signal })).map(({ patchId }) => ({ patchId, from }))
  }
}

function filterBy(
  identifiers: string[] | undefined,
  tag: string[] | undefined,
): (patches: QuiltPatch[]) => QuiltPatch[] {
  if (identifiers !== undefined) {
    return patches =>
      identifiers.map(identifier => {
        const patch = patches.find(candidate => candidate.identifier === identifier)
        if (patch !== undefined) return patch
        throw new CliError('NOT_FOUND', EXIT.notFound, `There is no file "${identifier}" in the quilt.`, {
          hint: '`floe list-patches QUILT_ID` lists what is in it.',
        })
      })
  }
  if (tag === undefined) return patches => patches
  if (tag.length % 2 === 1) throw usage('--tag takes a key and a value.')
  const pairs = Array.from({ length: tag.length / 2 }, (_, i) => [tag[2 * i]!, tag[2 * i + 1]!] as const)
  return patches =>
    patches.filter(({ tags }) =>
      pairs.every(([key, value]) => Object.hasOwn(tags, key) && tags[key] === value),
    )
}

/** Where a file goes. */
async function give(context: Context, file: QuiltFileReader, out: string | undefined): Promise<void> {
  const { output, signal, cwd } = context
  const { identifier, size } = file
  if (out !== undefined) {
    const path = await writeBelow(resolve(cwd, out), file, signal)
    await output.result({ ...patchJson(file), size, path }, safe`${path}: ${formatBytes(size)} written`)
    return
  }
  if (output.json) {
    const data = Buffer.concat(await Array.fromAsync(file.stream({ signal })))
    await output.result({ ...patchJson(file), size, data: data.toString('base64') }, safe`${identifier}`)
    return
  }
  await piecesToStdout(context, file.stream({ signal }))
}

/**
 * Writes a file by a stranger's name, and nowhere but in the folder; beside it first, so that it is never half there. Nothing that is
 * there already is written over.
 */
async function writeBelow(folder: string, file: QuiltFileReader, signal: AbortSignal): Promise<string> {
  const segments = file.identifier.split('/')
  const isSafe = (segment: string) =>
    segment !== '' && segment !== '.' && segment !== '..' && !/[\\\0]/.test(segment)
  if (!segments.every(isSafe)) {
    throw new CliError('FILE', EXIT.usage, `"${file.identifier}" cannot be the name of a file.`, {
      hint: 'Read it by itself to standard output: --identifiers NAME, without --out.',
    })
  }
  const path = join(folder, ...segments)
  await mkdir(dirname(path), { recursive: true })
  await expectBelow(folder, dirname(path))
  const part = join(dirname(path), `.floe-${randomUUID()}.part`)
  try {
    await using handle = await open(part, 'wx')
    for await (const piece of file.stream({ signal })) await handle.writeFile(piece)
    // fails where there is something, as a rename does not
    await link(part, path)
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'EEXIST' ? taken(path) : error
  } finally {
    await rm(part, { force: true })
  }
  return path
}

/** A link in the folder may lead out of it. */
async function expectBelow(folder: string, parent: string): Promise<void> {
  const [top, real] = await Promise.all([realpath(folder), realpath(parent)])
  if (real === top || real.startsWith(top.endsWith(sep) ? top : top + sep)) return
  throw new CliError('FILE', EXIT.usage, `${parent} leads out of ${folder}.`, {
    hint: 'Read into a folder without links.',
  })
}

const taken = (path: string): CliError =>
  new CliError('FILE', EXIT.usage, `${path} is there already, and is not written over.`, {
    hint: 'Read into an empty folder, or move it away. Names that differ in case only are one file on some systems.',
  })

const patchJson = ({ identifier, patchId, tags }: Pick<QuiltPatch, 'identifier' | 'patchId' | 'tags'>) => ({
  identifier,
  patchId,
  tags,
})

const tagText = (tags: QuiltPatch['tags']) =>
  Object.entries(tags)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ')

function quiltOf(patchId: string): BlobId {
  try {
    return parseQuiltPatchId(patchId).quilt
  } catch (cause) {
    throw new CliError('USAGE', EXIT.usage, `"${patchId}" is not a patch ID.`, {
      hint: 'It has 50 characters; `floe list-patches QUILT_ID` prints them.',
      cause,
    })
  }
}

function usage(message: string): CliError {
  return new CliError('USAGE', EXIT.usage, message, { hint: 'See `floe read-quilt --help`.' })
}
