import type { FileHandle } from 'node:fs/promises'

/** Fills all of `target` from a place in a file. Throws node's errors with the path; EIO where the file ends before. */
export async function readAt(
  handle: FileHandle,
  path: string,
  offset: number,
  target: Uint8Array,
): Promise<void> {
  let done = 0
  while (done < target.length) {
    const reading = handle.read(target, done, target.length - done, offset + done)
    const { bytesRead } = await nameFile(path, reading)
    if (bytesRead === 0) throw Object.assign(new Error(`${path} has become shorter`), { code: 'EIO', path })
    done += bytesRead
  }
}

/** Writes all of the bytes at a place in a file. Throws node's errors with the path. */
export async function writeAt(
  handle: FileHandle,
  path: string,
  offset: number,
  bytes: Uint8Array,
): Promise<void> {
  let done = 0
  while (done < bytes.length) {
    const writing = handle.write(bytes, done, bytes.length - done, offset + done)
    done += (await nameFile(path, writing)).bytesWritten
  }
}

/** Errors of reading and writing an open file do not say of which file: these do. Others pass as they are. */
async function nameFile<T>(path: string, operation: Promise<T>): Promise<T> {
  try {
    return await operation
  } catch (cause) {
    const { code, path: known, message } = cause as NodeJS.ErrnoException
    if (code === undefined || known !== undefined) throw cause
    throw Object.assign(new Error(`${path}: ${message}`, { cause }), { code, path })
  }
}
