import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The files of a Move package (Move.toml and every .move), by relative path with `/`. */
export type MoveFiles = Record<string, string>

/**
 * Reads a Move package from disk, in a stable order.
 * `tests: false` leaves out the folder `tests`.
 */
export function readMoveFiles(dir: string, { tests = true }: { tests?: boolean } = {}): MoveFiles {
  const names = readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .map(name => name.replaceAll('\\', '/'))
    .filter(name => name === 'Move.toml' || name.endsWith('.move'))
    .filter(name => !name.startsWith('build/') && (tests || !name.startsWith('tests/')))
    .sort()
  return Object.fromEntries(names.map(name => [name, readFileSync(join(dir, name), 'utf8')]))
}

/** The same files under a folder. */
export function underFolder(folder: string, files: MoveFiles): MoveFiles {
  return Object.fromEntries(Object.entries(files).map(([name, text]) => [`${folder}/${name}`, text]))
}
