import type { Connection } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { STUN } from '../../../../protocols/index.ts'
import { relayOf } from '../../circuit/network.ts'
import type { DialingLibp2p } from '../dial-address.ts'
import { leaveRelays } from '../leave-relays.ts'
import { pathKind } from '../path-kind.ts'
import { publicLookup } from '../private-places.ts'
import type { StunAddress } from './observe.ts'
import { createPuncher, type Puncher, type PuncherInit } from './puncher.ts'
import { upgradingOf } from './upgrade.ts'

export interface NodePuncherInit
  extends Pick<PuncherInit, 'network' | 'isMember' | 'log' | 'clock' | 'random'> {
  libp2p: Pick<DialingLibp2p, 'getConnections' | 'addEventListener' | 'removeEventListener' | 'circuits'>
  /** multiaddrs, with PeerIds, of relays that are known: those of the peer, one's own, the network's */
  relays?: (peer: string) => readonly string[]
  /** whether gossip with that peer is worth a circuit; with anybody when absent */
  needs?: (peer: string) => boolean
}

/** Punches beside the relayed connections of a libp2p node, and leaves those that are not needed any more; undefined where the node shows nothing of its parts. Stop it before libp2p. */
export function createNodePuncher({
  libp2p,
  relays = () => [],
  needs,
  ...init
}: NodePuncherInit): Puncher | undefined {
  const upgrading = upgradingOf(libp2p)
  if (upgrading === undefined) return undefined
  const puncher = createPuncher({
    ...init,
    upgrading,
    isNear: relayed => libp2p.circuits?.isNear(relayed) ?? false,
    relays: relayed =>
      stunOf(relaysFor(relayed, relays(relayed.remotePeer.toString())), relay =>
        libp2p.circuits?.stunPort(relay),
      ),
  })
  const onUpdate = (): void => puncher.addressesChanged()
  libp2p.addEventListener('self:peer:update', onUpdate)
  const leaving = leaveRelays({ libp2p, needs, clock: init.clock })
  return {
    punch: (relayed, signal) => puncher.punch(relayed, signal),
    open: (offered, relayed, signal) => puncher.open(offered, relayed, signal),
    underWay: peer => puncher.underWay(peer),
    get counts() {
      return puncher.counts
    },
    addressesChanged: peer => puncher.addressesChanged(peer),
    async stop() {
      leaving.stop()
      libp2p.removeEventListener('self:peer:update', onUpdate)
      await puncher.stop()
    },
  }
}

/** That which the connection goes over first, at all its addresses: it may have been met over one family, and be at the other as well. */
export function relaysFor(
  { remoteAddr }: Pick<Connection, 'remoteAddr'>,
  known: readonly string[],
): Multiaddr[] {
  const used = relayOf(remoteAddr)
  const all = known.map(text => multiaddr(text))
  const isUsed = (address: Multiaddr): boolean => relayOf(address) === used
  return [remoteAddr, ...all.filter(isUsed), ...all.filter(address => !isUsed(address))]
}

/** Where relays with these addresses tell a peer how it looks from outside: not on one's own machine, where nothing is between. */
export function stunOf(
  relays: readonly Multiaddr[],
  portOf: (relay: string) => number | undefined,
): StunAddress[] {
  const found = new Map<string, StunAddress>()
  for (const relay of relays) {
    const { host, family, scope } = pathKind(relay)
    if (host === '' || scope === 'loopback') continue
    const port = portOf(relayOf(relay) ?? '') ?? STUN.port
    const isOfBoth = relay.getComponents()[0]?.name === 'dns'
    for (const one of isOfBoth ? ([6, 4] as const) : [family])
      found.set(`${host} ${one} ${port}`, { host, family: one, port, lookup: LOOKUP })
  }
  return [...found.values()]
}

/** whoever is called over a relay says what it is called */
const LOOKUP = publicLookup()
