import { parseArgs } from 'node:util'
import { runChaos } from './run.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '5' },
    nodes: { type: 'string', default: '7' },
  },
})
const { seed } = values
const [minutes, nodes] = [Number(values.minutes), Number(values.nodes)]
if (!(minutes > 0) || !Number.isInteger(nodes) || nodes < 4) {
  console.error('usage: npm run chaos -- --seed SEED --minutes MINUTES [--nodes NODES, 4 at least]')
  process.exit(2)
}
const { failures, counts, stored, live } = await runChaos({
  wallets: true,
  seed,
  nodes,
  ms: minutes * 60_000,
  say: line => console.log(line),
})
const told = Object.entries(counts).map(([what, count]) => `${what} ${count}`)
console.log(`seed ${seed}, ${nodes} nodes, ${minutes} min: ${told.join(', ')}`)
console.log(`blobs stored ${stored}, live at the end ${live}, failures ${failures.length}`)
process.exitCode = failures.length > 0 ? 1 : 0
