import { resolve } from 'node:path'
import {
  type BackupManifest,
  type BackupRequest,
  withStoppedStore,
  writeBackup,
} from '../../storage/home/backup.ts'
import { askForBackup } from '../../storage/home/control.ts'
import { storeOf } from '../../storage/home/folder.ts'
import { restoreBackup } from '../../storage/home/restore.ts'
import { checkNodeStore } from '../../storage/store/check/check-store.ts'
import { type CheckReport, FINDINGS, type Finding } from '../../storage/store/check/report.ts'
import { chainFailure } from '../chain-failure.ts'
import type { Context } from '../context.ts'
import { EXIT, type ExitCode } from '../errors.ts'
import { createProgressBar } from '../progress.ts'
import { formatBytes, lines, plural, type SafeText, safe, shellWord } from '../text.ts'
import { type OwnNode, ownNode } from './own-node.ts'

export interface CheckOptions {
  dir: string
  network?: string
  repair?: boolean
  deep?: boolean
}

/** Compares a node's index with its packs and metadata, and repairs it when told to. Throws StoreError. */
export async function check(context: Context, options: CheckOptions): Promise<ExitCode> {
  const { cwd, parts, clock, output, signal } = context
  const own = await ownNode(cwd, options)
  const bar = await createProgressBar(output, own.config.name)
  let report: CheckReport
  try {
    report = await checkNodeStore(storeOf(own.folder, own.config), {
      network: own.network.systemObjectId,
      nShards: own.network.nShards ?? (await shardsOf(context, own)),
      repairs: options.repair === true,
      isDeep: options.deep === true,
      onProgress: ({ doneBytes, totalBytes }) =>
        bar.update({ phase: 'check', done: doneBytes, total: totalBytes }),
      clock,
      log: await parts.createLog('warn'),
      signal,
    })
  } finally {
    bar.stop()
  }
  await output.result(report, checkText(report, options))
  return report.isMended ? EXIT.ok : EXIT.integrity
}

export interface BackupOptions {
  dir: string
  network?: string
  /** false with --without-keys */
  withoutKeys?: boolean
}

/** Has the running node write a backup of itself, or writes it while none runs. Throws BackupError, StoreError. */
export async function backup(context: Context, target: string, options: BackupOptions): Promise<ExitCode> {
  const { cwd, clock, output, signal } = context
  const own = await ownNode(cwd, options)
  const request = { target: resolve(cwd, target), withKeys: options.withoutKeys !== true }
  const bar = await createProgressBar(output, own.config.name)
  const onProgress = (done: number, total: number): void => bar.update({ phase: 'copy', done, total })
  let manifest: BackupManifest
  try {
    manifest =
      (await askForBackup(own.folder.dir, request, { clock, signal, onProgress })) ??
      (await backupStopped(context, own, request, onProgress))
  } finally {
    bar.stop()
  }
  const { store, hasKeys } = manifest
  await output.result(
    { target: request.target, ...manifest },
    lines([
      safe`Backed up ${manifest.name} in ${target}: ${plural(store.slivers, 'sliver')}, ${formatBytes(store.bytes)}`,
      ...(store.linked > 0
        ? [
            safe`${plural(store.linked, 'file')} are on the disk once, for node and backup: copy the backup to another disk.`,
          ]
        : []),
      hasKeys
        ? safe`The keys are in it: whoever has them is the node.`
        : safe`The keys are not in it: keep a copy of them elsewhere.`,
    ]),
  )
  return EXIT.ok
}

/** The same without a node that runs. */
async function backupStopped(
  context: Context,
  own: OwnNode,
  request: BackupRequest,
  onProgress: (doneBytes: number, totalBytes: number) => void,
): Promise<BackupManifest> {
  const { clock, signal } = context
  const { folder, config, network } = own
  const nShards = network.nShards ?? (await shardsOf(context, own))
  const copy = { folder, config, network, nShards, clock, signal, onProgress }
  return await withStoppedStore(storeOf(folder, config), network.systemObjectId, clock, copyStore =>
    writeBackup({ ...copy, copyStore }, request),
  )
}

export interface RestoreOptions {
  dir: string
  repair?: boolean
}

/** Makes a node's folder from a backup. Throws BackupError, StoreError, ConfigError. */
export async function restore(context: Context, source: string, options: RestoreOptions): Promise<ExitCode> {
  const { cwd, parts, clock, output, signal } = context
  const dir = resolve(cwd, options.dir)
  const bar = await createProgressBar(output, source)
  let restored: Awaited<ReturnType<typeof restoreBackup>>
  try {
    restored = await restoreBackup({
      source: resolve(cwd, source),
      dir,
      repairs: options.repair === true,
      onProgress: (phase, done, total) => bar.update({ phase, done, total }),
      clock,
      log: await parts.createLog('warn'),
      signal,
    })
  } finally {
    bar.stop()
  }
  const { manifest, check } = restored
  const { name, createdMs, hasKeys } = manifest
  const named = shellWord(options.dir)
  await output.result(
    { dir, manifest, check },
    lines([
      safe`Restored ${name} in ${options.dir}, as it was at ${new Date(createdMs).toISOString()}`,
      safe`${plural(check.slivers, 'sliver')}, ${formatBytes(check.bytes)}, compared with the index`,
      safe`\nTwo nodes must never run with the same keys: be sure that the one of which this is a backup does not run any more.`,
      ...(hasKeys
        ? []
        : [
            safe`The backup has no keys: put sui.key, bls.key and network.key in ${named}/keys, of mode 0600.`,
          ]),
      safe`Look through its config, above all where it listens and is reached, then\n`,
      safe`  npx floe node run --dir ${named}\n`,
      safe`What has been stored since it gets from others.`,
    ]),
  )
  return EXIT.ok
}

async function shardsOf({ parts, signal }: Context, { network }: OwnNode): Promise<number> {
  const coordinator = await parts.coordinate(network)
  try {
    return (await coordinator.committees({ signal })).current.nShards
  } catch (error) {
    throw chainFailure(error)
  } finally {
    await coordinator.close()
  }
}

/** Named of a kind; JSON has more. */
const NAMED = 5

function checkText({ slivers, bytes, packs, found, isMended }: CheckReport, options: CheckOptions): SafeText {
  const kinds = (Object.keys(FINDINGS) as Finding[]).filter(kind => found[kind] !== undefined)
  const size = safe`${plural(slivers, 'sliver')}, ${formatBytes(bytes)}, in ${plural(packs, 'file')}`
  if (kinds.length === 0) return safe`All is right: ${size}`
  const told = kinds.flatMap(kind => {
    const { count, names } = found[kind]!
    const some = names.slice(0, NAMED)
    return [
      safe`${FINDINGS[kind]}: ${count}`,
      ...some.map(name => safe`  ${name}`),
      ...(names.length > 0 && count > some.length ? [safe`  and ${count - some.length} more`] : []),
    ]
  })
  const end = isMended
    ? safe`\nAll of that was put right; what is missing the node gets from others once it runs.`
    : safe`\nNothing was changed. What can be is put right by\n\n  npx floe node check --repair --dir ${shellWord(options.dir)}`
  return lines([safe`Looked at ${size}`, ...told, end])
}
