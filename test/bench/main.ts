import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

/** What every bench gets: print a table, or one JSON line per case. */
export interface BenchOptions {
  json: boolean
  /** fewer and smaller cases, to see that the bench runs */
  quick: boolean
  /** what follows the bench's name */
  args: string[]
}

const usage = () => {
  const names = readdirSync(import.meta.dirname)
    .filter(
      file =>
        existsSync(join(import.meta.dirname, file)) && /^[a-z0-9-]+\.ts$/.test(file) && file !== 'main.ts',
    )
    .map(file => file.slice(0, -3))
  return `usage: npm run bench -- NAME [--json] [--quick] [ARGUMENT ...]\nbenches: ${names.join(', ')}`
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false } },
})
const [name, ...args] = positionals
const file = join(import.meta.dirname, `${name}.ts`)
if (!/^[a-z0-9-]+$/.test(name!) || name === 'main' || !existsSync(file)) {
  console.error(usage())
  process.exit(2)
}
const bench = (await import(file)) as { run?: (options: BenchOptions) => Promise<void> }
if (bench.run === undefined) {
  console.error(usage())
  process.exit(2)
}
await bench.run({ json: values.json, quick: values.quick, args })
