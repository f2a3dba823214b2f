import type { Parts } from './context.ts'
import { runCli } from './run.ts'

// libp2p, the codec and Sui are loaded by the commands that need them
const parts: Parts = {
  async connect(network, options) {
    const { createClient } = await import('../client.ts')
    return await createClient(network, options)
  },
  async startDevnet(options) {
    const { startDevnet } = await import('../devnet.ts')
    return await startDevnet(options)
  },
  async createLog(level) {
    const { createLog } = await import('../log.ts')
    return createLog({ level })
  },
}

process.exitCode = await runCli(process.argv.slice(2), parts)
