/** The program of a devnet's storage node in a process of its own, started by `process-node.ts`. */
import { cacheCompiled } from '../compile-cache.ts'
import { obey } from './obey.ts'

const stopping = obey()
cacheCompiled()
const { serveNode } = await import('./serve-node.ts')
await serveNode(stopping)
