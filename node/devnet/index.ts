/**
 * A whole network in this process, for test suites of apps; its storage nodes may have processes of their own.
 * @module floe/devnet
 */
export {
  type Devnet,
  type DevnetOptions,
  type NodesBeside,
  type NodesInProcesses,
  startDevnet,
} from './devnet.ts'
export type { DevnetNode, ProcessNode } from './devnet-node.ts'
export { DevnetError, type DevnetErrorCode, type DevnetErrorDetails } from './errors.ts'
