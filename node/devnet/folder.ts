import { access, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { NetworkConfig } from '../../chain/types/index.ts'
import { ConfigError, readNetworkConfig, writeConfig } from '../config.ts'
import { isMissing } from '../storage/store/pack-file.ts'
import { DevnetError } from './errors.ts'
import type { DevnetLayout } from './layout.ts'

/**
 * The network that a folder holds; undefined when there is none, or its set-up was cut short, so that the folder may be
 * cleared. A lost or damaged `network.json` is read from its copy. Throws DEVNET_DAMAGED when what cannot be made anew is missing,
 * and ConfigError.
 */
export async function readNetwork(layout: DevnetLayout): Promise<NetworkConfig | undefined> {
  const { dir, network, networkCopy, ledger, nodes } = layout
  const found =
    (await unlessLost(readNetworkConfig(network))) ?? (await unlessMissing(readNetworkConfig(networkCopy)))
  if (found === undefined) {
    // a damaged one without a copy is refused: it is not nothing
    await unlessMissing(readNetworkConfig(network))
    // nodes are started when the copy is there: whatever they hold, it is somebody's
    if (await holdsStores(nodes)) throw lost(dir, network, 'or give a new network another folder with --dir')
    return undefined
  }
  // a new chain would not know the network, and no blob of it could be read
  if (!(await exists(ledger))) throw lost(dir, ledger, 'or remove the folder: without it no blob can be read')
  return found
}

/** Keeps a copy of `network.json` from the moment on from which the network must not be made anew. */
export async function keepCopy(layout: DevnetLayout, network: NetworkConfig): Promise<void> {
  await writeConfig(layout.networkCopy, network)
}

/** Removes what a set-up that was cut short left behind. Keys stay: they do no harm. */
export async function clearUnfinished({ localnet }: DevnetLayout): Promise<void> {
  await rm(localnet, { recursive: true, force: true })
}

function lost(dir: string, path: string, otherwise: string): DevnetError {
  return new DevnetError(
    'DEVNET_DAMAGED',
    `${dir} holds a network, but ${path} is missing: put it back from a backup, ${otherwise}`,
    { dir, missing: path },
  )
}

async function holdsStores(nodes: string): Promise<boolean> {
  const names = (await unlessMissing(readdir(nodes))) ?? []
  const found = await Promise.all(names.map(name => exists(join(nodes, name, 'store'))))
  return found.includes(true)
}

async function exists(path: string): Promise<boolean> {
  return (await unlessMissing(access(path).then(() => true))) ?? false
}

/** Of a file that is written anew at each start: a damaged one is as good as none. */
export async function unlessLost<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await unlessMissing(reading)
  } catch (error) {
    if (error instanceof ConfigError && error.code === 'CONFIG_MALFORMED') return undefined
    throw error
  }
}

async function unlessMissing<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}
