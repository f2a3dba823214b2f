import type { Socket } from 'node:net'
import type { Clock } from '../clock.ts'
import { networkOf } from '../ip.ts'
import { openFilesLimit } from '../open-files.ts'
import { createWaitingRoom, type WaitingLimits } from './waiting-room.ts'

export interface ConnectionLimits {
  /** open connections, idle ones too */
  total: number
  /** of one address: an IPv4 address, or the /64 network of an IPv6 address */
  perAddress: number
  /** beside these, unread; they are answered that there is no room when absent */
  waiting?: WaitingLimits
  /** file descriptors of the process that may be in use; found out when absent */
  descriptorCeiling?: number
}

/** What there are too many of: connections of one address, of all, or files open in the process. */
export type NoRoom = 'address' | 'connections' | 'files'

export interface ConnectionsInit {
  limits: ConnectionLimits
  clock: Pick<Clock, 'monotonic' | 'after'>
  /** told of each idle connection that was closed to make room, and what for */
  onShed?: (why: NoRoom) => void
  /** told of each connection that was reset because too many wait, or it did for too long */
  onTurnedAway?: () => void
}

/** What the process keeps for its files and its own dials when connections want all of its file descriptors. */
const RESERVED = { least: 32, most: 256, share: 1 / 8 }

/** One open connection, and whether somebody waits for an answer on it. */
export interface Connection {
  readonly socket: Socket
  /** Whom it counts for. Each address of the own machine counts for itself: there are as many strangers. */
  readonly address: string
  /** why there is no room for it: the server says so, or not, and closes it */
  readonly noRoom: NoRoom | undefined
  /** begun and not over */
  readonly requests: number
  /** aborted when it is closed */
  readonly closed: AbortSignal
  /** Begins a request; the function returned ends it. */
  begin(): () => void
}

export interface Connections {
  /** Calls `enter`, which adds the connection: at once, or where some may wait as soon as there is room. */
  admit(socket: Socket, enter: () => void): void
  /**
   * Counts a new connection until it is closed, and makes room for it by closing the one that has been idle for longest: of
   * its address where that has its share, else of the idle ones' address that has most.
   */
  add(socket: Socket): Connection
  /** What was added, while it is open. */
  of(socket: Socket): Connection | undefined
  closeAll(): void
}

// without a request for so long, a connection is not one of a burst whose requests are still to be read
const SETTLED_MS = 250

interface Entry extends Connection {
  requests: number
  noRoom: NoRoom | undefined
  closing: AbortController
  idleSinceMs: number
  /** it has had a request */
  used: boolean
  descriptor: number
}

interface Account {
  /** all but those for which there is no room */
  open: number
  /** a Set keeps the order of insertion: the longest idle first */
  idle: Set<Entry>
}

function firstOf<T>(values: Iterable<T>, is: (value: T) => boolean): T | undefined {
  for (const value of values) if (is(value)) return value
  return undefined
}

/** Bounds connections by their number in all, by address, and by the process's file descriptors. */
export function createConnections({ limits, clock, onShed, onTurnedAway }: ConnectionsInit): Connections {
  const ceiling = limits.descriptorCeiling ?? ceilingOf(openFilesLimit()) ?? Number.POSITIVE_INFINITY
  const entries = new Map<Socket, Entry>()
  const accounts = new Map<string, Account>()
  let open = 0
  /** of the descriptors of connections that were open when it was last looked at */
  let highest = 0

  /** Closes the longest idle connection of the accounts given; false when none is idle, or none for so long, nor since an answer. */
  function shed(why: NoRoom, candidates: Iterable<Account>, idleMs: number, isForWaiting = false): boolean {
    const before = clock.monotonic() - idleMs
    let fullest: Account | undefined
    let oldest: Entry | undefined
    for (const account of candidates) {
      const head = firstOf(account.idle, one => one.idleSinceMs <= before || (isForWaiting && one.used))
      if (head === undefined) continue
      const fuller = account.open - (fullest?.open ?? 0)
      if (fuller < 0 || (fuller === 0 && head.idleSinceMs >= (oldest?.idleSinceMs ?? 0))) continue
      fullest = account
      oldest = head
    }
    if (oldest === undefined) return false
    onShed?.(why)
    forget(oldest)
    oldest.socket.destroy()
    return true
  }

  function forget(entry: Entry): void {
    if (!entries.delete(entry.socket)) return
    entry.closing.abort(new Error('the connection was closed'))
    if (entry.noRoom !== undefined) return
    const account = accounts.get(entry.address) as Account
    open--
    account.open--
    account.idle.delete(entry)
    if (account.open === 0) accounts.delete(entry.address)
    waiting?.callNext()
  }

  const accountOf = (address: string): Account => accounts.get(address) ?? { open: 0, idle: new Set() }

  /** Why there is no room for one more, after what is idle was closed. */
  function obstacle(account: Account, socket: Socket, isForWaiting = false): NoRoom | undefined {
    // whoever waits pushes out nobody who has come in just now, with a request that is still to be read
    const idleMs = isForWaiting ? SETTLED_MS : 0
    const all = () => accounts.values()
    if (account.open >= limits.perAddress && !shed('address', [account], idleMs, isForWaiting))
      return 'address'
    if (open >= limits.total && !shed('connections', all(), idleMs, isForWaiting)) return 'connections'
    if (descriptorsTaken(socket) > ceiling && !shed('files', all(), SETTLED_MS)) return 'files'
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

  const waiting =
    limits.waiting &&
    createWaitingRoom({
      limits: limits.waiting,
      hasRoom: (socket, address) => obstacle(accountOf(address), socket, true) === undefined,
      openOf: address => accountOf(address).open,
      turnedAway: () => onTurnedAway?.(),
      clock,
    })

  return {
    admit(socket, enter) {
      if (waiting === undefined) enter()
      else waiting.admit(socket, networkOf(socket.remoteAddress ?? ''), enter)
    },
    add(socket) {
      const address = networkOf(socket.remoteAddress ?? '')
      const account = accountOf(address)
      const closing = new AbortController()
      const entry: Entry = {
        socket,
        address,
        noRoom: obstacle(account, socket),
        closing,
        closed: closing.signal,
        requests: 0,
        used: false,
        idleSinceMs: clock.monotonic(),
        descriptor: descriptorOf(socket) ?? 0,
        begin() {
          entry.requests++
          entry.used = true
          account.idle.delete(entry)
          return () => {
            entry.requests--
            if (entry.requests > 0 || entry.noRoom !== undefined || !entries.has(socket)) return
            entry.idleSinceMs = clock.monotonic()
            account.idle.add(entry)
            waiting?.callNext()
          }
        },
      }
      if (entry.noRoom === undefined) {
        open++
        account.open++
        account.idle.add(entry)
        accounts.set(address, account)
      }
      entries.set(socket, entry)
      socket.once('close', () => forget(entry))
      return entry
    },
    of: socket => entries.get(socket),
    closeAll() {
      for (const socket of entries.keys()) socket.destroy()
    },
  }
}

/** File descriptors that the process may have in use with one more connection; undefined where the system does not say. */
function ceilingOf(limit: number | undefined): number | undefined {
  if (limit === undefined) return undefined
  return limit - Math.min(RESERVED.most, Math.max(RESERVED.least, Math.floor(limit * RESERVED.share)))
}

/** A socket's descriptor, where Node tells it: it has no public name. */
function descriptorOf(socket: Socket): number | undefined {
  const fd = (socket as Socket & { _handle?: { fd?: number } | null })._handle?.fd
  return fd === undefined || fd < 0 ? undefined : fd
}
