import { networkInterfaces } from 'node:os'
import type { Clock } from '../../base/clock.ts'
import { type CloseStack, createCloseStack } from '../../base/close-stack.ts'
import type { ScopedLog } from '../../base/log.ts'
import { makeFolder } from '../../base/make-folder.ts'
import type { NetworkConfig } from '../../chain/types/index.ts'
import type { ProtocolMetrics } from '../../protocols/index.ts'
import { createMetrics } from '../metrics.ts'
import { restoreAddressBook } from '../network/addresses/book.ts'
import { isPrivateNetwork } from '../network/addresses/lookup.ts'
import { openAddressFiles } from '../network/addresses/storage.ts'
import type { TlsCertificate } from '../network/web-socket/listening.ts'
import { createRefusals } from '../refusals.ts'
import { loadNetworkSeed } from '../secret-file.ts'
import { version } from '../version.ts'
import type { DirectoryParts } from './directory.ts'
import {
  type RelayFolder,
  type RelayState,
  readSettings,
  readState,
  relayFolder,
  writeState,
} from './folder.ts'
import type { RelayMembers } from './members.ts'
import { type RunningRelay as StartedRelay, startRelay } from './start.ts'
import { isHealthy, type RelayStatus } from './status.ts'
import { createStunServer } from './stun.ts'
import { createRelayWeb } from './web.ts'
import { findWebPort, type RelayPorts } from './web-port.ts'

/** A port of 0 is any free one. */
export interface RunRelayOptions extends RelayPorts {
  /** its key, settings and counts; made when it is not there */
  dir: string
  /** pages reach it by WebRTC, at the port of libp2p by UDP; not when absent */
  webRtc?: boolean | undefined
  /** with which pages that came by HTTPS reach it */
  tls?: TlsCertificate | undefined
  /** of STUN, over UDP and TCP */
  stunPort: number
  /** multiaddrs by which others reach it; those that it listens on when absent */
  announce?: readonly string[] | undefined
  /** whose members go first, and who tells others where they are; nobody when absent */
  network?: NetworkConfig | undefined
  /** IP address that it listens on; all of the machine's, of IPv4 and IPv6, when absent */
  host?: string | undefined
  log: ScopedLog
  clock: Clock
  random?: () => number
  signal?: AbortSignal
}

/** A relay that runs on its folder. */
export interface RunningRelay {
  readonly peerId: string
  readonly multiaddrs: string[]
  readonly httpUrl: string
  readonly stunPort: number
  status(): RelayStatus
  /** Reads limits and lists again. Throws RelayError and AccessError, and leaves everything as it was. */
  reload(): Promise<void>
  /** Stops everything, and keeps what was counted. Idempotent; never rejects. */
  close(): Promise<void>
}

/** Counts are written so often; what is lost with a crash is a minute's. */
const KEEP_MS = 60_000

/** Runs a relay. Throws RelayError, AccessError, KeyError, LevelError, and node's EADDRINUSE. */
export async function runRelay(options: RunRelayOptions): Promise<RunningRelay> {
  const { dir, httpPort, stunPort, announce, log, clock, signal } = options
  const { network, random = Math.random } = options
  const hosts = options.host === undefined ? allHosts() : [options.host]
  // one that takes both families, where the machine has both
  const host = hosts.at(-1)!
  const folder = relayFolder(dir)
  const opened = createCloseStack(log)
  try {
    await makeFolder(dir)
    const settings = await readSettings(folder)
    const startedAt = clock.monotonic()
    const metrics = createMetrics({ version })
    const counted = metrics.node('relay')
    const refusals = createRefusals({ clock, log, metrics: counted })
    opened.push(async () => refusals.close())
    const members = await membersOf(network, { log, clock, random })
    opened.push(members.close)
    const stun = await createStunServer({ host, port: stunPort, clock, refused: refusals.at('stun') })
    opened.push(stun.close)
    const parts = { folder, opened, metrics: counted, log, clock }
    const webPort = await findWebPort(hosts, options, log)
    const relay = await startRelay({
      seed: await loadNetworkSeed(folder.key),
      // of all IPv6 addresses would be of all IPv4 ones as well, which is taken then
      listen: hosts.flatMap((one, i) =>
        listenAt(one, { ...options, webRtc: options.webRtc && i === 0, webPort }),
      ),
      tls: options.tls,
      announce,
      isMember: members.isMember,
      mayBeMember: members.mayBeMember,
      isPrivate: network === undefined || isPrivateNetwork(network),
      settings,
      kept: await readState(folder),
      stunPort: stun.port,
      refusals,
      log,
      clock,
      random,
    })
    const stopKeeping = keepCounts(folder, relay.view, { log, clock })
    opened.push(stopKeeping)
    opened.push(relay.close)
    if (network !== undefined) await relay.tell(await directoryOf(network, members, parts))
    signal?.throwIfAborted()
    const status = () => statusOf(relay, stun.port, clock.monotonic() - startedAt)
    metrics.relay(status)
    const web = createRelayWeb({
      host,
      port: httpPort,
      status,
      metrics,
      refusals,
      proxied: relay.proxied,
      clock,
      log,
    })
    await web.start()
    opened.push(() => web.stop())
    log.info({ peer: relay.peerId, addresses: relay.multiaddrs }, 'relay started')
    return {
      peerId: relay.peerId,
      multiaddrs: relay.multiaddrs,
      httpUrl: web.url,
      stunPort: stun.port,
      status,
      reload: async () => relay.configure(await readSettings(folder)),
      close: opened.closeAll,
    }
  } catch (error) {
    await opened.closeAll()
    throw error
  }
}

