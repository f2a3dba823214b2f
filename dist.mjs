/**
 * Compiles what the package's doors reach to `dist`, for any Node that `engines` names: JavaScript, declarations and
 * source maps, with the kernel's wasm and the contract's bytecode beside them. `npm pack` calls it, after setup.mjs.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const root = import.meta.dirname
const dist = join(root, 'dist')
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

rmSync(dist, { recursive: true, force: true })
try {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  execFileSync(process.execPath, [tsc, '-p', 'tsconfig.dist.json'], { cwd: root })
} catch (error) {
  process.stderr.write(error.stdout ?? `${error.message}\n`)
  process.exit(1)
}

for (const [folder, ending] of [
  ['codec/build', '.wasm'],
  ['chain/build', '.json'],
  ['node/page/build', ''],
]) {
  for (const name of readdirSync(join(root, folder)).filter(
    file => file.endsWith(ending) && !file.startsWith('.'),
  ))
    cpSync(join(root, folder, name), join(dist, folder, name))
}

// the compiler leaves these as they are in declarations
const IMPORTED = /((?:from |import\()['"]\.{1,2}\/[^'"]+)\.ts(['"])/g
for (const name of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
  if (!name.endsWith('.d.ts')) continue
  const path = join(dist, name)
  writeFileSync(path, readFileSync(path, 'utf8').replace(IMPORTED, '$1.js$2'))
}

// not read from package.json there: a page has none, and Node 22 warns of importing JSON
rmSync(join(dist, 'package.json'))
rmSync(join(dist, 'node', 'version.js.map'))
writeFileSync(join(dist, 'node', 'version.js'), `export const version = ${JSON.stringify(version)}\n`)
