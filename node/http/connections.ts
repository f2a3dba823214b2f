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
  /** from this file descriptor on a new connection is one too many; found out when absent */
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
  readonly size: number
  /** Makes room for a new connection by closing the one that has been idle for longest, or marks it as refused. */
  add(socket: Socket): void
  /** The connection of a request. */
  of(socket: Socket): Connection | undefined
}

/** Connections above the limits that are kept for a moment, so that they can be told why. */
export const REFUSED_AT_A_TIME = 64
// for the head of one request
const REFUSED_MS = 2_000

interface Entry extends Connection {
  refused: boolean
  closing: AbortController
  requests: number
  idleSinceMs: number
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

  /** Closes the longest idle connection of the accounts given; false when none is idle. */
  function shed(candidates: Iterable<Account>): boolean {
    let fullest: Account | undefined
    let oldest: Entry | undefined
    for (const account of candidates) {
      const [head] = account.idle
      if (head === undefined) continue
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
    if ((descriptorOf(socket) ?? 0) >= ceiling && !shed(accounts.values())) return 'files'
    return undefined
  }

  return {
    get size() {
      return entries.size
    },
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
