import type { Socket } from 'node:net'
import type { Clock } from '../clock.ts'
import { createPlaces } from '../places.ts'

/** Connections that wait until there is room for them. */
export interface WaitingLimits {
  total: number
  /** of one address */
  perAddress: number
  /** for so long at most */
  ms: number
}

export interface WaitingRoomInit {
  limits: WaitingLimits
  /** Whether a connection has room now; it is taken in at once then. */
  hasRoom(socket: Socket, address: string): boolean
  /** connections that have room */
  openOf(address: string): number
  /** One was reset: too many wait, or it has waited for too long. */
  turnedAway(): void
  clock: Pick<Clock, 'after'>
}

/** Where connections wait that nobody has read from: each is a socket and nothing else. */
export interface WaitingRoom {
  /** Calls `enter` as soon as there is room, at once where there is and nobody of that address waits before it. */
  admit(socket: Socket, address: string, enter: () => void): void
  /** There is room again for one: the address that has the fewest connections is next, and who came first of it. */
  callNext(): void
}

interface Waiter {
  socket: Socket
  address: string
  enter(): void
}

export function createWaitingRoom({
  limits,
  hasRoom,
  openOf,
  turnedAway,
  clock,
}: WaitingRoomInit): WaitingRoom {
  const places = createPlaces()
  /** in order of arrival */
  const waiters = new Set<Waiter>()
  let isCalling = false

  /** What makes room for one is no room for others. */
  function makesRoom(socket: Socket, address: string): boolean {
    const before = isCalling
    isCalling = true
    try {
      return hasRoom(socket, address)
    } finally {
      isCalling = before
    }
  }

  function wait(socket: Socket, address: string, enter: () => void): void {
    const leave = places.take(limits.total, [[address, limits.perAddress]])
    if (leave === undefined) {
      reset(socket)
      return
    }
    const end = (): void => {
      timer.stop()
      socket.off('close', end)
      waiters.delete(waiter)
      leave()
    }
    const timer = clock.after(limits.ms, () => {
      end()
      reset(socket)
    })
    const waiter: Waiter = {
      socket,
      address,
      enter() {
        end()
        enter()
      },
    }
    socket.once('close', end)
    waiters.add(waiter)
  }

  function reset(socket: Socket): void {
    turnedAway()
    socket.resetAndDestroy()
  }

  function waits(address: string): boolean {
    for (const waiter of waiters) if (waiter.address === address) return true
    return false
  }

  return {
    admit(socket, address, enter) {
      if (!waits(address) && makesRoom(socket, address)) enter()
      else wait(socket, address, enter)
    },
    callNext() {
      if (isCalling) return
      const first = new Map<string, Waiter>()
      for (const waiter of waiters) if (!first.has(waiter.address)) first.set(waiter.address, waiter)
      const inOrder = [...first.values()].sort((a, b) => openOf(a.address) - openOf(b.address))
      for (const { socket, address, enter } of inOrder) if (makesRoom(socket, address)) enter()
    },
  }
}
