import { mkdir, readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { peerIdFromString } from '@libp2p/peer-id'
import { type Component, multiaddr } from '@multiformats/multiaddr'
import stripJsonComments from 'strip-json-comments'
import { writeAtomically } from '../base/atomic-file.ts'
import { CodedError } from '../base/coded-error.ts'
import { nearestName } from '../base/nearest-name.ts'
import { mainnet, testnet } from '../chain/networks.ts'
import type { NetworkConfig } from '../chain/types/index.ts'
import type { Reach } from './network/circuit/reachable.ts'
import type { TlsFiles } from './tls-files.ts'

/** Version of `network.json` that this program knows. */
const NETWORK_SCHEMA_VERSION = 1
/** Version of a node's `config.json` that this program writes; 1, which it reads as well, has no `reach` nor what follows it. */
export const NODE_SCHEMA_VERSION = 2

/** What a node may move, both ways, all protocols together; unlimited what is absent. */
export interface BandwidthConfig {
  upBytesPerSecond?: number
  downBytesPerSecond?: number
  /** of one peer */
  peerUpBytesPerSecond?: number
  peerDownBytesPerSecond?: number
  /** up and down together, in a calendar month (UTC) */
  bytesPerMonth?: number
  /** other rates at hours of each day, by the machine's own clock */
  quietHours?: QuietHours[]
}

/** From one time of day to another, past midnight when that is the earlier one. */
export interface QuietHours {
  /** `HH:MM` */
  from: string
  to: string
  upBytesPerSecond?: number
  downBytesPerSecond?: number
}

/** A storage node's own settings, kept beside its keys and its store. JSON, in which comments may stand. */
export interface NodeConfig {
  schemaVersion: 1 | typeof NODE_SCHEMA_VERSION
  /** as people read it on chain */
  name: string
  /** object ID of its staking pool; when absent, that of the node that its wallet has registered */
  nodeId?: string
  /** system object ID of the network that it belongs to */
  network: string
  /** where the network is described: a file, seen from the node's folder, or `testnet` or `mainnet` */
  networkFile?: string
  /** multiaddrs */
  listen: string[]
  /** multiaddrs by which others reach it; those that it listens on when absent */
  announce?: string[]
  /** certificate and key, PEM, of what it listens on with `/tls/ws`: files, seen from the node's folder */
  tls?: TlsFiles
  /** `host:port` that the HTTP API listens on */
  http?: string
  /** `host:port` by which others reach the HTTP API, with a path behind it over a relay; `http` when absent */
  publicHttp?: string
  /** `host:port` of `/metrics`, for Prometheus; nowhere when absent */
  metrics?: string
  /** folder of the store, seen from the node's folder; `store` when absent */
  store?: string
  limits?: {
    /** open connections of the HTTP API, and those of one address */
    httpConnections?: number
    httpConnectionsPerAddress?: number
    /** of the store's disk: what uploads leave free, for recovery and shards that are taken over */
    reservedBytes?: number
    /** of the look at all stored slivers, once an epoch */
    scrubBytesPerSecond?: number
    /** threads, or a part of one, for all that the node does beside reads and writes; three quarters of the cores when absent */
    recoveryThreads?: number
    /** what that may move on the network and the disk, LEAST_RECOVERY_RATE or more, and hold in memory at a time */
    recoveryBytesPerSecond?: number
    recoveryBytesInFlight?: number
  }
  /** `public` when absent, as configs were before there was a choice; `floe node init` writes `auto` */
  reach?: Reach
  /** multiaddrs, with PeerIds, of relays to begin with; the network's when absent */
  relays?: string[]
  bandwidth?: BandwidthConfig
  /** whether to ask the router for a port (UPnP, NAT-PMP); so when absent */
  upnp?: boolean
}

/**
 * CONFIG_MALFORMED, CONFIG_NEWER: no such thing, or one of a later version of Floe. CONFIG_MISSING: there is none.
 * CONFIG_FOREIGN: it is of another network.
 */
export type ConfigErrorCode = 'CONFIG_MALFORMED' | 'CONFIG_NEWER' | 'CONFIG_MISSING' | 'CONFIG_FOREIGN'

/** A `network.json` or `config.json` that cannot be used. */
export class ConfigError extends CodedError<Record<ConfigErrorCode, { path: string }>> {
  override readonly name = 'ConfigError'
  readonly path: string

  constructor(code: ConfigErrorCode, message: string, path: string, options?: ErrorOptions) {
    super(code, message, { path }, options)
    this.path = path
  }
}

/** Networks that are known by name. */
const NETWORKS: Readonly<Record<string, NetworkConfig>> = { testnet, mainnet }

/** A network by its name, `testnet` or `mainnet`, or from its file, seen from a folder. Throws as `readNetworkConfig`. */
export async function findNetwork(nameOrFile: string, folder: string): Promise<NetworkConfig> {
  return NETWORKS[nameOrFile] ?? (await readNetworkConfig(resolve(folder, nameOrFile)))
}

/** Reads `network.json`. Throws ConfigError; a missing file rejects with ENOENT. */
export async function readNetworkConfig(path: string): Promise<NetworkConfig> {
  return parseNetworkConfig(await readFile(path, 'utf8'), path)
}

/** The text of a `network.json`, which errors call `path`. Throws ConfigError. */
export function parseNetworkConfig(text: string, path: string): NetworkConfig {
  const value = parseVersioned(text, path, NETWORK_SCHEMA_VERSION)
  const {
    systemObjectId,
    stakingObjectId,
    walType,
    suiRpc,
    peers,
    relays = [],
  } = value as Partial<NetworkConfig>
  const ids = [systemObjectId, stakingObjectId, walType].every(id => typeof id === 'string')
  if (!ids || !Array.isArray(suiRpc) || !Array.isArray(peers)) {
    throw new ConfigError('CONFIG_MALFORMED', `${path} does not describe a network`, path)
  }
  if (!isRelays(relays)) {
    const which = wrongOne(relays, isRelay)
    throw new ConfigError(
      'CONFIG_MALFORMED',
      `${path} does not describe a network${which}: see its "relays"`,
      path,
    )
  }
  return value as unknown as NetworkConfig
}

/** Reads a node's `config.json`. Throws ConfigError; a missing file rejects with ENOENT. */
export async function readNodeConfig(path: string): Promise<NodeConfig> {
  const value = parseVersioned(await readFile(path, 'utf8'), path, NODE_SCHEMA_VERSION)
  refuseUnknown(value, ['schemaVersion', ...Object.keys(NODE_FIELDS)], path)
  for (const [field, names] of Object.entries(NESTED_NAMES))
    if (isObject(value[field])) refuseUnknown(value[field], names, path, field)
  for (const [field, isRight] of Object.entries(NODE_FIELDS)) {
    if (isRight(value[field])) continue
    const which = wrongOne(value[field], field === 'relays' ? isRelay : isMultiaddr)
    throw new ConfigError(
      'CONFIG_MALFORMED',
      `${path} does not describe a node${which}: see its "${field}"`,
      path,
    )
  }
  const config = value as unknown as NodeConfig
  expectRecoveryRate(config, path)
  return config
}

/** bytes per second: with less, one batch of symbols would take the node many minutes, and a shard for ever */
const LEAST_RECOVERY_RATE = 64 * 1024

function expectRecoveryRate({ limits }: NodeConfig, path: string): void {
  const rate = limits?.recoveryBytesPerSecond
  if (rate === undefined || rate >= LEAST_RECOVERY_RATE) return
  const what = `"limits.recoveryBytesPerSecond" is ${rate}: make it ${LEAST_RECOVERY_RATE} (64 KiB/s) or more, or leave it out`
  throw new ConfigError('CONFIG_MALFORMED', `${path}: ${what}`, path)
}

/** A setting that nobody reads is one that somebody believes in. Throws ConfigError with the name and the one that may be meant. */
function refuseUnknown(
  value: Record<string, unknown>,
  known: readonly string[],
  path: string,
  within?: string,
): void {
  const unknown = Object.keys(value).find(name => !known.includes(name))
  if (unknown === undefined) return
  const nearest = nearestName(unknown, known)
  const where = within === undefined ? path : `"${within}" of ${path}`
  const meant = nearest === undefined ? `it knows ${known.join(', ')}` : `did you mean "${nearest}"?`
  throw new ConfigError(
    'CONFIG_MALFORMED',
    `${where} has "${unknown}", which Floe does not know: ${meant}`,
    path,
  )
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

type Check = (value: unknown) => boolean
const isMultiaddr: Check = value => partsOf(value) !== undefined

/** Whether it is a multiaddr that ends in a PeerId, and does not lead over another relay. */
export function isRelay(value: unknown): boolean {
  const parts = partsOf(value) ?? []
  const last = parts.at(-1)
  if (last?.name !== 'p2p' || parts.some(({ name }) => name === 'p2p-circuit')) return false
  try {
    peerIdFromString(last.value ?? '')
    return true
  } catch {
    return false
  }
}

function partsOf(text: unknown): Component[] | undefined {
  if (typeof text !== 'string') return undefined
  try {
    return multiaddr(text).getComponents()
  } catch {
    return undefined
  }
}

/** Which of a list of addresses is none, as a part of a message. */
function wrongOne(value: unknown, isRight: Check): string {
  const wrong: unknown = Array.isArray(value) ? value.find(one => !isRight(one)) : undefined
  return typeof wrong === 'string' ? ` ("${wrong}")` : ''
}

const isText: Check = value => typeof value === 'string' && value !== ''
const isHostPort: Check = value => typeof value === 'string' && parseHostPort(value) !== undefined
const isHttpAddress: Check = value =>
  typeof value === 'string' && isHostPort(value.split('/', 1)[0]) && /^[^/]+(\/[\w.-]+)*$/.test(value)
const isMultiaddrs: Check = value => Array.isArray(value) && value.every(isMultiaddr)
const isCount: Check = value => Number.isSafeInteger(value) && (value as number) > 0
const isTimeOfDay: Check = value => typeof value === 'string' && /^([01]\d|2[0-3]):[0-5]\d$/.test(value)
const isTrueOrFalse: Check = value => typeof value === 'boolean'
const isRelays: Check = value => Array.isArray(value) && value.every(isRelay)
const isAmount: Check = value => Number.isFinite(value) && (value as number) > 0
const optional =
  (check: Check): Check =>
  value =>
    value === undefined || check(value)

/** An object with fields of these names and no others; those that must be there have checks that absence does not pass. */
const shape =
  (fields: Readonly<Record<string, Check>>): Check =>
  value =>
    typeof value === 'object' &&
    value !== null &&
    Object.keys(value).every(name => Object.hasOwn(fields, name)) &&
    Object.entries(fields).every(([name, check]) => check((value as Record<string, unknown>)[name]))

const RATES = { upBytesPerSecond: optional(isCount), downBytesPerSecond: optional(isCount) }
const isQuietHours = shape({ from: isTimeOfDay, to: isTimeOfDay, ...RATES })
const BANDWIDTH: Readonly<Record<keyof BandwidthConfig, Check>> = {
  ...RATES,
  peerUpBytesPerSecond: optional(isCount),
  peerDownBytesPerSecond: optional(isCount),
  bytesPerMonth: optional(isCount),
  quietHours: optional(value => Array.isArray(value) && value.every(isQuietHours)),
}
const LIMITS: Readonly<Record<keyof NonNullable<NodeConfig['limits']>, Check>> = {
  httpConnections: optional(isCount),
  httpConnectionsPerAddress: optional(isCount),
  reservedBytes: optional(isCount),
  scrubBytesPerSecond: optional(isCount),
  recoveryThreads: optional(isAmount),
  recoveryBytesPerSecond: optional(isCount),
  recoveryBytesInFlight: optional(isCount),
}
const NESTED_NAMES = { limits: Object.keys(LIMITS), bandwidth: Object.keys(BANDWIDTH) }

const NODE_FIELDS: Readonly<Record<Exclude<keyof NodeConfig, 'schemaVersion'>, Check>> = {
  name: isText,
  nodeId: optional(isText),
  network: isText,
  networkFile: optional(isText),
  listen: isMultiaddrs,
  announce: optional(isMultiaddrs),
  tls: optional(shape({ cert: isText, key: isText })),
  http: optional(isHostPort),
  publicHttp: optional(isHttpAddress),
  metrics: optional(isHostPort),
  store: optional(isText),
  limits: optional(shape(LIMITS)),
  reach: optional(value => ['public', 'private', 'auto'].includes(value as string)),
  relays: optional(isRelays),
  bandwidth: optional(shape(BANDWIDTH)),
  upnp: optional(isTrueOrFalse),
}

/** `host:port`, `[ipv6]:port`; undefined when it is neither. */
export function parseHostPort(text: string): { host: string; port: number } | undefined {
  const [, inBrackets, plain, port] = /^(?:\[([\da-fA-F:.]+)\]|([\w.-]+)):(\d{1,5})$/.exec(text) ?? []
  const host = inBrackets ?? plain
  if (host === undefined || Number(port) > 65_535) return undefined
  return { host, port: Number(port) }
}

/** Writes a JSON file whole or not at all. */
export async function writeConfig(path: string, value: NetworkConfig | NodeConfig): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeAtomically(path, `${JSON.stringify(value, null, 2)}\n`)
}

function parseVersioned(text: string, path: string, known: number): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(stripJsonComments(text, { trailingCommas: true }))
  } catch (cause) {
    throw new ConfigError('CONFIG_MALFORMED', `${path} is no JSON`, path, { cause })
  }
  if (typeof value !== 'object' || value === null || !('schemaVersion' in value)) {
    throw new ConfigError('CONFIG_MALFORMED', `${path} has no schemaVersion`, path)
  }
  if (typeof value.schemaVersion !== 'number' || value.schemaVersion > known) {
    throw new ConfigError('CONFIG_NEWER', `${path} was written by a later version of Floe`, path)
  }
  return value as Record<string, unknown>
}
