import type { Log } from '../../base/log.ts'
import { expectUntaken } from '../../base/try-port.ts'

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

/** Where a relay takes WebSockets, undefined for nowhere: only a port that was chosen must be had. */
export async function findWebPort(
  hosts: readonly string[],
  { port, webPort, httpPort }: RelayPorts,
  log: Pick<Log, 'warn'>,
): Promise<number | undefined> {
  if (webPort !== 'next') return webPort
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

/** One after the other: of all IPv6 addresses is of all IPv4 ones as well, where both are had. */
async function areFree(hosts: readonly string[], port: number): Promise<boolean> {
  try {
    for (const host of hosts) await expectUntaken(host, port)
    return true
  } catch {
    return false
  }
}
