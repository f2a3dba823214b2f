import type { Socket } from 'node:net'
import type { Refusals } from '../refusals.ts'
import { clientAddress } from './client-address.ts'
import { descriptorCeiling, descriptorOf } from './descriptors.ts'
import { createPipeline, type Pipeline } from './pipeline.ts'

export interface ConnectionLimits {
  /** open connections, idle ones too */
  total: number
  /** of one address */
  perAddress: number
  /** file descriptors of the process that may be in use; found out when absent */
  descriptorCeiling?: number
}

export interface ConnectionsInit {
  limits: ConnectionLimits
  refusals?: Refusals
}

/** One open connection, and whether somebody waits for an answer on it. */
export interface Connection {
  readonly socket: Socket
  readonly address: string
  /** there is no room for it: its first request is told so, and it is closed */
  readonly refused: boolean
  /** taken in and not over */
  readonly requests: number
  readonly pipeline: Pipeline
  /** aborted when it is closed */
  readonly closed: AbortSignal
  /** Begins a request; the function returned ends it. */
  begin(): () => void
}

export interface Connections {
  /** Makes room for a new connection by closing the one that has been idle for longest, or marks it as refused. */
  add(socket: Socket): void
  /** The connection of a request. */
  of(socket: Socket): Connection | undefined
}

/** Connections above the limits that are kept for a moment, so that they can be told why. */
export const REFUSED_AT_A_TIME = 64
// without a request for so long, a connection is not one of a burst whose requests are still to be read
const SETTLED_MS = 250
// for the head of one request
const REFUSED_MS = 2_000

interface Entry extends Connection {
  refused: boolean
  closing: AbortController
  requests: number
  idleSinceMs: number
  descriptor: number
}

interface Account {
  /** all but the refused ones */
  open: number
  /** a Set keeps the order of insertion: the longest idle first */
  idle: Set<Entry>
}

/** Bounds connections by their number in all, by address, and by the process's file descriptors. */
export function createConnections({ limits, refusals }: ConnectionsInit): Connections {
  const ceiling = limits.descriptorCeiling ?? descriptorCeiling() ?? Number.POSITIVE_INFINITY
  const entries = new Map<Socket, Entry>()
  const accounts = new Map<string, Account>()
  let open = 0
  let refused = 0
  /** of the descriptors of connections that were open when it was last looked at */
  let highest = 0

  /** Closes the longest idle connection of the accounts given; false when none is idle, or none for so long. */
  function shed(candidates: Iterable<Account>, idleMs = 0): boolean {
    const before = performance.now() - idleMs
    let fullest: Account | undefined
    let oldest: Entry | undefined
    for (const account of candidates) {
      const [head] = account.idle
      if (head === undefined || head.idleSinceMs > before) continue
      const fuller = account.open - (fullest?.open ?? 0)
      if (fuller < 0 || (fuller === 0 && head.idleSinceMs >= (oldest?.idleSinceMs ?? 0))) continue
      fullest = account
      oldest = head
    }
    if (oldest === undefined) return false
    refusals?.refused('http', 'idle')
    forget(oldest)
    oldest.socket.destroy()
    return true
  }

  function forget(entry: Entry): void {
    if (!entries.delete(entry.socket)) return
    entry.closing.abort(new Error('the connection was closed'))
    if (entry.refused) {
      refused--
      return
    }
    const account = accounts.get(entry.address) as Account
    open--
    account.open--
    account.idle.delete(entry)
    if (account.open === 0) accounts.delete(entry.address)
  }

  /** Why there is no room for one more, after what is idle was closed. */
  function obstacle(account: Account, socket: Socket): 'address' | 'connections' | 'files' | undefined {
    if (account.open >= limits.perAddress && !shed([account])) return 'address'
    if (open >= limits.total && !shed(accounts.values())) return 'connections'
    if (descriptorsTaken(socket) > ceiling && !shed(accounts.values(), SETTLED_MS)) return 'files'
    return undefined
  }

  /**
   * How many descriptors the process has in use, at least: those below a new one, as the lowest free one is given out, and
   * our own above it.
   */
  function descriptorsTaken(socket: Socket): number {
    const own = descriptorOf(socket) ?? 0
    highest = Math.max(highest, own)
    if (highest < ceiling) return own + 1
    let above = 0
    highest = own
    for (const { descriptor } of entries.values()) {
      highest = Math.max(highest, descriptor)
      if (descriptor > own) above++
    }
    return own + 1 + above
  }

  return {
    add(socket) {
      const address = clientAddress(socket)
      const account = accounts.get(address) ?? { open: 0, idle: new Set() }
      const closing = new AbortController()
      const entry: Entry = {
        socket,
        address,
        refused: false,
        pipeline: createPipeline(),
        closing,
        closed: closing.signal,
        requests: 0,
        idleSinceMs: performance.now(),
        descriptor: descriptorOf(socket) ?? 0,
        begin() {
          entry.requests++
          account.idle.delete(entry)
          return () => {
            entry.requests--
            if (entry.requests > 0 || entry.refused || !entries.has(socket)) return
            entry.idleSinceMs = performance.now()
            account.idle.add(entry)
          }
        },
      }
      const why = obstacle(account, socket)
      if (why === undefined) {
        open++
        account.open++
        account.idle.add(entry)
        accounts.set(address, account)
      } else {
        refusals?.refused('http', why)
        if (refused >= REFUSED_AT_A_TIME) {
          socket.destroy()
          return
        }
        refused++
        entry.refused = true
        const late = setTimeout(() => socket.destroy(), REFUSED_MS)
        socket.once('close', () => clearTimeout(late))
      }
      entries.set(socket, entry)
      socket.once('close', () => forget(entry))
    },
    of: socket => entries.get(socket),
  }
}
