import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import type { NetworkConfig } from '../../../chain/types/index.ts'
import { askReach } from '../../../protocols/index.ts'
import { isPrivateNetwork } from '../../network/addresses/lookup.ts'
import type { RelayKeeper } from '../../network/circuit/keeper.ts'
import { createRelaySwitch } from '../../network/circuit/reachable.ts'
import type { KnowsPeer } from '../../network/identify.ts'
import type { NetworkNode } from '../../network/libp2p.ts'
import type { ReachedAddress } from '../../network/reach/announced.ts'
import { type PortMapping, startPortMapping } from '../../network/reach/port-mapping.ts'
import { createReach } from '../../network/reach/reach.ts'
import { createRelayCalls } from '../../network/reach/relay-calls.ts'

export interface OwnReachInit {
  network: Pick<NetworkConfig, 'kind' | 'systemObjectId'>
  libp2p: NetworkNode
  /** of the reservations, where the node may have some */
  keeper: Pick<RelayKeeper, 'start' | 'stop' | 'addresses'> | undefined
  /** multiaddrs of relays that the operator has named; those of the keeper are asked as well */
  relays: readonly string[]
  isMember: KnowsPeer
  /** whether routers may be asked for a port; in a private network none is */
  upnp: boolean
  /** Others have reached the node at other addresses than before. */
  changed(): void
  clock: Clock
  random: () => number
  log: Log
}

/** How a node is reached that is to find out by itself. */
export interface OwnReach {
  start(): void
  readonly reached: readonly ReachedAddress[]
  /** Nobody is asked until `start`; relays and ports stay. */
  rest(): Promise<void>
  /** Relays and ports are given back, for good. */
  stop(): Promise<void>
}

/**
 * Asks members, and relays where there are few of these, to dial the node back, at ports of its router as well, and calls relays while they cannot. A node that is reached by
 * ports of a router alone keeps its relays: routers forget, and nobody tells.
 */
export function createOwnReach(init: OwnReachInit): OwnReach {
  const { network, libp2p, keeper, isMember, changed, clock, random, log } = init
  const maps = init.upnp && !isPrivateNetwork(network)
  const relays = keeper && createRelaySwitch(keeper, log)
  const knownRelays = (): string[] => [...new Set([...init.relays, ...(keeper?.addresses() ?? [])])]
  let mapping: PortMapping | undefined
  let opening: Promise<void> | undefined

  const finder = createReach({
    libp2p,
    ask: (connection, ports, signal) =>
      askReach(connection, ports, { network: network.systemObjectId, clock, signal }),
    isMember,
    callRelays: createRelayCalls({ libp2p, relays: knownRelays, clock, random, log }),
    mapped: () => mapping?.mapped() ?? [],
    changed({ reached }) {
      const isHome = reached.every(({ mapped }) => mapped)
      libp2p.setHome(isHome)
      relays?.want(isHome)
      changed()
    },
    clock,
    random,
    log,
  })

  async function openMapping(): Promise<void> {
    try {
      mapping = await startPortMapping({ libp2p, changed: finder.mappingChanged, log })
    } catch (err) {
      log.warn({ err }, 'routers are not asked for a port')
    }
  }

  return {
    start() {
      finder.start()
      if (maps) opening ??= openMapping()
    },
    get reached() {
      return finder.reached
    },
    rest: () => finder.stop(),
    async stop() {
      await finder.stop()
      await opening
      await mapping?.stop()
      await relays?.stop()
    },
  }
}
