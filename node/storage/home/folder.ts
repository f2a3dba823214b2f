import { open } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { writeAtomically } from '../../../base/atomic-file.ts'
import { makeFolder } from '../../../base/make-folder.ts'
import type { NetworkConfig } from '../../../chain/types/index.ts'
import { ConfigError, NODE_SCHEMA_VERSION, type NodeConfig, readNodeConfig } from '../../config.ts'
import { loadNodeKeys, type NodeKeys } from '../../keys.ts'
import { peerIdFromNetworkKey } from '../../network/peer-id.ts'
import type { TlsFiles } from '../../tls-files.ts'
import { SCRUB_BYTES_PER_SECOND } from '../recovery/scrub.ts'
import { RESERVED_BYTES } from '../store/room.ts'

export { withCerthash } from '../../network/web-rtc/certificate.ts'
/** Where a node keeps what. */
export interface NodeFolder {
  dir: string
  config: string
  keys: string
  store: string
}

export function nodeFolder(dir: string): NodeFolder {
  return { dir, config: join(dir, 'config.json'), keys: join(dir, 'keys'), store: join(dir, 'store') }
}

/** In place of a host: the node is to find out how others reach it. */
export const AUTO_HOST = 'auto'

export interface NewNode {
  dir: string
  name: string
  network: NetworkConfig
  /** a file, or the name of a network that is known by name */
  networkFile: { path: string } | { name: string }
  /** DNS name or IP address by which others reach it, or AUTO_HOST; this machine only when absent */
  host?: string
  /** of libp2p; the next three are those of HTTP, metrics and WebSockets */
  port: number
  /** for WebSockets from pages that came by HTTPS: files, seen from the node's folder */
  tls?: TlsFiles | undefined
  /** at the port of libp2p, by UDP; so when absent */
  webRtc?: boolean
}

/**
 * Makes a node's folder: keys, those that are there stay, and a config file with comments. Throws node's EEXIST when there
 * is a config, and KeyError.
 */
export async function createNodeFolder(init: NewNode): Promise<{ folder: NodeFolder; keys: NodeKeys }> {
  const folder = nodeFolder(init.dir)
  await makeFolder(folder.dir)
  // before the keys: those of a node that has lost them are not made anew
  await (await open(folder.config, 'wx')).close()
  const keys = await loadNodeKeys(folder.keys)
  await writeAtomically(folder.config, configText(init, keys))
  return { folder, keys }
}

/** Where its store is: it may be on another disk. */
export const storeOf = ({ dir, store }: NodeFolder, config: NodeConfig): string =>
  resolve(dir, config.store ?? store)

/** Reads a node's config. Throws ConfigError, CONFIG_MISSING when there is none. */
export async function readFolderConfig({ config, dir }: NodeFolder): Promise<NodeConfig> {
  try {
    return await readNodeConfig(config)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
    throw new ConfigError('CONFIG_MISSING', `there is no storage node in ${dir}`, config, { cause })
  }
}

function configText(init: NewNode, { networkPublicKey }: Pick<NodeKeys, 'networkPublicKey'>): string {
  const { dir, name, network, networkFile, host = LOOPBACK, port, tls, webRtc = true } = init
  const everywhere = host.includes(':') ? '::' : '0.0.0.0'
  const bind = host === LOOPBACK ? LOOPBACK : everywhere
  const file = 'path' in networkFile ? relative(resolve(dir), networkFile.path) : networkFile.name
  const text = JSON.stringify
  const at = (name: string): string[] => {
    const web = tls === undefined ? '/ws' : '/tls/ws'
    const there = multiaddrOf(name)
    const rtc = webRtc ? [`${there}/udp/${port}/webrtc-direct`] : []
    return [`${there}/tcp/${port}`, `${there}/tcp/${port + 3}${web}`, ...rtc]
  }
  const isAuto = host === AUTO_HOST
  const overRelay = `relay.example.org:4080/peers/${peerIdFromNetworkKey(networkPublicKey)}`
  const publicHttp = `"publicHttp": ${text(isAuto ? overRelay : hostPort(host, port + 1))},`
  return `// A storage node of Floe. "floe node run" reads this file when it starts.
{
  "schemaVersion": ${NODE_SCHEMA_VERSION},
  // what people call it; "floe node register" writes it on the chain
  "name": ${text(name)},
  // the network: its system object, which never changes, and where it is described: a file, "testnet" or "mainnet"
  "network": ${text(network.systemObjectId)},
  "networkFile": ${text(file)},

  // where it listens for other nodes and clients (libp2p) and for web pages (ws, and webrtc-direct, which needs no
  // certificate that anybody has signed), and by which addresses these reach it.
  // Behind a router: forward the ports, and announce the router's address. "floe node register" tells the chain.
  // With nothing announced and "auto" below, the router is asked for the port by UPnP, but not with "upnp": false
  "listen": ${list(at(bind))},
  "announce": ${isAuto ? '[]' : list(at(host))},
${tlsText(tls)}  // "public", "private" (over relays only), or "auto": others dial it to find out, and relays are used when they cannot
  "reach": "auto",
  // the same for the HTTP API, which Walrus's clients speak: a port that is forwarded, or where a relay passes it on
  "http": ${text(hostPort(bind, port + 1))},
  ${isAuto ? `// ${publicHttp}` : publicHttp}
  // for Prometheus, at /metrics; keep it to yourself
  "metrics": ${text(hostPort(LOOPBACK, port + 2))},

  // where slivers are kept, seen from this folder; it may be another disk
  "store": "store",
  "limits": {
    // bytes of the store's disk that uploads leave free: the node must be able to recover what it loses, and to take over shards
    "reservedBytes": ${RESERVED_BYTES},
    // open connections of the HTTP API
    "httpConnections": 4096,
    "httpConnectionsPerAddress": 1024,
    // every stored sliver is read once an epoch, so that damage is noticed and mended: so many bytes a second
    "scrubBytesPerSecond": ${SCRUB_BYTES_PER_SECOND},
    // all that it does beside reads and writes, getting back above all: threads (three quarters of the cores when absent), bytes
    // a second on network and disk, bytes in memory at a time
    // "recoveryThreads": 2, "recoveryBytesPerSecond": 134217728, "recoveryBytesInFlight": 201326592
  }
}
`
}

const list = (texts: readonly string[]): string => `[${texts.map(text => JSON.stringify(text)).join(', ')}]`

function tlsText(tls: TlsFiles | undefined): string {
  const files = tls ?? { cert: 'cert.pem', key: 'key.pem' }
  const line = `"tls": { "cert": ${JSON.stringify(files.cert)}, "key": ${JSON.stringify(files.key)} }`
  return `  // pages that came by HTTPS need TLS, for which "/tls/ws" stands in place of "/ws": a certificate of the host's name, and its key
  ${tls === undefined ? `// ${line}` : line},
`
}

const LOOPBACK = '127.0.0.1'

const hostPort = (host: string, port: number): string => `${host.includes(':') ? `[${host}]` : host}:${port}`

function multiaddrOf(host: string): string {
  if (host.includes(':')) return `/ip6/${host}`
  return /^[\d.]+$/.test(host) ? `/ip4/${host}` : `/dns/${host}`
}
