import { beginsAtMs } from '../../../chain/index.ts'
import type { StorageObject } from '../../../chain/types/index.ts'
import type { ObjectId } from '../../../codec/types.ts'
import { addressArgument, objectIdArgument, sizeArgument } from '../arguments.ts'
import { type ChainSession, type Context, type NetworkOptions, withChain } from '../context.ts'
import { beginsIn } from '../epoch-ends.ts'
import { CliError, EXIT, type ExitCode } from '../errors.ts'
import { formatBytes, formatTable, lines, plural, type SafeText, safe } from '../text.ts'
import { mergeOrder } from './merge-order.ts'

export interface ListStoragesOptions extends NetworkOptions {
  owner?: string
  includeExpired?: boolean
  sortBySize?: boolean
}

/** Lists Storage objects of the wallet, or of another owner; those that end first come first. */
export async function listStorages(context: Context, options: ListStoragesOptions): Promise<ExitCode> {
  await withChain(context, options, async ({ coordinator, wallet, signal }) => {
    const owner = options.owner === undefined ? (await wallet()).address : addressArgument(options.owner)
    const [timing, owned] = await Promise.all([
      coordinator.epochTiming({ signal }),
      coordinator.ownedStorages(owner, { signal }),
    ])
    const { epoch } = timing
    const isOver = ({ endEpoch }: StorageObject) => endEpoch <= epoch
    const bySize = (a: StorageObject, b: StorageObject) => Number(b.storageSize - a.storageSize)
    const storages = owned
      .filter(storage => options.includeExpired === true || !isOver(storage))
      .toSorted((a, b) => (options.sortBySize ? bySize(a, b) : a.endEpoch - b.endEpoch))
    const hidden = owned.length - storages.length
    const rows = storages.map(storage => [
      formatBytes(storage.storageSize),
      `epoch ${storage.startEpoch}`,
      isOver(storage)
        ? `expired at epoch ${storage.endEpoch}`
        : `epoch ${storage.endEpoch}, ${beginsIn(timing, storage.endEpoch)}`,
      storage.id,
    ])
    const text = [
      rows.length === 0
        ? safe`${owner} has no storage without a blob.`
        : safe`${plural(rows.length, 'storage object')} of ${owner}`,
      ...(rows.length === 0 ? [] : [formatTable(['size', 'from', 'until', 'object'], rows)]),
      ...(hidden === 0 ? [] : [safe`${hidden} expired not shown: --include-expired`]),
    ]
    const listed = storages.map(storage => ({
      ...storage,
      endsAtMs: isOver(storage) ? undefined : beginsAtMs(timing, storage.endEpoch),
    }))
    await context.output.result({ owner, epoch, storages: listed, hiddenExpired: hidden }, lines(text))
  })
  return EXIT.ok
}

export interface SplitOptions extends NetworkOptions {
  size?: string
  endEpoch?: number
  objectId?: string
}

/** Splits a Storage object in two. */
export async function splitStorage(
  context: Context,
  given: string | undefined,
  options: SplitOptions,
): Promise<ExitCode> {
  const text = given ?? options.objectId
  const { size, endEpoch } = options
  if (text === undefined) throw usage('Which storage? Name it by its object ID.')
  if (size === undefined && endEpoch === undefined) throw usage('Where? Say --size or --end-epoch.')
  const at: Where = size === undefined ? { epoch: endEpoch! } : { bytes: sizeArgument(size) }
  await withChain(context, options, async session => {
    const { coordinator, wallet, signal } = session
    const [storage] = await ownStorages(session, [text])
    expectWithin(storage!, at)
    const { digest, rest } = await coordinator
      .manager(await wallet())
      .splitStorage(storage!.id, at, { signal })
    const where = 'bytes' in at ? `size ${formatBytes(at.bytes)}` : `epoch ${at.epoch}`
    const result = {
      originalObjectId: storage!.id,
      resultingStorageObjects: halves(storage!, at, rest),
      splitType: where,
      digest,
    }
    await context.output.result(result, safe`Split ${storage!.id} at ${where}; the rest is ${rest}`)
  })
  return EXIT.ok
}

type Where = { bytes: bigint } | { epoch: number }

