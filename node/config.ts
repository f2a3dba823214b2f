import { mkdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { writeAtomically } from '../base/atomic-file.ts'
import { CodedError } from '../base/coded-error.ts'
import type { NetworkConfig } from '../chain/types.ts'

/** Version of `network.json` and of a node's `config.json` that this program writes. */
export const CONFIG_SCHEMA_VERSION = 1

/** A storage node's own settings, kept beside its keys and its store. */
export interface NodeConfig {
  schemaVersion: typeof CONFIG_SCHEMA_VERSION
  name: string
  /** object ID of its staking pool */
  nodeId: string
  /** system object ID of the network that it belongs to */
  network: string
  listen: string[]
  /** `host:port` of the HTTP face */
  http?: string
}

/** A `network.json` or `config.json` that cannot be used: no such thing, or one of a later version of Floe. */
export class ConfigError extends CodedError<Record<'CONFIG_MALFORMED' | 'CONFIG_NEWER', { path: string }>> {
  override readonly name = 'ConfigError'
  readonly path: string

  constructor(code: ConfigError['code'], message: string, path: string, options?: ErrorOptions) {
    super(code, message, { path }, options)
    this.path = path
  }
}

/** Reads `network.json`. Throws ConfigError; a missing file rejects with ENOENT. */
export async function readNetworkConfig(path: string): Promise<NetworkConfig> {
  const value = await readVersioned(path)
  const { systemObjectId, stakingObjectId, walType, suiRpc, peers } = value as Partial<NetworkConfig>
  const ids = [systemObjectId, stakingObjectId, walType].every(id => typeof id === 'string')
  if (!ids || !Array.isArray(suiRpc) || !Array.isArray(peers)) {
    throw new ConfigError('CONFIG_MALFORMED', `${path} does not describe a network`, path)
  }
  return value as unknown as NetworkConfig
}

/** Reads a node's `config.json`. Throws ConfigError; a missing file rejects with ENOENT. */
export async function readNodeConfig(path: string): Promise<NodeConfig> {
  const value = await readVersioned(path)
  const { name, nodeId, network, listen } = value as Partial<NodeConfig>
  if (![name, nodeId, network].every(text => typeof text === 'string') || !Array.isArray(listen)) {
    throw new ConfigError('CONFIG_MALFORMED', `${path} does not describe a node`, path)
  }
  return value as unknown as NodeConfig
}

/** Writes a JSON file whole or not at all. */
export async function writeConfig(path: string, value: NetworkConfig | NodeConfig): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeAtomically(path, `${JSON.stringify(value, null, 2)}\n`)
}

async function readVersioned(path: string): Promise<Record<string, unknown>> {
  const text = await readFile(path, 'utf8')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new ConfigError('CONFIG_MALFORMED', `${path} is no JSON`, path, { cause })
  }
  if (typeof value !== 'object' || value === null || !('schemaVersion' in value)) {
    throw new ConfigError('CONFIG_MALFORMED', `${path} has no schemaVersion`, path)
  }
  if (typeof value.schemaVersion !== 'number' || value.schemaVersion > CONFIG_SCHEMA_VERSION) {
    throw new ConfigError('CONFIG_NEWER', `${path} was written by a later version of Floe`, path)
  }
  return value as Record<string, unknown>
}
