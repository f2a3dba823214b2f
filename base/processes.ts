import { createHash } from 'node:crypto'
import { lstat, mkdir } from 'node:fs/promises'
import { hostname } from 'node:os'

/** Eight letters for this machine, or container: process numbers of another one say nothing here. */
export const thisMachine = (): string => createHash('sha256').update(hostname()).digest('hex').slice(0, 8)

/** Whether a process of this machine runs, of whatever user. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/**
 * A folder of this user's and nobody else's, inside one that is there: others could read along, or keep us waiting. Throws
 * node's file errors; EPERM when it is somebody else's, or open to others.
 */
export async function makeOwnFolder(folder: string): Promise<void> {
  // not recursive: Node's loops for ever where nothing may be made
  await mkdir(folder, { mode: 0o700 }).catch(error => {
    if (error.code !== 'EEXIST') throw error
  })
  if (process.platform === 'win32') return
  const found = await lstat(folder)
  if (found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o077) === 0) return
  throw Object.assign(new Error(`${folder} is not this user's alone`), { code: 'EPERM', path: folder })
}
