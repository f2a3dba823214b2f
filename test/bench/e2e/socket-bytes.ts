import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'

/** Counts what moves through every TCP connection that this process opens, as the sockets see it. */
export function countSocketBytes(): { bytes(): number; bytesRead(): number; stop(): void } {
  const sockets = new Set<Socket>()
  const onSocket = (message: unknown): void => {
    sockets.add((message as { socket: Socket }).socket)
  }
  const sum = (of: (socket: Socket) => number) => [...sockets].reduce((total, one) => total + of(one), 0)
  subscribe('net.client.socket', onSocket)
  return {
    bytes: () => sum(({ bytesRead, bytesWritten }) => bytesRead + bytesWritten),
    bytesRead: () => sum(({ bytesRead }) => bytesRead),
    stop: () => unsubscribe('net.client.socket', onSocket),
  }
}
