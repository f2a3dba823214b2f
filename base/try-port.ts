import { once } from 'node:events'
import { createServer } from 'node:net'

/** Listens on a TCP port for a moment. Rejects with node's own error where that cannot be: `code` EADDRINUSE, `port`. */
export async function tryPort(host: string, port: number): Promise<void> {
  const server = createServer(socket => socket.destroy())
  server.listen(port, host)
  await once(server, 'listening')
  const closed = once(server, 'close')
  server.close()
  await closed
}