function statusOf(
  { peerId, multiaddrs, view }: Pick<StartedRelay, 'peerId' | 'multiaddrs' | 'view'>,
  stunPort: number,
  uptimeMs: number,
): RelayStatus {
  const rssBytes = process.memoryUsage.rss()
  const healthy = isHealthy(rssBytes)
  return { peerId, multiaddrs, stunPort, uptimeMs: Math.round(uptimeMs), rssBytes, healthy, ...view() }
}

/** Of both families; IPv4 alone where the machine has nothing else. */
function allHosts(): string[] {
  const addresses = Object.values(networkInterfaces()).flatMap(one => one ?? [])
  return addresses.some(({ family }) => family === 'IPv6') ? ['0.0.0.0', '::'] : ['0.0.0.0']
}

/** Nobody, where a relay is of no network. */
const NO_MEMBERS: RelayMembers = {
  isMember: () => false,
  mayBeMember: () => false,
  addresses: () => [],
  close: async () => undefined,
}

/** What reads the chain is loaded where it is wanted only: it takes 30 MiB of the 256. */
async function membersOf(
  network: NetworkConfig | undefined,
  around: { log: ScopedLog; clock: Clock; random: () => number },
): Promise<RelayMembers> {
  if (network === undefined) return NO_MEMBERS
  const { followMembers } = await import('./members.ts')
  return followMembers(network, around)
}

function listenAt(
  host: string,
  {
    port,
    webPort,
    webRtc,
    tls,
  }: Pick<RunRelayOptions, 'port' | 'tls' | 'webRtc'> & { webPort: number | undefined },
): string[] {
  const ip = `/ip${host.includes(':') ? 6 : 4}/${host}`
  const at = `${ip}/tcp`
  const web = tls === undefined ? 'ws' : 'tls/ws'
  return [
    `${at}/${port}`,
    ...(webPort === undefined ? [] : [`${at}/${webPort}/${web}`]),
    ...(webRtc ? [`${ip}/udp/${port}/webrtc-direct`] : []),
  ]
}

/** Writes what is counted each minute, and a last time with the result. */
function keepCounts(
  folder: RelayFolder,
  view: () => RelayState,
  { log, clock }: Pick<RunRelayOptions, 'log' | 'clock'>,
): () => Promise<void> {
  const keep = async () => {
    const { counts, month } = view()
    await writeState(folder, { counts, month })
  }
  const keeping = clock.every(KEEP_MS, () => {
    keep().catch(err => log.warn({ err }, 'the counts were not written'))
  })
  return async () => {
    keeping.stop()
    await keep()
  }
}

interface DirectoryPlace {
  folder: RelayFolder
  opened: CloseStack
  metrics: ProtocolMetrics
  log: ScopedLog
  clock: Clock
}

/** What the relay tells of its network; begins with what the last run has left. Throws LEVEL_LOCKED. */
async function directoryOf(
  network: NetworkConfig,
  { isMember, addresses }: RelayMembers,
  { folder, opened, metrics, log, clock }: DirectoryPlace,
): Promise<DirectoryParts> {
  const files = await openAddressFiles(folder.addresses, log)
  opened.push(files.close)
  const isPrivate = isPrivateNetwork(network)
  const book = await restoreAddressBook({ isMember, isPrivate, clock, storage: files, log })
  return { network, book, members: addresses, metrics }
}
