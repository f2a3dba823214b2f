import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { DevnetError } from './errors.ts'

/**
 * Below those that systems give to outgoing connections (from 32768 on Linux, 49152 elsewhere): the first nodes' could
 * have a later one's port before that listens.
 */
const CHOSEN_PORTS = [16_384, 32_768] as const
const DRAWS = 100

/** Whether a TCP port can be listened on. */
export async function isFree(host: string, port: number): Promise<boolean> {
  const server = createServer()
  try {
    await listen(server, host, port)
    return true
  } catch {
    return false
  } finally {
    server.close()
  }
}

/** Throws EADDRINUSE, naming the port, before anything was started that would have to be stopped again. */
export async function expectFree(host: string, port: number): Promise<void> {
  if (port === 0 || (await isFree(host, port))) return
  throw new DevnetError('EADDRINUSE', `port ${port} of ${host} is already in use`, { port })
}

/** As many free ports as are asked for: those wished for where they are free, others elsewhere. */
export async function choosePorts(host: string, wishes: readonly (number | undefined)[]): Promise<number[]> {
  const servers = wishes.map(() => createServer())
  try {
    const ports: number[] = []
    for (const [i, server] of servers.entries()) {
      const wish = wishes[i]
      const granted = wish !== undefined && !ports.includes(wish) && (await isFree(host, wish))
      // held until all are chosen, so that no two are the same
      if (granted) await listen(server, host, wish)
      else await listenAnywhere(server, host)
      ports.push((server.address() as AddressInfo).port)
    }
    return ports
  } finally {
    await Promise.all(servers.filter(server => server.listening).map(server => once(server.close(), 'close')))
  }
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  server.listen(port, host)
  await once(server, 'listening')
}

async function listenAnywhere(server: Server, host: string): Promise<void> {
  for (let draw = 0; draw < DRAWS; draw++) {
    try {
      return await listen(server, host, randomInt(...CHOSEN_PORTS))
    } catch {
      // taken
    }
  }
  await listen(server, host, 0)
}

/** As a node's `network_address` on chain has it. */
export function httpAddress({ host, port }: { host: string; port: number }): string {
  return `${host}:${port}`
}
