import { mkdir, readdir, readFile, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { syncFolder } from '../../../base/atomic-file.ts'
import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import type { AbortOptions } from '../../../protocols/ports.ts'
import { ConfigError } from '../../config.ts'
import { checkNodeStore } from '../store/check/check-store.ts'
import type { CheckReport } from '../store/check/report.ts'
import { copyDurably } from '../store/copy-store.ts'
import { isMissing } from '../store/pack-file.ts'
import { BACKUP_SCHEMA_VERSION, type BackupManifest, copyKeys, MANIFEST, occupied, whole } from './backup.ts'
import { BackupError } from './backup-error.ts'
import { nodeFolder, readFolderConfig } from './folder.ts'
import { networkOf } from './run.ts'

export interface RestoreInit extends AbortOptions {
  /** folder of the backup */
  source: string
  /** the node's folder; not there yet, or empty */
  dir: string
  /** Takes a backup that is damaged, without what is: the node gets that from others. */
  repairs: boolean
  onProgress?: (step: 'copy' | 'check', doneBytes: number, totalBytes: number) => void
  clock: Clock
  log: Log
}

/**
 * Makes a node's folder from a backup, whole or not at all: what was copied is checked before it has its name. Throws
 * BackupError, StoreError (STORE_NEWER, STORE_FOREIGN), ConfigError, and node's file errors.
 */
export async function restoreBackup(
  init: RestoreInit,
): Promise<{ manifest: BackupManifest; check: CheckReport }> {
  const { source, dir, repairs, clock, log, signal, onProgress = () => {} } = init
  const manifest = await readManifest(source)
  const totalBytes = manifest.store.bytes
  await removeEmpty(dir)
  return await whole(dir, async temporary => {
    if (manifest.hasKeys) await copyKeys(join(source, 'keys'), join(temporary, 'keys'))
    else await mkdir(join(temporary, 'keys'), { mode: 0o700 })
    for (const { name } of (await readdir(source, { withFileTypes: true })).filter(one => one.isFile()))
      if (name !== MANIFEST) await copyDurably(join(source, name), join(temporary, name))
    let doneBytes = 0
    for await (const bytes of copyTree(join(source, 'store'), join(temporary, 'store'), signal)) {
      doneBytes += bytes
      onProgress('copy', Math.min(doneBytes, totalBytes), totalBytes)
    }
    const config = await readFolderConfig(nodeFolder(temporary))
    const network = await networkOf(config, { dir: temporary })
    if (network.systemObjectId !== manifest.network) throw foreign(source)
    const check = await checkNodeStore(join(temporary, 'store'), {
      network: manifest.network,
      nShards: manifest.nShards,
      repairs,
      isDeep: false,
      onProgress: read => onProgress('check', read.doneBytes, read.totalBytes),
      clock,
      log,
      signal,
    })
    const { found, isMended, slivers } = check
    const isWhole = slivers === manifest.store.slivers
    if (!repairs && (!isMended || !isWhole)) {
      const message = `the backup ${source} is not what was stored`
      throw new BackupError('BACKUP_DAMAGED', message, { path: source, found })
    }
    return { manifest, check }
  })
}

const foreign = (path: string): ConfigError =>
  new ConfigError('CONFIG_FOREIGN', `the config in ${path} is of another network than the backup`, path)

async function readManifest(source: string): Promise<BackupManifest> {
  const path = join(source, MANIFEST)
  const malformed = (cause?: unknown) =>
    new BackupError('BACKUP_MALFORMED', `there is no whole backup in ${source}`, { path: source }, { cause })
  let value: Partial<BackupManifest>
  try {
    value = JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    throw malformed(error)
  }
  const { schemaVersion, network, nShards, hasKeys, store } = value ?? {}
  if (!Number.isSafeInteger(schemaVersion)) throw malformed()
  if (schemaVersion! > BACKUP_SCHEMA_VERSION) {
    const details = { path: source, version: schemaVersion!, supportedVersion: BACKUP_SCHEMA_VERSION }
    throw new BackupError('BACKUP_NEWER', `${source} was written by a later version of Floe`, details)
  }
  const isRight =
    typeof network === 'string' &&
    typeof hasKeys === 'boolean' &&
    [nShards, store?.bytes, store?.slivers].every(Number.isSafeInteger)
  if (!isRight) throw malformed()
  return value as BackupManifest
}

/** So that a whole folder may take its place. */
async function removeEmpty(dir: string): Promise<void> {
  try {
    await rmdir(dir)
  } catch (error) {
    if (!isMissing(error)) throw occupied(dir, error)
  }
}

/** Copies a folder; gives the bytes of each file. */
async function* copyTree(from: string, to: string, signal: AbortSignal | undefined): AsyncIterable<number> {
  await mkdir(to, { mode: 0o700 })
  for (const entry of await readdir(from, { withFileTypes: true })) {
    signal?.throwIfAborted()
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) yield* copyTree(source, target, signal)
    else yield await copyDurably(source, target)
  }
  await syncFolder(to)
}
