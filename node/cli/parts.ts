import { systemClock } from '../../base/clock.ts'
import type { Parts } from './context.ts'

/** What Floe is made of. libp2p, the codec and Sui are loaded by the commands that need them. */
export const parts: Parts = {
  clock: systemClock,
  async connect(network, options) {
    const { createClient } = await import('../client/node-client.ts')
    return await createClient(network, options)
  },
  async coordinate(network) {
    const { createCoordinator } = await import('../../chain/index.ts')
    return createCoordinator(network)
  },
  async startLocalnet(options) {
    const { startLocalnet } = await import('./networks/localnet.ts')
    return await startLocalnet(options)
  },
  async startDevnet({ processes, logLevel, ...options }) {
    const { startDevnet } = await import('../devnet/devnet.ts')
    return await (processes ? startDevnet({ ...options, processes, logLevel }) : startDevnet(options))
  },
  async runNode(options) {
    const { runNode } = await import('../storage/home/run.ts')
    return await runNode(options)
  },
  async runRelay(options) {
    const { runRelay } = await import('../relay/run.ts')
    return await runRelay(options)
  },
  async runGateway(options) {
    const { startGateway } = await import('./gateway/start.ts')
    return await startGateway(options)
  },
  async createLog(level) {
    const { createLog } = await import('../../base/pino-log.ts')
    return createLog({ level })
  },
}
