import { parseArgs } from 'node:util'
import { temporaryFolder } from '../support/temporary.ts'
import { SimFailure } from './options.ts'
import { simulate } from './simulation.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    nodes: { type: 'string', default: '13' },
    shards: { type: 'string', default: '100' },
    blobs: { type: 'string', default: '200' },
    uploads: { type: 'string' },
    epochs: { type: 'string', default: '10' },
    seeds: { type: 'string', default: '1' },
    challenges: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '1' },
    draws: { type: 'string', default: '40' },
    real: { type: 'boolean', default: false },
    quiet: { type: 'boolean', default: false },
  },
})
const number = (
  name: 'nodes' | 'shards' | 'blobs' | 'epochs' | 'seeds' | 'rounds' | 'draws',
  least: number,
): number => {
  const value = Number(values[name])
  if (Number.isSafeInteger(value) && value >= least) return value
  console.error(
    'usage: npm run sim -- --seed N [--seeds COUNT] [--nodes N] [--shards N] [--blobs N] [--uploads N] [--epochs N] [--challenges [--rounds N] [--draws N]] [--real] [--quiet]',
  )
  process.exit(2)
}
const first = values.seed === undefined ? Date.now() >>> 0 : Number(values.seed)
const sizes = { nodes: number('nodes', 4), shards: number('shards', 4), epochs: number('epochs', 1) }
const challenges = values.challenges ? { rounds: number('rounds', 1), draws: number('draws', 1) } : undefined
const blobs = number('blobs', 1)
const uploads = values.real ? blobs : Number(values.uploads ?? Math.min(blobs, 200))
for (let seed = first; seed < first + number('seeds', 1); seed++) {
  const folder = values.real ? await temporaryFolder() : undefined
  const startedAt = performance.now()
  const onProgress = values.quiet ? () => undefined : (text: string) => console.log(`  ${text}`)
  try {
    const options = { seed, ...sizes, blobs, uploads, path: folder?.path, challenges, onProgress }
    const result = await simulate(options)
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1)
    console.log(`seed ${seed}: ${JSON.stringify(result)} in ${seconds} s`)
  } catch (error) {
    if (!(error instanceof SimFailure)) throw error
    console.error(error.message)
    console.error(error.cause)
    process.exitCode = 1
    break
  } finally {
    await folder?.remove()
  }
}
