import { cacheCompiled } from '../compile-cache.ts'

cacheCompiled()
const { runCli } = await import('./run.ts')
const { parts } = await import('./parts.ts')

/** For answers on their way to a slow reader. */
const END_MS = 5_000

process.exitCode = await runCli(process.argv.slice(2), parts)
// what a part that failed has left open must not keep a command that is done from ending
parts.clock.after(END_MS, () => process.exit(), { background: true })
