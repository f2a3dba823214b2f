import type { Stats } from 'node:fs'

/**
 * Whether others than its owner may read a key file. As ssh does, only the user's own files are judged: those of a pipe,
 * or what an administrator has handed out to a group, are not this user's to change.
 */
export function isExposed(file: Pick<Stats, 'mode' | 'uid' | 'isFile'>): boolean {
  if (process.platform === 'win32' || !file.isFile()) return false
  return file.uid === process.getuid?.() && (file.mode & 0o077) !== 0
}
