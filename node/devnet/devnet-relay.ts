import type { Clock } from '../../base/clock.ts'
import type { CloseStack } from '../../base/close-stack.ts'
import { createCloseStack } from '../../base/close-stack.ts'
import type { Log } from '../../base/log.ts'
import type { Coordinator, NetworkConfig } from '../../chain/types/index.ts'
import type { Metrics } from '../metrics.ts'
import { createAddressBook } from '../network/addresses/book.ts'
import { isPrivateNetwork } from '../network/addresses/lookup.ts'
import { createRefusals } from '../refusals.ts'
import { followMembers, type RelayMembers } from '../relay/members.ts'
import { type RunningRelay, startRelay } from '../relay/start.ts'
import { createRelayWeb } from '../relay/web.ts'
import { loadNetworkSeed } from '../secret-file.ts'
import type { DevnetLayout } from './layout.ts'
import { choosePorts } from './ports.ts'
import { portOf } from './provision.ts'

/** Everything of a devnet is at one address: what a relay grants to one address and one peer is no limit here. */
const LIMITS = {
  reservations: 1_000,
  reservationsPerAddress: 1_000,
  circuits: 4_096,
  circuitsPerSource: 1_024,
  circuitsPerAddress: 4_096,
  circuitsPerTarget: 1_024,
  bytesPerSecond: Number.MAX_SAFE_INTEGER,
  bytesPerSecondPerReservation: Number.MAX_SAFE_INTEGER,
  bytesPerSecondPerAddress: Number.MAX_SAFE_INTEGER,
  bytesPerMonth: Number.MAX_SAFE_INTEGER,
}

/** With what it passes on over HTTP. */
export interface DevnetRelay extends Omit<RunningRelay, 'tell'> {
  /** `host:port` */
  readonly http: string
  /** From here on it knows the members of the network, and tells where they are. */
  join(network: NetworkConfig, coordinator: Coordinator): Promise<void>
}

interface DevnetRelayParts {
  webRtc?: boolean | undefined
  clock: Clock
  random: () => number
  metrics: Metrics
  log: Log
}

/** The relay of a devnet, at the address of the last run where that is free. Pages reach it by WebRTC where `webRtc`. It shares its process: memory is not judged. */
export async function startDevnetRelay(
  layout: Pick<DevnetLayout, 'relayKey'>,
  host: string,
  existing: Pick<NetworkConfig, 'relays'> | undefined,
  held: Pick<CloseStack, 'push'>,
  { webRtc = false, ...parts }: DevnetRelayParts,
): Promise<DevnetRelay> {
  const [port, webPort] = await choosePorts(
    host,
    [0, 1].map(i => portOf(existing?.relays?.[i])),
    held,
  )
  const { metrics, clock, log } = parts
  const counted = metrics.node('relay')
  const refusals = createRefusals({ clock, log, metrics: counted })
  held.push(async () => refusals.close())
  const opened = createCloseStack(log)
  opened.push(async () => refusals.close())
  let members: RelayMembers | undefined
  const isMember = (peer: string): boolean => members?.isMember(peer) ?? false
  const relay = await startRelay({
    seed: await loadNetworkSeed(layout.relayKey),
    listen: [
      `/ip4/${host}/tcp/${port}`,
      `/ip4/${host}/tcp/${webPort}/ws`,
      ...(webRtc ? [`/ip4/${host}/udp/${port}/webrtc-direct`] : []),
    ],
    settings: { limits: LIMITS },
    rssBytes: () => 0,
    refusals,
    isMember,
    mayBeMember: peer => members?.mayBeMember(peer) ?? true,
    ...parts,
  })
  opened.push(relay.close)
  const status = () => ({
    ...relay.view(),
    peerId: relay.peerId,
    multiaddrs: relay.multiaddrs,
    stunPort: 0,
    uptimeMs: Math.round(clock.monotonic()),
    rssBytes: 0,
    healthy: true,
  })
  const { proxied } = relay
  const web = createRelayWeb({ host, port: 0, status, metrics, refusals, proxied, clock, log })
  try {
    await web.start()
  } catch (error) {
    await opened.closeAll()
    throw error
  }
  opened.push(() => web.stop())
  return {
    ...relay,
    http: new URL(web.url).host,
    async join(network, coordinator) {
      const joined = followMembers(network, { ...parts, coordinator })
      opened.push(joined.close)
      members = joined
      // it is as old as its process: members tell it again
      const book = createAddressBook({ isMember, isPrivate: isPrivateNetwork(network), clock })
      await relay.tell({ network, book, members: joined.addresses, metrics: counted })
    },
    close: opened.closeAll,
  }
}
