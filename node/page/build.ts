/** Bundles the page that gateways serve at `/read`: `node node/page/build.ts`, which setup.mjs calls. */
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build, type Plugin } from 'esbuild'

const here = import.meta.dirname
const target = join(here, 'build')
const kernels = join(here, '..', '..', 'codec', 'build')

/** What a page that only reads never calls, and what stands in its place. */
const withoutStoring: Plugin = {
  name: 'without storing',
  setup({ onResolve }) {
    onResolve({ filter: /\/page-bls\.ts$/ }, () => ({ path: join(here, 'no-bls.ts') }))
    onResolve({ filter: /\/client\/(?:user-)?coordinator\.ts$/ }, () => ({
      path: join(here, 'no-coordinator.ts'),
    }))
    onResolve({ filter: /\/upload\/(?:upload|send-registered)\.ts$/ }, () => ({
      path: join(here, 'no-uploads.ts'),
    }))
  },
}

await rm(target, { recursive: true, force: true })
await mkdir(target, { recursive: true })
await build({
  entryPoints: { page: join(here, 'ui', 'page.ts'), reader: join(here, 'reader.ts') },
  outdir: target,
  bundle: true,
  minify: true,
  platform: 'browser',
  // classic scripts: service workers that are modules are not everywhere
  format: 'iife',
  target: ['es2022'],
  legalComments: 'none',
  // where the kernels are, seen from a script in a folder beside `build`
  banner: { js: 'const floeScript=new URL("script/x.js",self.location.href).href;' },
  define: { 'import.meta.url': 'floeScript' },
  plugins: [withoutStoring],
  logLevel: 'error',
})
for (const name of ['read.html', 'style.css']) await cp(join(here, 'ui', name), join(target, name))
// one thread each: shared memory needs headers that keep pages of others out
for (const name of ['kernel-relaxed.wasm', 'kernel-plain.wasm'])
  await cp(join(kernels, name), join(target, name))
for (const name of ['page.js', 'reader.js', 'kernel-relaxed.wasm', 'kernel-plain.wasm'])
  await writeFile(join(target, `${name}.gz`), gzipSync(await readFile(join(target, name)), { level: 9 }))
