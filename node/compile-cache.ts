import { enableCompileCache } from 'node:module'
import { join } from 'node:path'

/** Where what was compiled is kept; undefined in an installed package, which writes nothing into its own folder. */
export const compileCache = import.meta.url.endsWith('.ts')
  ? join(import.meta.dirname, '..', 'node_modules', '.cache', 'floe')
  : undefined

/**
 * Halves the start of short programs; where the folder is not writable, node goes on without. An installed package's is Node's
 * usual place, among the temporary files. To be called before anything else is loaded.
 */
export function cacheCompiled(): void {
  enableCompileCache(compileCache)
}
