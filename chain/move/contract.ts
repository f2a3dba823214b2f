import { fileURLToPath } from 'node:url'
import type { CompileOptions } from './compiler.ts'
import { PLACEHOLDERS } from './link.ts'
import { type MoveFiles, readMoveFiles } from './sources.ts'

const folder = (name: string) => fileURLToPath(new URL(`../contract/${name}`, import.meta.url))

/** The coin. */
export function walPackage(): CompileOptions {
  return { name: 'wal', files: readMoveFiles(folder('wal'), { tests: false }) }
}

/** As the sources have it. */
const VERSION = 4

/**
 * The storage system; it calls `wal` at its placeholder. `tests` takes its Move tests along. `version` is that of the
 * objects which the package makes and works with; nothing else in it differs.
 */
export function walrusPackage({
  tests = false,
  version = VERSION,
}: {
  tests?: boolean
  version?: number
} = {}): CompileOptions {
  const files = readMoveFiles(folder('walrus'), { tests })
  return {
    name: 'walrus',
    files: version === VERSION ? files : atVersion(files, version),
    locals: { wal: publishedWal() },
  }
}

function atVersion(files: MoveFiles, version: number): MoveFiles {
  const constant = `const VERSION: u64 = ${VERSION};`
  const entries = Object.entries(files)
  const changed = entries.filter(([, text]) => text.includes(constant)).map(([name]) => name)
  if (changed.length !== 2) throw new Error(`the version is in ${changed.join(', ')}`)
  return Object.fromEntries(
    entries.map(([name, text]) => [name, text.replace(constant, `const VERSION: u64 = ${version};`)]),
  )
}

/** `wal` as a dependency: published at the placeholder. */
function publishedWal(): MoveFiles {
  const files = readMoveFiles(folder('wal'), { tests: false })
  const manifest = files['Move.toml']!.replace(
    '[package]',
    `[package]\npublished-at = "${PLACEHOLDERS.wal}"`,
  ).replace(/^wal = .*$/m, `wal = "${PLACEHOLDERS.wal}"`)
  return { ...files, 'Move.toml': manifest }
}
