import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { AttackContext } from '../attack.ts'

/** A bare connection to where a URL points. Rejects when it is refused, or when the attack ends first. */
export async function openSocket(
  url: string,
  { from, signal }: Pick<AttackContext, 'from' | 'signal'>,
): Promise<Socket> {
  const { hostname: host, port } = new URL(url)
  const socket = connect({ host, port: Number(port), localAddress: from })
  const destroy = () => void socket.destroy()
  signal.addEventListener('abort', destroy, { once: true })
  socket.once('close', () => signal.removeEventListener('abort', destroy))
  await once(socket, 'connect', { signal })
  // from here on it may break at any time
  socket.on('error', () => undefined).resume()
  return socket
}

/** Resolves once something was received, or the connection is closed. */
export async function answered(socket: Socket): Promise<void> {
  if (socket.closed) return
  await Promise.race([once(socket, 'data'), once(socket, 'close')])
}

/** Resolves once the connection is closed. */
export async function closed(socket: Socket): Promise<void> {
  if (!socket.closed) await once(socket, 'close')
}
