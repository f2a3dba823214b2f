import { hash, webcrypto } from 'node:crypto'
import { open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Where a sliver lies, as the index has it: enough to notice a cut or altered file. */
export interface SliverLocation {
  /** path below the store's sliver folder */
  file: string
  offset: number
  length: number
  /** SHA-256 of the bytes, hex */
  sha256: string
}

/** Above this many bytes (0.6 ms) hashing moves to the thread pool, at the price of a copy. */
const INLINE_HASH_BYTES = 1024 * 1024

/** SHA-256, because the CPU's own instructions make it the fastest; it guards against damage, not against peers. */
export async function sha256Hex(bytes: Uint8Array): Promise<string> {
  if (bytes.length <= INLINE_HASH_BYTES) return hash('sha256', bytes, 'hex')
  const digest = await webcrypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)
  return Buffer.from(digest).toString('hex')
}

/** Writes several byte strings as one file that is either whole under its name or absent. Durable when it resolves. */
export async function writePack(
  temporary: string,
  path: string,
  parts: readonly Uint8Array[],
): Promise<void> {
  const file = await open(temporary, 'wx', 0o600)
  try {
    await file.writev([...parts])
    await file.datasync()
  } finally {
    await file.close()
  }
  await rename(temporary, path)
  await syncFolder(dirname(path))
}

/** Makes names in a folder durable. Windows cannot open folders, and does without. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** The bytes at a location, or undefined when the file is missing, cut off or altered. */
export async function readPack(path: string, location: SliverLocation): Promise<Uint8Array | undefined> {
  let file: Awaited<ReturnType<typeof open>>
  try {
    file = await open(path, 'r')
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
  try {
    const bytes = new Uint8Array(location.length)
    let at = 0
    while (at < bytes.length) {
      const { bytesRead } = await file.read(bytes, at, bytes.length - at, location.offset + at)
      if (bytesRead === 0) return undefined
      at += bytesRead
    }
    return (await sha256Hex(bytes)) === location.sha256 ? bytes : undefined
  } finally {
    await file.close()
  }
}

export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
