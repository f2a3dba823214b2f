import { fileURLToPath } from 'node:url'
import type { CompileOptions } from './compiler.ts'
import { PLACEHOLDERS } from './link.ts'
import { type MoveFiles, readMoveFiles } from './sources.ts'

const folder = (name: string) => fileURLToPath(new URL(`../contract/${name}`, import.meta.url))

/** The coin. */
export function walPackage(): CompileOptions {
  return { name: 'wal', files: readMoveFiles(folder('wal'), { tests: false }) }
}

/** The storage system; it calls `wal` at its placeholder. `tests` takes its Move tests along. */
export function walrusPackage({ tests = false }: { tests?: boolean } = {}): CompileOptions {
  return {
    name: 'walrus',
    files: readMoveFiles(folder('walrus'), { tests }),
    locals: { wal: publishedWal() },
  }
}

/** `wal` as a dependency: published at the placeholder. */
function publishedWal(): MoveFiles {
  const files = readMoveFiles(folder('wal'), { tests: false })
  const manifest = files['Move.toml']
    .replace('[package]', `[package]\npublished-at = "${PLACEHOLDERS.wal}"`)
    .replace(/^wal = .*$/m, `wal = "${PLACEHOLDERS.wal}"`)
  return { ...files, 'Move.toml': manifest }
}
