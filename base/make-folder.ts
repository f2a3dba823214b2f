import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Makes a folder and those above it; tells whether it was made. Throws node's file errors. (Node's own `recursive` never
 * ends where a file system says of a folder that cannot be made that it is missing, as `/proc` does.)
 */
export async function makeFolder(path: string, mode?: number): Promise<boolean> {
  try {
    await mkdir(path, mode)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return false
    if (code !== 'ENOENT') throw error
  }
  await makeFolder(dirname(path), mode)
  await mkdir(path, mode)
  return true
}
