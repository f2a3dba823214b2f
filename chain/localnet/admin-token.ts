import { randomBytes } from 'node:crypto'
import { chmod, mkdir, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'

const BYTES = 32
const SHAPE = new RegExp(`^[0-9a-f]{${2 * BYTES}}$`)

export const newToken = (): string => randomBytes(BYTES).toString('hex')

/**
 * The token of the admin's calls, kept in a file of the data folder that only its owner may read: a program that can read that
 * could change the chain anyway. Made when there is none, or none that is whole.
 */
export async function loadAdminToken(dir: string): Promise<{ token: string; path: string }> {
  const path = join(dir, 'admin-token')
  await mkdir(dir, { recursive: true })
  const kept = await readFile(path, 'utf8').catch(error => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  })
  const text = kept?.trim()
  if (text !== undefined && SHAPE.test(text)) {
    await chmod(path, 0o600)
    return { token: text, path }
  }
  const token = newToken()
  const file = await open(path, 'w', 0o600)
  try {
    await file.chmod(0o600)
    await file.writeFile(`${token}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  return { token, path }
}
