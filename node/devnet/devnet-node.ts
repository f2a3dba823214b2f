import type { ObjectId } from '../../codec/types.ts'
import type { StorageNode } from '../storage/node.ts'

/** A storage node of a devnet, which can be stopped and started again. */
export interface DevnetNode {
  readonly name: string
  readonly nodeId: ObjectId
  /** the running node; undefined while it is stopped, and where it has a process of its own */
  readonly running: StorageNode | undefined
  /** Starts it on what it has kept; one that runs stays as it is. */
  start(): Promise<void>
  /** Stops it; what it keeps stays. Idempotent. */
  stop(): Promise<void>
}

/** One in a process of its own. A process that ends by itself is started again. */
export interface ProcessNode extends DevnetNode {
  readonly running: undefined
  /** of the process; undefined while there is none */
  readonly pid: number | undefined
  /** Resolves as well once a process that has ended is up again. Rejects with DEVNET_NODE when the first one does not start. */
  start(): Promise<void>
  /** Sends the process a signal; whatever comes of it is as if it had come from anywhere else. */
  kill(signal: NodeJS.Signals): void
}

/** A node beside others in this process. */
export function nodeBeside(name: string, nodeId: ObjectId, create: () => Promise<StorageNode>): DevnetNode {
  let running: StorageNode | undefined
  let starting: Promise<void> | undefined
  return {
    name,
    nodeId,
    get running() {
      return running
    },
    start() {
      starting ??= create().then(
        node => {
          running = node
        },
        error => {
          starting = undefined
          throw error
        },
      )
      return starting
    },
    async stop() {
      // one that is still starting is stopped, too
      await starting?.catch(() => undefined)
      starting = undefined
      const node = running
      running = undefined
      await node?.stop()
    },
  }
}
