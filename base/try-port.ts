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

/** Rejects with node's EADDRINUSE where somebody has the TCP port. What else is wrong with an address says who listens there. */
export async function expectUntaken(host: string, port: number): Promise<void> {
  await tryPort(host, port).catch(error => {
    if (error.code === 'EADDRINUSE') throw error
  })
}
