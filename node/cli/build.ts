/**
 * Bundles the command line for those who run it in a clone: `node node/cli/build.ts`, which setup.mjs calls. Finding and reading a
 * thousand small files takes more than all that a command does. `inputs.json` tells floe.mjs what the bundle is made of.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { build, type Plugin } from 'esbuild'

const target = join(import.meta.dirname, 'build')
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

await rm(target, { recursive: true, force: true })
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
await writeFile(join(target, 'inputs.json'), JSON.stringify([...ours, 'package-lock.json']))
