import { once } from 'node:events'
import type { AddressInfo, Server } from 'node:net'
import type { Clock } from '../clock.ts'
import type { Connections } from './connections.ts'

export interface ListenInit {
  host: string
  /** 0 takes a free one */
  port: number
  /** of this server */
  connections: Pick<Connections, 'closeAll'>
  clock: Clock
  /** told of a connection that could not be accepted, e.g. for want of file descriptors */
  onLost: (error: Error) => void
}

export interface Listening {
  /** `http://host:port`, which this machine can ask: of all its addresses the loopback one */
  readonly url: string
  /**
   * Takes no more connections, waits until what is under way is over, `withinMs` at most, and closes those that are left.
   * Resolves when all are closed, to whether all was over.
   */
  close(over: Promise<unknown>, withinMs: number): Promise<boolean>
}

/** All addresses of a machine are no address to ask at. */
const LOOPBACK: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' }

/** Starts a server. Rejects with node's own error when the port is taken: `code` EADDRINUSE, `port`. */
export async function listen(server: Server, init: ListenInit): Promise<Listening> {
  const { host, clock, connections, onLost } = init
  server.listen(init.port, host)
  await once(server, 'listening')
  // unheard, it would end the process
  server.on('error', onLost)
  const { port } = server.address() as AddressInfo
  return {
    url: `http://${nameOf(host)}:${port}`,
    async close(over, withinMs) {
      const closed = once(server, 'close')
      server.close()
      const isOver = await clock.settlesWithin(over, withinMs)
      connections.closeAll()
      await closed
      return isOver
    },
  }
}

function nameOf(host: string): string {
  const name = LOOPBACK[host] ?? host
  return name.includes(':') ? `[${name}]` : name
}
