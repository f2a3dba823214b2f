import { subscribe } from 'node:diagnostics_channel'
import { readFileSync, watch } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'

/** In a node's folder: ports, one a line. Links from or to them are cut as long as they are there. */
export const CUT_FILE = 'cut'

/**
 * Cuts this process's TCP links as its folder says. A link has a port that is known at one of its ends only: the own one where
 * others have called, theirs where this node has.
 */
export function obeyCuts(dir: string): void {
  const file = join(dir, CUT_FILE)
  const sockets = new Set<Socket>()
  let ports = portsIn(file)
  const look = (socket: Socket): void => {
    if (ports.has(socket.localPort ?? 0) || ports.has(socket.remotePort ?? 0)) socket.destroy()
  }
  const meet = (message: unknown): void => {
    const { socket } = message as { socket: Socket }
    sockets.add(socket)
    socket.once('connect', () => look(socket)).once('close', () => sockets.delete(socket))
    look(socket)
  }
  subscribe('net.client.socket', meet)
  subscribe('net.server.socket', meet)
  watch(dir, { persistent: false }, (_, name) => {
    if (name !== CUT_FILE) return
    ports = portsIn(file)
    for (const socket of sockets) look(socket)
  })
}

function portsIn(file: string): Set<number> {
  try {
    return new Set(readFileSync(file, 'utf8').split('\n').filter(Boolean).map(Number))
  } catch {
    return new Set()
  }
}
