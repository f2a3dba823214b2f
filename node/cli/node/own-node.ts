import { resolve } from 'node:path'
import type { NetworkConfig } from '../../../chain/types/index.ts'
import { type NodeConfig, parseHostPort } from '../../config.ts'
import { type NodeFolder, nodeFolder, readFolderConfig } from '../../storage/home/folder.ts'
import { networkOf } from '../../storage/home/run.ts'
import { CliError, EXIT } from '../errors.ts'

/** A storage node of this machine, by its folder. */
export interface OwnNode {
  config: NodeConfig
  folder: NodeFolder
  network: NetworkConfig
  /** host:port at which its HTTP API listens; undefined when it serves none */
  address: string | undefined
}

/** The node of a folder. Throws CliError, CONFIG_MISSING when there is none; ConfigError. */
export async function ownNode(cwd: string, options: { dir: string; network?: string }): Promise<OwnNode> {
  const dir = resolve(cwd, options.dir)
  const folder = nodeFolder(dir)
  const config = await readFolderConfig(folder).catch(error => {
    if (error?.code !== 'CONFIG_MISSING') throw error
    throw new CliError('CONFIG_MISSING', EXIT.notFound, `There is no storage node in ${options.dir}.`, {
      hint: "Name its folder with --dir, or a node of the committee; --all asks all of the committee's.",
      cause: error,
    })
  })
  const networkFile = options.network === undefined ? undefined : resolve(cwd, options.network)
  const network = await networkOf(config, { dir, networkFile })
  return { config, folder, network, address: addressOf(config) }
}

function addressOf({ http }: NodeConfig): string | undefined {
  const at = http === undefined ? undefined : parseHostPort(http)
  if (at === undefined) return undefined
  const local: Record<string, string> = { '0.0.0.0': '127.0.0.1', '::': '::1' }
  const host = local[at.host] ?? at.host
  return `${host.includes(':') ? `[${host}]` : host}:${at.port}`
}

export function servesNoHttp(dir: string): CliError {
  return new CliError('USAGE', EXIT.usage, `The node of ${dir} serves no HTTP, by which it would be asked.`, {
    hint: 'Give it "http" in its config.json.',
  })
}
