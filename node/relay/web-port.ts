import type { Log } from '../../base/log.ts'
import { tryPort } from '../../base/try-port.ts'

/** The ports of a relay by TCP. */
export interface RelayPorts {
  /** of libp2p; 0 takes a free one */
  port: number
  /** of WebSockets: `next` is the one after `port`, where nobody has that; none when absent */
  webPort?: number | 'next' | undefined
  /** of its status page */
  httpPort: number
}

const LAST_PORT = 65_535

/**
 * Where a relay takes WebSockets, undefined for nowhere: only a port that was chosen must be had. Rejects with node's EADDRINUSE when that
 * or libp2p's port is taken, which libp2p's own error would not name.
 */
export async function findWebPort(
  hosts: readonly string[],
  { port, webPort, httpPort }: RelayPorts,
  log: Pick<Log, 'warn'>,
): Promise<number | undefined> {
  await expectFree(hosts, port)
  if (webPort !== 'next') {
    if (webPort !== undefined) await expectFree(hosts, webPort)
    return webPort
  }
  if (port === 0) return 0
  const next = port + 1
  const isFree = next <= LAST_PORT && next !== httpPort && (await areFree(hosts, next))
  if (isFree) return next
  log.warn(
    { port: next },
    'web pages do not reach this relay: the port is taken, and --ws-port names another',
  )
  return undefined
}

const areFree = (hosts: readonly string[], port: number): Promise<boolean> =>
  expectFree(hosts, port).then(
    () => true,
    () => false,
  )

/** Whatever else is wrong with an address says libp2p, which goes on where a machine lacks IPv6. */
async function expectFree(hosts: readonly string[], port: number): Promise<void> {
  for (const host of hosts) {
    await tryPort(host, port).catch(error => {
      if (error.code === 'EADDRINUSE') throw error
    })
  }
}