function expectWithin({ id, startEpoch, endEpoch, storageSize }: StorageObject, at: Where): void {
  const isWithin =
    'bytes' in at
      ? at.bytes < storageSize
      : Number.isSafeInteger(at.epoch) && at.epoch > startEpoch && at.epoch < endEpoch
  if (isWithin) return
  const limits =
    'bytes' in at
      ? `it has ${storageSize} bytes: name fewer`
      : `it is from epoch ${startEpoch} to ${endEpoch}: name one in between`
  throw usage(`The storage ${id} cannot be split there: ${limits}.`)
}

function halves(storage: StorageObject, at: Where, rest: ObjectId): object[] {
  if ('bytes' in at)
    return [
      { ...storage, storageSize: at.bytes },
      { ...storage, id: rest, storageSize: storage.storageSize - at.bytes },
    ]
  return [
    { ...storage, endEpoch: at.epoch },
    { ...storage, id: rest, startEpoch: at.epoch },
  ]
}

/** Adds Storage objects to the first. */
export async function mergeStorages(
  context: Context,
  given: string[],
  options: NetworkOptions & { objectIds?: string[] },
): Promise<ExitCode> {
  const texts = [...given, ...(options.objectIds ?? [])]
  if (texts.length < 2) throw usage('Name two storage objects at least; the first one stays.')
  await withChain(context, options, async session => {
    const { coordinator, wallet, signal } = session
    const [first, ...others] = await ownStorages(session, texts)
    const { order, merged } = mergeOrder(first!, others)
    const ids = order.map(({ id }) => id)
    const { digest } = await coordinator.manager(await wallet()).mergeStorages(first!.id, ids, { signal })
    await context.output.result(
      { ...merged, merged: ids, digest },
      safe`${merged.id} has ${formatBytes(merged.storageSize)} from epoch ${merged.startEpoch} to ${merged.endEpoch}`,
    )
  })
  return EXIT.ok
}

export interface BurnStoragesOptions extends NetworkOptions {
  allExpired?: boolean
  objectId?: string[]
}

/** Gives Storage objects up. */
export async function burnStorages(
  context: Context,
  given: string[],
  options: BurnStoragesOptions,
): Promise<ExitCode> {
  const texts = [...given, ...(options.objectId ?? [])]
  if (texts.length > 0 === (options.allExpired === true))
    throw usage('Name the storage to burn, or all that expired by --all-expired.')
  await withChain(context, options, async session => {
    const { coordinator, wallet, signal } = session
    const storages = texts.length > 0 ? await ownStorages(session, texts) : await expired(session)
    const objectIds = storages.map(({ id }) => id)
    if (objectIds.length === 0) {
      const { address } = await wallet()
      await context.output.result({ objectIds }, safe`No storage of ${address} has expired.`)
      return
    }
    const { digest } = await coordinator.manager(await wallet()).burnStorages(objectIds, { signal })
    const told: SafeText[] = objectIds.map(id => safe`Burned ${id}`)
    await context.output.result({ objectIds, digest }, lines(told))
  })
  return EXIT.ok
}

async function expired({ coordinator, wallet, signal }: ChainSession): Promise<StorageObject[]> {
  const { address } = await wallet()
  const [{ epoch }, owned] = await Promise.all([
    coordinator.system({ signal }),
    coordinator.ownedStorages(address, { signal }),
  ])
  return owned.filter(({ endEpoch }) => endEpoch <= epoch)
}

/** Those of the wallet that are named, in their order. Throws CliError, also for one that is named twice. */
async function ownStorages(
  { coordinator, wallet, signal }: ChainSession,
  texts: readonly string[],
): Promise<StorageObject[]> {
  const ids = texts.map(text => objectIdArgument(text, 'storage'))
  const twice = ids.find((id, i) => ids.indexOf(id) !== i)
  if (twice !== undefined) throw usage(`The storage ${twice} is named twice.`)
  const { address } = await wallet()
  const owned = new Map(
    (await coordinator.ownedStorages(address, { signal })).map(storage => [storage.id, storage]),
  )
  return ids.map(id => {
    const found = owned.get(id)
    if (found !== undefined) return found
    throw new CliError('NOT_FOUND', EXIT.notFound, `This wallet (${address}) has no storage ${id}.`, {
      hint: '`floe storage list` lists what it has; what holds a blob belongs to that.',
      details: { objectId: id },
    })
  })
}

const usage = (message: string) =>
  new CliError('USAGE', EXIT.usage, message, { hint: 'See `floe storage --help`.' })
