import { once } from 'node:events'
import { createLog, type LogLevel } from '../../base/pino-log.ts'
import { type RunNodeOptions, runNode } from '../storage/home/run.ts'

/** What the process of a node is told, as JSON in its argument. */
export interface NodeOrders {
  /** the node's folder */
  dir: string
  /** of the lines on standard error, JSON each */
  logLevel: LogLevel
  driveEpochs: boolean
  registrationWaitMs?: number
}

/** What the process says to the devnet that started it: once, when it is up or cannot be. */
export type NodeWord = { kind: 'up' } | { kind: 'failed'; code: string; message: string }

/** Runs the node that this process was started for until the signal is aborted, and ends the process. */
export async function serveNode(
  stopping: AbortSignal,
  hooks: Pick<RunNodeOptions, 'storeInit' | 'wrapCoordinator' | 'clock'> = {},
): Promise<never> {
  const { logLevel, ...orders } = JSON.parse(process.argv[2] ?? '') as NodeOrders
  try {
    const log = createLog({ level: logLevel, json: true })
    const running = await runNode({ ...orders, ...hooks, log, signal: stopping })
    try {
      await running.node.settled()
      await say({ kind: 'up' })
      if (!stopping.aborted) await once(stopping, 'abort')
    } finally {
      await running.close()
    }
  } catch (error) {
    if (!stopping.aborted) {
      const { code = 'UNEXPECTED', message } = error as Error & { code?: string }
      await say({ kind: 'failed', code: String(code), message })
      process.exit(1)
    }
  }
  process.exit(0)
}

/** Resolves when it has been said, or nobody is there to hear it. */
function say(word: NodeWord): Promise<void> {
  return new Promise(resolve => {
    if (process.send === undefined) resolve()
    else process.send(word, undefined, undefined, () => resolve())
  })
}
