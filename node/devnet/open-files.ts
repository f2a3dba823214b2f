import { openFilesLimit } from '../../base/open-files.ts'
import { DevnetError } from './errors.ts'

/** The chain, the gateway, and what comes and goes. */
const FILES = 64
/** A node's stores, listeners, its connections with the others and with those who read and write. */
const FILES_PER_NODE = 32

/**
 * Throws DEVNET_FILES when the system lets this process open too few files for so many nodes: they would start, and then
 * neither take connections nor end.
 */
export function expectOpenFiles(nodes: number, limit = openFilesLimit()): void {
  const needed = FILES + FILES_PER_NODE * nodes
  if (limit === undefined || limit >= needed) return
  throw new DevnetError(
    'DEVNET_FILES',
    `the system lets this process open ${limit} files, and ${nodes} nodes need ${needed}`,
    { limit, needed },
  )
}
