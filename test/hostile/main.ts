import { parseArgs } from 'node:util'
import { createLog } from '../../base/pino-log.ts'
import { attackNames, loadAttack } from './attack.ts'
import { startNetwork } from './target.ts'
import { startAttackers } from './under-attack.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '30' }, quiet: { type: 'boolean', default: false } },
})
const seconds = Number(values.seconds)
const [name] = positionals
const names = attackNames()
if (positionals.length !== 1 || !(names.includes(name!) || name === 'all') || !(seconds > 0)) {
  const lines = await Promise.all(
    names.map(async one => `  ${one.padEnd(22)} ${(await loadAttack(one)).about}`),
  )
  console.error(`usage: npm run hostile -- NAME|all [--seconds N] [--quiet]\n${lines.join('\n')}`)
  process.exit(2)
}

const mib = (bytes: number): string => `${Math.round(bytes / 1024 ** 2)} MiB`
const network = await startNetwork({ log: createLog({ level: values.quiet ? 'silent' : 'warn' }) })
const attackers = await startAttackers()
let failed = 0
try {
  for (const one of name === 'all' ? names : [name]) {
    const { attack, honest, errors, rssBefore, rssMost, lagMs, refused } = await attackers.attack(
      network,
      one!,
      { seconds },
    )
    console.log(`${one}, ${seconds} s: ${JSON.stringify(attack)}`)
    console.log(`  honest   ${JSON.stringify(honest)}`)
    console.log(
      `  memory   ${mib(rssBefore)}, at most ${mib(rssMost)}; event loop held up for ${lagMs} ms at most`,
    )
    console.log(`  refused  ${JSON.stringify(refused)}`)
    for (const error of errors) console.log(`  FAILED   ${error}`)
    failed += errors.length
  }
} finally {
  await attackers.close()
  await network.close()
}
process.exitCode = failed > 0 ? 1 : 0
