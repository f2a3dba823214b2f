/**
 * Builds the kernel: `node codec/kernel/build.ts` writes codec/build/kernel-{relaxed,plain}[-threads].wasm. Relaxed
 * SIMD is worth 10-15 % where the engine has it; the threads variants import a shared memory.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { blake2bSource } from './blake2b.ts'

const ASSEMBLY = join(import.meta.dirname, 'assembly')
const OUTPUT = join(import.meta.dirname, '..', 'build')
/** 4 GiB, what WebAssembly addresses; must match host/arena.ts */
const MAXIMUM_PAGES = 65_536
const INITIAL_PAGES = 4

const VARIANTS = [
  { name: 'relaxed', features: ['relaxed-simd'], shared: false },
  { name: 'relaxed-threads', features: ['relaxed-simd', 'threads'], shared: true },
  { name: 'plain', features: [], shared: false },
  { name: 'plain-threads', features: ['threads'], shared: true },
]

export async function buildKernel(): Promise<void> {
  const { default: asc } = await import('assemblyscript/asc')
  await mkdir(OUTPUT, { recursive: true })
  const generated = blake2bSource()
  for (const { name, features, shared } of VARIANTS) {
    const { error, stderr } = await asc.main(
      [
        'index.ts',
        ...['--outFile', `kernel-${name}.wasm`],
        // -O1: higher levels reorder the straight-line hash and slow it down by up to 10 %
        ...['--optimizeLevel', '1', '--noAssert', '--runtime', 'stub', '--use', 'abort='],
        ...['simd', 'bulk-memory', ...features].flatMap(feature => ['--enable', feature]),
        ...['--importMemory', '--initialMemory', `${INITIAL_PAGES}`, '--maximumMemory', `${MAXIMUM_PAGES}`],
        ...(shared ? ['--sharedMemory'] : []),
      ],
      {
        readFile: async file =>
          file === 'blake2b.ts' ? generated : readFile(join(ASSEMBLY, file), 'utf8').catch(() => null),
        writeFile: (file, contents) => writeFile(join(OUTPUT, file), contents),
        listFiles: () => [],
      },
    )
    if (error !== null) throw new Error(`kernel-${name}: ${error.message}\n${stderr}`, { cause: error })
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  await buildKernel()
