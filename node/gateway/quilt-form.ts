import { createReadStream } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Busboy, type BusboyHeaders } from '@fastify/busboy'
import type { QuiltFile } from '../../codec/index.ts'
import type { StoreSource } from '../client/types.ts'
import { HttpError } from '../http/errors.ts'

/** What the form says of its files: the reserved name of a part. */
const METADATA = '_metadata'
const NAME_BYTES = 65_535
const METADATA_BYTES = 4 * 1024 * 1024

/** Throws 415 for what is no form. */
export function expectForm({ headers }: IncomingMessage): void {
  if (/^\s*multipart\/form-data\s*;.*\bboundary=/i.test(headers['content-type'] ?? '')) return
  const words = 'a quilt is a form of files: multipart/form-data, as curl -F NAME=@FILE sends it'
  throw new HttpError(415, 'UNSUPPORTED_ENCODING', words)
}

/**
 * The files of a form that has arrived: each part is one, by its name, with the tags that a part `_metadata` has for it. Throws 400
 * for a form that ends too early, names that are empty, reserved or given twice, and metadata of another shape.
 */
export async function filesOfForm(
  source: StoreSource,
  { headers }: IncomingMessage,
  maxFiles: number,
  signal: AbortSignal,
): Promise<QuiltFile[]> {
  const parts = await partsOf(source, headers as BusboyHeaders, maxFiles, signal)
  const described = parts.get(METADATA)
  parts.delete(METADATA)
  if (parts.size === 0) throw invalid('the form has no files')
  const tags = described === undefined ? new Map() : tagsOf(described)
  for (const identifier of tags.keys())
    if (!parts.has(identifier))
      throw invalid(`${METADATA} names ${shown(identifier)}, and there is no such file`)
  return Array.from(parts, ([identifier, contents]) => ({
    identifier,
    contents,
    tags: tags.get(identifier) ?? {},
  }))
}

async function partsOf(
  source: StoreSource,
  headers: BusboyHeaders,
  maxFiles: number,
  signal: AbortSignal,
): Promise<Map<string, Buffer>> {
  const parts = new Map<string, Buffer>()
  const reading: Promise<void>[] = []
  let problem: HttpError | undefined
  const parser = new Busboy({
    headers,
    isPartAFile: () => true,
    limits: { fieldNameSize: NAME_BYTES, files: maxFiles + 2, headerPairs: 32 },
  })
  parser.on('file', (name, part) => {
    const chunks: Buffer[] = []
    part.on('data', chunk => chunks.push(chunk))
    reading.push(
      new Promise((resolve, reject) => {
        part.once('error', reject)
        part.once('end', () => {
          problem ??= problemOf(name, parts)
          if (problem === undefined) parts.set(name, Buffer.concat(chunks))
          resolve()
        })
      }),
    )
  })
  parser.on('filesLimit', () => {
    problem ??= invalid(`a quilt of this network has at most ${maxFiles} files`)
  })
  const input = 'path' in source ? createReadStream(source.path) : Readable.from([source])
  try {
    await pipeline(input, parser, { signal })
    await Promise.all(reading)
  } catch (cause) {
    signal.throwIfAborted()
    if ((cause as NodeJS.ErrnoException).syscall !== undefined) throw cause
    throw new HttpError(400, 'MALFORMED_REQUEST', 'the form is cut off, or none', { cause })
  }
  if (problem !== undefined) throw problem
  if (parts.size > maxFiles + (parts.has(METADATA) ? 1 : 0))
    throw invalid(`a quilt of this network has at most ${maxFiles} files`)
  return parts
}

function problemOf(name: string | undefined, known: ReadonlyMap<string, Buffer>): HttpError | undefined {
  if (name === undefined || name === '') return invalid('a part of the form has no name')
  if (known.has(name)) return invalid(`two parts of the form are named ${shown(name)}`)
  if (name.startsWith('_') && name !== METADATA) return invalid(`the name ${shown(name)} begins with _`)
  return undefined
}

/** `[{"identifier": NAME, "tags": {KEY: TEXT}}]` */
function tagsOf(json: Buffer): Map<string, Record<string, string>> {
  if (json.length > METADATA_BYTES) throw invalid(`${METADATA} has more than ${METADATA_BYTES} bytes`)
  let list: unknown
  try {
    list = JSON.parse(json.toString('utf8'))
  } catch {
    throw invalid(`${METADATA} is no JSON`)
  }
  if (!Array.isArray(list)) throw invalid(`${METADATA} must be a list`)
  const tags = new Map<string, Record<string, string>>()
  for (const entry of list as unknown[]) {
    const { identifier, tags: given = {} } = (entry ?? {}) as { identifier?: unknown; tags?: unknown }
    if (typeof identifier !== 'string') throw invalid(`an entry of ${METADATA} has no identifier`)
    if (tags.has(identifier)) throw invalid(`${METADATA} names ${shown(identifier)} twice`)
    if (given === null || typeof given !== 'object' || Array.isArray(given))
      throw invalid(`the tags of ${shown(identifier)} must be an object`)
    const pairs = Object.entries(given)
    if (!pairs.every((pair): pair is [string, string] => typeof pair[1] === 'string'))
      throw invalid(`the tags of ${shown(identifier)} must be texts`)
    tags.set(identifier, Object.fromEntries(pairs))
  }
  return tags
}

const shown = (name: string) => JSON.stringify(name.slice(0, 100))
const invalid = (message: string) => new HttpError(400, 'QUILT_INVALID', message)
