import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { syncFolder, writeAtomically } from '../../../base/atomic-file.ts'
import type { Clock } from '../../../base/clock.ts'
import { makeFolder } from '../../../base/make-folder.ts'
import type { NetworkConfig } from '../../../chain/types/index.ts'
import type { AbortOptions } from '../../../protocols/ports.ts'
import { type NodeConfig, readNodeConfig, writeConfig } from '../../config.ts'
import { version } from '../../version.ts'
import { type CopyOptions, copyStore, type StoreCopy } from '../store/copy-store.ts'
import { damagedStore } from '../store/errors.ts'
import { isMissing, namesIn } from '../store/pack-file.ts'
import { openRecords } from '../store/records.ts'
import { REPAIRING } from '../store/repair.ts'
import { checkSchema } from '../store/schema.ts'
import { BackupError } from './backup-error.ts'
import { type NodeFolder, nodeFolder } from './folder.ts'

/** Version of `backup.json` that this program writes. */
export const BACKUP_SCHEMA_VERSION = 1
/** Written last: what lacks it is no backup. */
export const MANIFEST = 'backup.json'

/** What a backup says of itself. */
export interface BackupManifest {
  schemaVersion: typeof BACKUP_SCHEMA_VERSION
  /** of Floe */
  version: string
  createdMs: number
  /** of the node */
  name: string
  /** system object ID */
  network: string
  nShards: number
  hasKeys: boolean
  store: StoreCopy
}

export interface BackupInit extends AbortOptions {
  folder: NodeFolder
  config: NodeConfig
  network: NetworkConfig
  nShards: number
  /** Makes a copy of the store. */
  copyStore: (to: string, options: CopyOptions) => Promise<StoreCopy>
  clock: Clock
  onProgress?: CopyOptions['onProgress']
}

/** What the operator says of a backup. */
export interface BackupRequest {
  /** folder that it becomes; not there yet */
  target: string
  withKeys: boolean
}

/**
 * Writes a backup of a node: config, keys, and its store as of one moment. It has its name once it is whole and on the disk;
 * until then it lies beside that, with `.tmp` at the end. Throws BackupError BACKUP_TARGET_EXISTS, and node's file errors.
 */
export async function writeBackup(init: BackupInit, request: BackupRequest): Promise<BackupManifest> {
  const { folder, config, network, nShards, clock, onProgress, signal } = init
  const { target, withKeys } = request
  await expectAbsent(target)
  return await whole(target, async temporary => {
    if (withKeys) await copyKeys(folder.keys, join(temporary, 'keys'))
    await copyConfig(folder, config, network, temporary)
    const store = await init.copyStore(join(temporary, 'store'), { signal, onProgress })
    const manifest: BackupManifest = {
      schemaVersion: BACKUP_SCHEMA_VERSION,
      version,
      createdMs: clock.now(),
      name: config.name,
      network: network.systemObjectId,
      nShards,
      hasKeys: withKeys,
      store,
    }
    await writeAtomically(join(temporary, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`, 0o600)
    return manifest
  })
}

/** Opens the store of a node that does not run, for a copy of it. Throws StoreError: STORE_LOCKED, STORE_OLDER and others. */
export async function withStoppedStore<T>(
  path: string,
  network: string,
  clock: Clock,
  use: (copy: BackupInit['copyStore']) => Promise<T>,
): Promise<T> {
  if ((await namesIn(path)).includes(REPAIRING)) throw damagedStore(path, REPAIRING)
  const records = await openRecords(join(path, 'index'), clock)
  try {
    await checkSchema(records, { path, network, isReadOnly: true })
    return await use((to, options) => copyStore({ path, records, clock }, to, options))
  } finally {
    await records.close()
  }
}

/** Makes a folder as a whole or not at all; what a kill leaves of it ends in `.tmp`. */
export async function whole<T>(path: string, fill: (temporary: string) => Promise<T>): Promise<T> {
  const temporary = `${path}.${randomBytes(4).toString('hex')}.tmp`
  await makeFolder(dirname(path))
  await mkdir(temporary, { mode: 0o700 })
  try {
    const result = await fill(temporary)
    await syncFolder(temporary)
    await rename(temporary, path)
    await syncFolder(dirname(path))
    return result
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    if (['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? ''))
      throw occupied(path, error)
    throw error
  }
}

async function expectAbsent(path: string): Promise<void> {
  try {
    await stat(path)
  } catch (error) {
    if (isMissing(error)) return
    throw error
  }
  throw occupied(path)
}

export const occupied = (path: string, cause?: unknown): BackupError =>
  new BackupError('BACKUP_TARGET_EXISTS', `there is something in ${path} already`, { path }, { cause })

/** Each of mode 0600, in an order in which none is missed that takes the place of another meanwhile. */
export async function copyKeys(from: string, to: string): Promise<void> {
  await mkdir(to, { mode: 0o700 })
  const files = (await readdir(from, { withFileTypes: true })).filter(entry => entry.isFile())
  const isNext = (name: string): boolean => name.includes('.next.')
  const names = files.map(({ name }) => name).sort((a, b) => Number(isNext(b)) - Number(isNext(a)))
  for (const name of names) {
    try {
      await writeAtomically(join(to, name), await readFile(join(from, name)), 0o600)
    } catch (error) {
      if (!isMissing(error)) throw error
    }
  }
}

/** The config, with the store and the network's file beside it, so that it can be read anywhere. */
async function copyConfig(
  folder: NodeFolder,
  config: NodeConfig,
  network: NetworkConfig,
  to: string,
): Promise<void> {
  const { networkFile: file } = config
  const isNamed = file === 'testnet' || file === 'mainnet'
  const wanted = { ...config, store: 'store', networkFile: isNamed ? file : 'network.json' }
  if (!isNamed) await writeConfig(join(to, wanted.networkFile), network)
  const path = nodeFolder(to).config
  let text = await readFile(folder.config, 'utf8')
  for (const field of ['store', 'networkFile'] as const)
    text = text.replace(new RegExp(`^(\\s*"${field}"\\s*:\\s*)"(?:[^"\\\\]|\\\\.)*"`, 'm'), (_, name) => {
      return `${name}${JSON.stringify(wanted[field])}`
    })
  await writeAtomically(path, text)
  const { networkFile, store = basename(folder.store) } = await readNodeConfig(path)
  // written in another way than ours: without its comments, then
  if (networkFile !== wanted.networkFile || store !== wanted.store) await writeConfig(path, wanted)
}
