import type * as crypto from 'node:crypto'
import type * as fs from 'node:fs/promises'
import type * as threads from 'node:worker_threads'

interface NodeModules {
  'node:crypto': typeof crypto
  'node:fs/promises': typeof fs
  'node:worker_threads': typeof threads
}

/** A module of Node's own; undefined in a page. It is asked for by name, as bundlers for pages refuse what imports it. */
export function nodeModule<Name extends keyof NodeModules>(name: Name): NodeModules[Name] | undefined {
  if (typeof process !== 'object') return undefined
  return process.getBuiltinModule?.(name) as NodeModules[Name] | undefined
}
