import { type BigIntStats, constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { readAt } from '../../../base/file-at.ts'
import { ClientError } from '../errors.ts'
import type { StoredFile } from '../types.ts'
import { type OpenSource, ofChunks, type Source, type SourceInit } from './source.ts'

/** Opening a pipe would wait for its other end, in a thread that nothing interrupts. */
const READ_FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)
const READ_BYTES = 1024 * 1024

/** A file to store. Throws as `prepareSource`. */
export async function openFileSource(
  { path, temporary = false }: StoredFile,
  init: SourceInit,
): Promise<Source> {
  await using handle = await openFile(path)
  const stats = await handle.stat({ bigint: true })
  const size = Number(stats.size)
  // the size is a hint: some files have more than they say
  if (size <= init.aboveBytes) return await ofChunks(chunksOf(handle, size), init)
  return {
    size,
    content: identityOf(stats),
    open: () => openSource(path, size, temporary),
    async [Symbol.asyncDispose]() {},
  }
}

/** One read where the size is right. */
async function* chunksOf(handle: FileHandle, size: number): AsyncGenerator<Uint8Array> {
  for (let length = Math.max(size + 1, READ_BYTES); ; length = READ_BYTES) {
    const buffer = Buffer.allocUnsafeSlow(length)
    let filled = 0
    let ended = false
    while (filled < length && !ended) {
      const { bytesRead } = await handle.read(buffer, filled, length - filled)
      filled += bytesRead
      ended = bytesRead === 0
    }
    if (filled > 0) yield buffer.subarray(0, filled)
    if (ended) return
  }
}

/** A file of so many bytes, to be read. */
export async function openSource(
  path: string,
  expectedBytes: number,
  temporary: boolean,
): Promise<OpenSource> {
  const handle = await openFile(path)
  try {
    const stats = await handle.stat({ bigint: true })
    if (Number(stats.size) !== expectedBytes) throw changed(path)
    const identity = identityOf(stats)
    return {
      length: expectedBytes,
      identity: temporary ? undefined : identity,
      read: (offset, target) => readAt(handle, path, offset, target),
      [Symbol.asyncDispose]: () => handle.close(),
    }
  } catch (error) {
    await handle.close()
    throw error
  }
}

async function openFile(path: string): Promise<FileHandle> {
  const handle = await open(path, READ_FLAGS)
  const stats = await handle.stat()
  if (stats.isFile()) return handle
  await handle.close()
  const code = stats.isDirectory() ? 'EISDIR' : 'ESPIPE'
  throw Object.assign(new Error(`${path} is not a file`), { code, path })
}

/** A file and its state: any change of it sets ctime. */
function identityOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `file ${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`
}

const changed = (path: string): ClientError<'SOURCE_CHANGED'> =>
  new ClientError('SOURCE_CHANGED', `${path} was changed while it was stored`, {})
