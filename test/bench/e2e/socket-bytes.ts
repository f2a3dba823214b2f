import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'

/** Counts what moves through every TCP connection that this process opens, both directions, as the sockets see it. */
export function countSocketBytes(): { bytes(): number; stop(): void } {
  const sockets = new Set<Socket>()
  const onSocket = (message: unknown): void => {
    sockets.add((message as { socket: Socket }).socket)
  }
  subscribe('net.client.socket', onSocket)
  return {
    bytes: () => [...sockets].reduce((sum, { bytesRead, bytesWritten }) => sum + bytesRead + bytesWritten, 0),
    stop: () => unsubscribe('net.client.socket', onSocket),
  }
}
