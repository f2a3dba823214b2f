import type { Socket } from 'node:net'
import { addressKey } from './accounts.ts'
import type { ServerLimits } from './server-limits.ts'

interface Connection {
  socket: Socket
  key: string
  /** requests or streams under way */
  active: number
  /** of `performance.now()` */
  idleSinceMs: number
}

/** What is known of a connection to those who serve it. */
export interface Busy {
  /** A request begins; call what is answered when it ends. */
  begin(): () => void
  readonly active: number
}

/**
 * Connections by address. Where one address, or all together, have as many as they may, the longest idle one of whoever
 * holds most makes room for the new one; when none is idle, the new one is refused.
 */
export class Connections {
  readonly #byAddress = new Map<string, Set<Connection>>()
  readonly #refused: (reason: 'connections' | 'address') => void
  readonly #limits: ServerLimits
  #count = 0

  constructor(limits: ServerLimits, refused: (reason: 'connections' | 'address') => void) {
    this.#limits = limits
    this.#refused = refused
  }

  closeAll(): void {
    for (const set of this.#byAddress.values()) for (const { socket } of set) socket.destroy()
  }

  /** Counts a new connection until it closes; undefined when it is refused, and closed. */
  admit(socket: Socket): Busy | undefined {
    const key = addressKey(socket.remoteAddress)
    const mine = this.#byAddress.get(key) ?? new Set()
    const isFull =
      mine.size >= this.#limits.maxConnectionsPerAddress
        ? 'address'
        : this.#count >= this.#limits.maxConnections
          ? 'connections'
          : undefined
    if (isFull !== undefined) {
      this.#refused(isFull)
      const victim = longestIdle(isFull === 'address' ? mine : this.#largest())
      if (victim === undefined) {
        socket.destroy()
        return undefined
      }
      this.#remove(victim)
      victim.socket.destroy()
    }
    const connection: Connection = { socket, key, active: 0, idleSinceMs: performance.now() }
    this.#add(connection)
    socket.once('close', () => this.#remove(connection))
    return {
      get active() {
        return connection.active
      },
      begin() {
        connection.active++
        return () => {
          connection.active--
          connection.idleSinceMs = performance.now()
        }
      },
    }
  }

  #add(connection: Connection): void {
    const set = this.#byAddress.get(connection.key) ?? new Set()
    this.#byAddress.set(connection.key, set.add(connection))
    this.#count++
  }

  #remove(connection: Connection): void {
    const set = this.#byAddress.get(connection.key)
    if (!set?.delete(connection)) return
    this.#count--
    if (set.size === 0) this.#byAddress.delete(connection.key)
  }

  #largest(): Set<Connection> {
    let largest = new Set<Connection>()
    for (const set of this.#byAddress.values()) if (set.size > largest.size) largest = set
    return largest
  }
}

function longestIdle(connections: Iterable<Connection>): Connection | undefined {
  let longest: Connection | undefined
  for (const connection of connections)
    if (connection.active === 0 && (longest === undefined || connection.idleSinceMs < longest.idleSinceMs))
      longest = connection
  return longest
}
