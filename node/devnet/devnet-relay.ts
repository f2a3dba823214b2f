import type { Clock } from '../../base/clock.ts'
import type { CloseStack } from '../../base/close-stack.ts'
import type { Log } from '../../base/log.ts'
import type { NetworkConfig } from '../../chain/types/index.ts'
import type { Metrics } from '../metrics.ts'
import { createRefusals } from '../refusals.ts'
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
export interface DevnetRelay extends RunningRelay {
  /** `host:port` */
  readonly http: string
}

/** The relay of a devnet, at the address of the last run where that is free. It shares its process: memory is not judged. */
export async function startDevnetRelay(
  layout: Pick<DevnetLayout, 'relayKey'>,
  host: string,
  existing: Pick<NetworkConfig, 'relays'> | undefined,
  held: Pick<CloseStack, 'push'>,
  parts: { clock: Clock; random: () => number; metrics: Metrics; log: Log },
): Promise<DevnetRelay> {
  const [port] = await choosePorts(host, [portOf(existing?.relays?.[0])], held)
  const { metrics, clock, log } = parts
  const refusals = createRefusals({ clock, log, metrics: metrics.node('relay') })
  held.push(async () => refusals.close())
  const relay = await startRelay({
    seed: await loadNetworkSeed(layout.relayKey),
    listen: [`/ip4/${host}/tcp/${port}`],
    settings: { limits: LIMITS },
    rssBytes: () => 0,
    refusals,
    ...parts,
  })
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
    await relay.close()
    throw error
  }
  return {
    ...relay,
    http: new URL(web.url).host,
    async close() {
      await web.stop()
      await relay.close()
      refusals.close()
    },
  }
}
