import type { ComponentLogger, Libp2p, PeerId } from '@libp2p/interface'
import type { UPnPNATComponents } from '@libp2p/upnp-nat'
import type { Log } from '../../../base/log.ts'

/** An outer address at which a router passes on what comes to this node: by the router's word, which nobody has tried. */
export interface MappedPort {
  ip: string
  port: number
}

/** Ports that routers pass on. */
export interface PortMapping {
  mapped(): readonly MappedPort[]
  /** Asks the routers to forget the ports. Never rejects. */
  stop(): Promise<void>
}

export interface PortMappingInit {
  libp2p: Pick<Libp2p, 'addEventListener'>
  /** `mapped` has changed. */
  changed(): void
  log: Log
  /** UPnP's client, loaded when it is needed; a test's own */
  load?: () => Promise<Pick<typeof import('@libp2p/upnp-nat'), 'uPnPNAT'>>
}

/** The parts of a libp2p node that a client of UPnP uses. */
interface Components {
  peerId: PeerId
  logger: ComponentLogger
  nodeInfo: UPnPNATComponents['nodeInfo']
  events: UPnPNATComponents['events'] & EventTarget
  addressManager: Pick<UPnPNATComponents['addressManager'], 'getAddressesWithMetadata'>
}

/** How often a router is asked for its outer address, which providers change. */
const OUTER_EVERY_MS = 5 * 60_000

/**
 * Looks for routers by UPnP, and has them pass on the TCP ports that this node listens on at private IPv4 addresses. The library would
 * have libp2p announce them: what it tells goes here instead, as nothing is announced that was not tried.
 */
export async function startPortMapping(init: PortMappingInit): Promise<PortMapping> {
  const { libp2p, log, load = () => import('@libp2p/upnp-nat') } = init
  const { uPnPNAT } = await load()
  const { components } = libp2p as unknown as { components: Components }
  const ports = new Map<string, MappedPort>()
  const change = (): void => {
    log.info({ mapped: [...ports.values()] }, 'ports that the router passes on, by its word')
    init.changed()
  }
  const { peerId, logger, nodeInfo, events, addressManager } = components
  const client = uPnPNAT({
    autoConfirmAddress: false,
    externalAddressCheckInterval: OUTER_EVERY_MS,
    portMappingDescription: 'floe',
  })({
    peerId,
    logger,
    nodeInfo,
    events,
    addressManager: {
      getAddressesWithMetadata: () => addressManager.getAddressesWithMetadata(),
      addPublicAddressMapping(inner: string, innerPort: number, ip: string, port: number, transport: string) {
        if (transport !== 'tcp') return
        ports.set(`${inner} ${innerPort}`, { ip, port })
        change()
      },
      removePublicAddressMapping(inner: string, innerPort: number) {
        if (ports.delete(`${inner} ${innerPort}`)) change()
      },
      // what is left of it this client does not call
    } as Partial<UPnPNATComponents['addressManager']> as UPnPNATComponents['addressManager'],
  }) as unknown as { start(): Promise<void>; stop(): Promise<void> }
  await client.start()
  return {
    mapped: () => [...ports.values()],
    async stop() {
      await client.stop().catch(err => log.warn({ err }, 'the router was not told that the ports are free'))
    },
  }
}
