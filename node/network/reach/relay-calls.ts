import type { Connection } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import { peerDeadline } from '../../../protocols/index.ts'
import { relayOf } from '../circuit/network.ts'
import { createAddressDialer, type DialingLibp2p } from '../paths/dial-address.ts'
import { pathKind } from '../paths/path-kind.ts'

export interface RelayCallsInit {
  libp2p: DialingLibp2p
  /** multiaddrs, with PeerIds; of one relay there may be many */
  relays(): readonly string[]
  clock: Clock
  /** 0 to 1 */
  random: () => number
  log: Pick<Log, 'debug'>
}

/** Connects to as many relays, over one family, as are wanted and can be reached: connections of their own, for whoever asks to close. */
export type CallRelays = (family: 4 | 6, count: number, signal: AbortSignal) => Promise<Connection[]>

const DIAL_MS = 5_000

/** Relays are asked where no member is connected directly: where all nodes are private, nobody else could tell. */
export function createRelayCalls({ libp2p, relays, clock, random, log }: RelayCallsInit): CallRelays {
  const dialer = createAddressDialer(libp2p)
  const dial = async (address: string, signal: AbortSignal): Promise<Connection | undefined> => {
    using limit = peerDeadline(clock, DIAL_MS, signal)
    try {
      return await dialer.dial(multiaddr(address), limit.signal)
    } catch (err) {
      if (!signal.aborted)
        log.debug({ relay: address, err }, 'a relay was not reached to ask how this node is')
      return undefined
    }
  }
  return async (family, count, signal) => {
    // one address of each: two answers of one relay are one voice
    const ofFamily = new Map(
      relays()
        .filter(address => pathKind(multiaddr(address)).family === family)
        .reverse()
        .map(address => [relayOf(multiaddr(address)), { address, order: random() }]),
    )
    const some = [...ofFamily.values()].sort((a, b) => a.order - b.order).slice(0, count)
    const called = await Promise.all(some.map(({ address }) => dial(address, signal)))
    return called.filter(connection => connection !== undefined)
  }
}
