import { dirname, join, resolve } from 'node:path'
import type { NetworkConfig } from '../../chain/types.ts'
import type { Context } from './context.ts'
import { EXIT } from './exit-codes.ts'
import { CliError } from './failure.ts'
import { readInput } from './input.ts'

/** Where `floe up` keeps a network by default, in the current folder. */
export const DEFAULT_DIR = '.floe'
/** Where `floe localnet` does. */
export const DEFAULT_LOCALNET_DIR = '.floe-localnet'
export const NETWORK_FILE = 'network.json'

const SCHEMA_VERSION = 1
/** thousands of peers */
const FILE_LIMIT = { bytes: 4 * 2 ** 20, why: 'no network file is that large' }

export interface FoundNetwork {
  path: string
  network: NetworkConfig
}

/** Reads the network file given, or looks for `.floe/network.json` from `cwd` upwards. Throws CliError. */
export async function loadNetwork(
  file: string | undefined,
  { cwd, signal }: Pick<Context, 'cwd' | 'signal'>,
): Promise<FoundNetwork> {
  const found = file === undefined ? await search(cwd, signal) : await read(resolve(cwd, file), signal)
  if (found !== undefined) return { path: found.path, network: parse(found.text, found.path) }
  if (file !== undefined)
    throw new CliError('NO_NETWORK', EXIT.noNetwork, `There is no network file ${file}.`)
  throw new CliError('NO_NETWORK', EXIT.noNetwork, 'No Floe network found from here upwards.', {
    hint: 'Start one with `npm start`, or name its file with --network FILE.',
  })
}

async function search(cwd: string, signal: AbortSignal): Promise<{ path: string; text: string } | undefined> {
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    const found = await read(join(folder, DEFAULT_DIR, NETWORK_FILE), signal)
    if (found !== undefined || dirname(folder) === folder) return found
  }
}

async function read(path: string, signal: AbortSignal): Promise<{ path: string; text: string } | undefined> {
  try {
    return { path, text: Buffer.from(await readInput(path, FILE_LIMIT, signal)).toString('utf8') }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw error
  }
}

function parse(text: string, path: string): NetworkConfig {
  const bad = (why: string, cause?: unknown) =>
    new CliError('BAD_NETWORK_FILE', EXIT.noNetwork, `${path} ${why}.`, { cause })
  let value: Partial<NetworkConfig> | null
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw bad('is not JSON', cause)
  }
  if (typeof value !== 'object' || value === null) throw bad('is not a network file')
  if (value.schemaVersion !== SCHEMA_VERSION) {
    throw bad(`has schema version ${String(value.schemaVersion)}; this floe reads ${SCHEMA_VERSION}`)
  }
  if (
    !Array.isArray(value.suiRpc) ||
    typeof value.systemObjectId !== 'string' ||
    typeof value.stakingObjectId !== 'string'
  ) {
    throw bad('lacks suiRpc, systemObjectId or stakingObjectId')
  }
  return value as NetworkConfig
}
