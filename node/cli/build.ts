/**
 * Bundles the command line for those who run it in a clone: `node node/cli/build.ts [folder]`, which setup.mjs calls. Finding and reading a
 * thousand small files takes more than all that a command does. `inputs.json` tells floe.mjs where the bundle is and what it is made of.
 * Each lies in a folder of its own, and the one before stays: commands run from it that have not loaded all of it.
 */
import { randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { build, type Plugin } from 'esbuild'

const builds = process.argv[2] ?? join(import.meta.dirname, 'build')
const generation = randomUUID()
const target = join(builds, generation)
const root = join(import.meta.dirname, '..', '..')

/** Packages that look for files beside their own. */
const WITH_FILES = ['bls-eth-wasm', 'classic-level', 'node-datachannel', 'pino']

/** What lies beside a source (threads, programs, kernels, the contract) is found from there; all chunks are in one folder. */
const whereSourcesAre: Plugin = {
  name: 'where sources are',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8')
      const isOurs = !path.includes(`${sep}node_modules${sep}`)
      if (!isOurs || !text.includes('import.meta.')) return undefined
      const url = `new URL(${JSON.stringify(relative(target, path).replaceAll(sep, '/'))}, import.meta.url)`
      const contents = text
        .replace(/\bimport\.meta\.url\b/g, `(${url}.href)`)
        .replace(
          /\bimport\.meta\.dirname\b/g,
          `process.getBuiltinModule('node:url').fileURLToPath(new URL('.', ${url}))`,
        )
      return { contents, loader: 'ts' }
    })
  },
}

await mkdir(target, { recursive: true })
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: { main: join(import.meta.dirname, 'main.ts') },
  outdir: target,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  splitting: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  external: WITH_FILES,
  // what is CommonJS asks for Node's own modules by it
  banner: {
    js: "import{createRequire as floeRequire}from'node:module';const require=floeRequire(import.meta.url);",
  },
  legalComments: 'none',
  metafile: true,
  plugins: [whereSourcesAre],
  logLevel: 'error',
})
const ours = Object.keys(metafile.inputs).filter(name => !name.startsWith('node_modules/'))
const inputs = [...ours, 'package-lock.json', 'node_modules/.package-lock.json']
const told = join(builds, 'inputs.json')
const before: string | undefined = await readFile(told, 'utf8').then(
  text => JSON.parse(text).generation,
  () => undefined,
)
await writeFile(`${told}.new`, JSON.stringify({ generation, inputs }))
await rename(`${told}.new`, told)
const kept = [generation, before, 'inputs.json', '.stamp']
for (const name of await readdir(builds))
  if (!kept.includes(name)) await rm(join(builds, name), { recursive: true, force: true })
