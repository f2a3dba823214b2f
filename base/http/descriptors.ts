import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'

/** What the process keeps for its files and its own dials when connections want all of its file descriptors. */
const RESERVED = { least: 32, most: 256, share: 1 / 8 }

/** File descriptors that the process may have in use with one more connection; undefined where the system does not say. */
export function descriptorCeiling(limit = openFilesLimit()): number | undefined {
  if (limit === undefined) return undefined
  return limit - Math.min(RESERVED.most, Math.max(RESERVED.least, Math.floor(limit * RESERVED.share)))
}

/** A socket's descriptor, where Node tells it: it has no public name. */
export function descriptorOf(socket: Socket): number | undefined {
  const fd = (socket as Socket & { _handle?: { fd?: number } | null })._handle?.fd
  return fd === undefined || fd < 0 ? undefined : fd
}

/** Node raises its own limit to the hard one when it starts, so that the one read here is the one that holds. */
function openFilesLimit(): number | undefined {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
    return limit === undefined ? undefined : Number(limit)
  } catch {
    return undefined
  }
}
