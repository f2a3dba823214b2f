import { dirname, join, resolve } from 'node:path'
import type { NetworkConfig } from '../../chain/types/index.ts'
import { ConfigError, findNetwork, parseNetworkConfig } from '../config.ts'
import type { Context } from './context.ts'
import { DEFAULT_DIR } from './declare.ts'
import { CliError, EXIT, sentence } from './errors.ts'
import { readInput } from './input.ts'

export const NETWORK_FILE = 'network.json'

/** thousands of peers */
const FILE_LIMIT = { bytes: 4 * 2 ** 20, why: 'no network file is that large' }

export interface FoundNetwork {
  path: string
  network: NetworkConfig
}

/** Which network: by its file, or one of Walrus's by its name; else by what Walrus's client calls a context. */
export interface NetworkChoice {
  network?: string
  context?: string
  /** asked in place of those that the network names */
  rpcUrl?: string
}

/** As `findChoice`, with the RPC that is named. Throws CliError. */
export async function loadNetwork(
  choice: NetworkChoice,
  context: Pick<Context, 'cwd' | 'signal'>,
): Promise<FoundNetwork> {
  const found = await findChoice(choice, context)
  const { rpcUrl } = choice
  if (rpcUrl === undefined) return found
  if (!URL.canParse(rpcUrl) || !/^https?:$/.test(new URL(rpcUrl).protocol)) {
    throw new CliError('USAGE', EXIT.usage, `"${rpcUrl}" is not the URL of a Sui RPC.`, {
      hint: 'It begins with http:// or https://.',
    })
  }
  return { ...found, network: { ...found.network, suiRpc: [rpcUrl] } }
}

/**
 * Reads the network file given, or looks for `.floe/network.json` from `cwd` upwards; `testnet` and `mainnet` are Walrus's networks,
 * whatever files there are. A context is the name of one of them, or of the network that is found. Throws CliError.
 */
async function findChoice(
  { network: given, context }: NetworkChoice,
  { cwd, signal }: Pick<Context, 'cwd' | 'signal'>,
): Promise<FoundNetwork> {
  const known = [given ?? context].find(name => name === 'testnet' || name === 'mainnet')
  if (known !== undefined) return { path: resolve(cwd, known), network: await findNetwork(known, cwd) }
  const found = given === undefined ? await search(cwd, signal) : await read(resolve(cwd, given), signal)
  if (found !== undefined) {
    const network = parse(found.text, found.path)
    if (given === undefined && context !== undefined && context !== network.name) {
      throw new CliError(
        'NO_NETWORK',
        EXIT.noNetwork,
        `The network here is "${network.name}", not "${context}".`,
        {
          hint: 'Name its file with --network FILE.',
          details: { path: found.path },
        },
      )
    }
    return { path: found.path, network }
  }
  if (given !== undefined)
    throw new CliError('NO_NETWORK', EXIT.noNetwork, `There is no network file ${given}.`)
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
  try {
    return parseNetworkConfig(text, path)
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause
    throw new CliError('BAD_NETWORK_FILE', EXIT.noNetwork, sentence(cause.message), { cause })
  }
}
