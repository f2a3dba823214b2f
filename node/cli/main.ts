import { enableCompileCache } from 'node:module'
import { join } from 'node:path'
import type { Parts } from './context.ts'

// halves the start of short commands; where the folder is not writable, node goes on without. An installed package writes
// nothing into its own folder: Node's usual place is among the temporary files
const inClone = import.meta.url.endsWith('.ts')
enableCompileCache(
  inClone ? join(import.meta.dirname, '..', '..', 'node_modules', '.cache', 'floe') : undefined,
)
const { runCli } = await import('./run.ts')

/** For answers on their way to a slow reader. */
const END_MS = 5_000

// libp2p, the codec and Sui are loaded by the commands that need them
const parts: Parts = {
  async connect(network, options) {
    const { createClient } = await import('../client/client.ts')
    return await createClient(network, options)
  },
  async coordinate(network) {
    const { createCoordinator } = await import('../../chain/index.ts')
    return createCoordinator(network)
  },
  async startLocalnet(options) {
    const { startLocalnet } = await import('./localnet.ts')
    return await startLocalnet(options)
  },
  async startDevnet(options) {
    const { startDevnet } = await import('../devnet/devnet.ts')
    return await startDevnet(options)
  },
  async createLog(level) {
    const { createLog } = await import('../../base/pino-log.ts')
    return createLog({ level })
  },
}

process.exitCode = await runCli(process.argv.slice(2), parts)
// what a part that failed has left open must not keep a command that is done from ending
setTimeout(() => process.exit(), END_MS).unref()
