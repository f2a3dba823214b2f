import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

/** What every fuzzer gets. */
export interface FuzzOptions {
  minutes: number
  /** makes a run repeatable; printed by every run */
  seed: number
  /** of the fuzzer that counts them, in place of minutes */
  histories?: number
}

const fail = (): never => {
  const names = readdirSync(import.meta.dirname)
    .filter(file => /^[a-z0-9-]+\.ts$/.test(file) && file !== 'main.ts')
    .map(file => file.slice(0, -3))
  console.error(
    `usage: npm run fuzz -- NAME [--minutes N] [--histories N] [--seed N]\nfuzzers: ${names.join(', ')}`,
  )
  process.exit(2)
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: 'string', default: '1' },
    histories: { type: 'string' },
    seed: { type: 'string' },
  },
})
const [name] = positionals
const minutes = Number(values.minutes)
const histories = values.histories === undefined ? undefined : Number(values.histories)
const seed = values.seed === undefined ? Date.now() >>> 0 : Number(values.seed)
const file = join(import.meta.dirname, `${name}.ts`)
if (positionals.length !== 1 || !/^[a-z0-9-]+$/.test(name!) || name === 'main' || !existsSync(file)) fail()
if (!(minutes > 0) || !Number.isSafeInteger(seed)) fail()
if (histories !== undefined && !(Number.isSafeInteger(histories) && histories > 0)) fail()
const fuzzer = (await import(file)) as { run: (options: FuzzOptions) => Promise<void> }
try {
  await fuzzer.run({ minutes, seed, histories })
} catch (error) {
  // first and last: whatever part of the output is kept tells how to run it again
  const failed = `FAILED: npm run fuzz -- ${name} --seed ${seed} (${(error as Error).message})`
  console.log(failed)
  console.error(error)
  console.error(failed)
  process.exit(1)
}
