import type { Clock } from '../../../base/clock.ts'
import { beginsAtMs } from '../../../chain/index.ts'
import type { BlobObject } from '../../../chain/types/index.ts'
import { blobIdFromBytes, objectIdToBytes } from '../../../codec/index.ts'
import type { BlobId, Epoch, ObjectId } from '../../../codec/types.ts'
import type { Client } from '../../client/types.ts'
import { blobObjectJson } from '../../gateway/walrus-json.ts'
import { addressArgument, blobIdArgument, isObjectIdText, objectIdArgument } from '../arguments.ts'
import { chainFailure } from '../chain-failure.ts'
import { type ChainSession, type Context, forEach, type NetworkOptions, withChain } from '../context.ts'
import { beginsIn } from '../epoch-ends.ts'
import { CliError, EXIT, type ExitCode } from '../errors.ts'
import { fileMetadata, withCodec } from '../files/blob-id.ts'
import { formatBytes, formatTable, lines, plural, type SafeText, safe } from '../text.ts'

/** How long nodes may take to hear from the chain that an object is gone. */
const HEARSAY_MS = 2_000
const ASK_AGAIN_MS = 100

/**
 * The Blob object that an object ID names, or a blob ID among the wallet's own; of several the one that has not expired when that is of
 * no use. Throws CliError.
 */
export async function findBlob(session: ChainSession, text: string, useOf?: 'living'): Promise<BlobObject> {
  const { coordinator, signal } = session
  if (!isObjectIdText(text)) return await byBlobId(session, text, useOf)
  const objectId = objectIdArgument(text, 'blob')
  const blob = await coordinator.blob(objectId, { signal })
  if (blob === undefined) throw noBlob(objectId)
  return blob
}

/** As `findBlob`, and the wallet must own it. */
export async function ownBlob(session: ChainSession, text: string, useOf?: 'living'): Promise<BlobObject> {
  const blob = await findBlob(session, text, useOf)
  const { address } = await session.wallet()
  if (blob.owner === address) return blob
  const whose = blob.owner === undefined ? 'nobody' : blob.owner
  throw new CliError(
    'NOT_OWNER',
    EXIT.refused,
    `The blob ${blob.objectId} belongs to ${whose}, not to this wallet (${address}).`,
    { hint: 'Name the key of its owner with --wallet FILE.', details: { owner: blob.owner, address } },
  )
}

/** Throws EXPIRED for a blob whose time is over. */
export function expectAlive({ objectId, storage }: BlobObject, epoch: Epoch): void {
  if (storage.endEpoch > epoch) return
  throw new CliError(
    'EXPIRED',
    EXIT.refused,
    `The blob ${objectId} expired at epoch ${storage.endEpoch}; it is epoch ${epoch} now.`,
    {
      hint: 'Store it again with `floe store`; `floe burn` removes the old object.',
      details: { objectId, endEpoch: storage.endEpoch, epoch },
    },
  )
}

export function noBlob(objectId: ObjectId): CliError {
  return new CliError('NOT_FOUND', EXIT.notFound, `There is no Blob object ${objectId}.`, {
    hint:
      'It was deleted, burned or shared, or is something else; `floe list-blobs` lists yours. ' +
      `If it is a blob ID in hex: that is written ${blobIdFromBytes(objectIdToBytes(objectId))}.`,
    details: { objectId },
  })
}

async function byBlobId(
  { coordinator, wallet, signal }: ChainSession,
  text: string,
  useOf: 'living' | undefined,
): Promise<BlobObject> {
  const blobId = blobIdArgument(text)
  const { address } = await wallet()
  const found = (await coordinator.ownedBlobs(address, { signal })).filter(blob => blob.blobId === blobId)
  if (useOf === 'living' && found.length > 1) {
    const { epoch } = await coordinator.system({ signal })
    const living = found.filter(({ storage }) => storage.endEpoch > epoch)
    if (living.length === 1) return living[0]!
  }
  if (found.length === 1) return found[0]!
  const details = { blobId, objectIds: found.map(({ objectId }) => objectId) }
  if (found.length === 0) {
    throw new CliError('NOT_FOUND', EXIT.notFound, `This wallet (${address}) owns no blob ${blobId}.`, {
      hint: '`floe list-blobs` lists what it owns.',
      details,
    })
  }
  throw new CliError('USAGE', EXIT.usage, `This wallet owns ${found.length} objects of the blob ${blobId}.`, {
    hint: `Name one by its object ID: ${details.objectIds.join(', ')}`,
    details,
  })
}

export interface ListBlobsOptions extends NetworkOptions {
  owner?: string
  includeExpired?: boolean
}

/** Lists the Blob objects of the wallet, or of another owner; those that end first come first. */
export async function listBlobs(context: Context, options: ListBlobsOptions): Promise<ExitCode> {
  await withChain(context, options, async ({ coordinator, wallet, signal }) => {
    const owner = options.owner === undefined ? (await wallet()).address : addressArgument(options.owner)
    const [timing, owned] = await Promise.all([
      coordinator.epochTiming({ signal }),
      coordinator.ownedBlobs(owner, { signal }),
    ])
    const { epoch } = timing
    const blobs = owned
      .filter(({ storage }) => options.includeExpired === true || storage.endEpoch > epoch)
      .toSorted((a, b) => a.storage.endEpoch - b.storage.endEpoch)
    const hidden = owned.length - blobs.length
    const rows = blobs.map(blob => [
      blob.blobId,
      formatBytes(blob.size),
      blob.certifiedEpoch === undefined ? 'registered' : 'certified',
      blob.deletable ? 'deletable' : 'permanent',
      blob.storage.endEpoch <= epoch
        ? `expired at epoch ${blob.storage.endEpoch}`
        : `epoch ${blob.storage.endEpoch}, ${beginsIn(timing, blob.storage.endEpoch)}`,
      blob.objectId,
    ])
    const head = ['blob ID', 'size', 'state', 'kind', 'until', 'object']
    const text = [
      rows.length === 0 ? safe`${owner} owns no blobs.` : safe`${plural(rows.length, 'blob')} of ${owner}`,
      ...(rows.length === 0 ? [] : [formatTable(head, rows)]),
      ...(hidden === 0 ? [] : [safe`${plural(hidden, 'expired blob')} not shown: --include-expired`]),
    ]
    const listed = blobs.map(blob => ({
      ...blobObjectJson(blob),
      endsAtMs: blob.storage.endEpoch > epoch ? beginsAtMs(timing, blob.storage.endEpoch) : undefined,
    }))
    const value = { owner, epoch, blobs: listed, hiddenExpired: hidden }
    await context.output.result(value, lines(text))
  })
  return EXIT.ok
}

export interface BurnOptions extends NetworkOptions {
  allExpired?: boolean
  /** as Walrus's client has it, which asks back unless `yes` */
  all?: boolean
  yes?: boolean
  objectIds?: string[]
}

/** Destroys Blob objects, expired or not; nothing is given back. */
export async function burn(context: Context, blobs: string[], options: BurnOptions): Promise<ExitCode> {
  const named = [...blobs, ...(options.objectIds ?? [])]
  if ([named.length > 0, options.allExpired, options.all].filter(Boolean).length !== 1)
    throw new CliError('USAGE', EXIT.usage, 'Name the blobs to burn, or all that expired by --all-expired.')
  if (options.all && !options.yes) {
    throw new CliError(
      'USAGE',
      EXIT.usage,
      '--all burns every blob of the wallet, those too that have not ended.',
      {
        hint: 'Say --yes as well when that is meant, or --all-expired.',
      },
    )
  }
  return await withChain(context, options, async session => {
    const all = options.all
      ? await ownedIds(session)
      : options.allExpired
        ? await expired(context, session)
        : named
    return await forEach(context, all, text => burnOne(context, session, text), { explain: chainFailure })
  })
}

async function ownedIds(session: ChainSession): Promise<ObjectId[]> {
  const { address } = await session.wallet()
  const owned = await session.coordinator.ownedBlobs(address, { signal: session.signal })
  return owned.map(({ objectId }) => objectId)
}

/** The wallet's objects whose time is over. */
async function expired({ output }: Context, session: ChainSession): Promise<ObjectId[]> {
  const { coordinator, signal } = session
  const { address } = await session.wallet()
  const [{ epoch }, owned] = await Promise.all([
    coordinator.system({ signal }),
    coordinator.ownedBlobs(address, { signal }),
  ])
  const over = owned.filter(({ storage }) => storage.endEpoch <= epoch)
  if (over.length === 0) output.say(safe`No blob of ${address} has expired.`)
  return over.map(({ objectId }) => objectId)
}

async function burnOne({ output }: Context, session: ChainSession, text: string): Promise<void> {
  const { coordinator, signal } = session
  const { blobId, objectId } = await ownBlob(session, text)
  const { digest } = await coordinator.manager(await session.wallet()).burn(objectId, { signal })
  await output.result({ blobId, objectId, digest }, safe`Burned ${objectId}`)
}

export interface DeleteOptions extends NetworkOptions {
  file?: string[]
  files?: string[]
  blobIds?: string[]
  blobId?: string[]
  objectIds?: string[]
  objectId?: string[]
}

/** Deletes blobs before their time; what is left of their storage goes to the wallet. */
export async function deleteBlobs(
  context: Context,
  given: string[],
  options: DeleteOptions,
): Promise<ExitCode> {
  const { file = [], files = [], blobIds = [], blobId = [], objectIds = [], objectId = [] } = options
  const named = [...given, ...blobIds, ...blobId, ...objectIds, ...objectId]
  const ofFiles = [...file, ...files]
  if (named.length + ofFiles.length === 0)
    throw new CliError('USAGE', EXIT.usage, 'Name the blobs to delete, or files by --file.')
  return await withChain(context, options, async session => {
    const { network } = session
    const blobs = [...named, ...(await blobIdsOf(context, session, ofFiles))]
    // a Sui alone has no nodes that could be asked
    const nodes = network.peers.length === 0 ? undefined : await context.parts.connect(network, {})
    try {
      const deleting = (text: string) => deleteOne(context, session, nodes, text)
      return await forEach(context, blobs, deleting, { explain: chainFailure })
    } finally {
      await nodes?.close()
    }
  })
}

async function blobIdsOf(
  { signal }: Context,
  { network, coordinator }: ChainSession,
  files: readonly string[],
): Promise<BlobId[]> {
  if (files.length === 0) return []
  const nShards = network.nShards ?? (await coordinator.system({ signal })).nShards
  return await withCodec(async codec => {
    const blobIds: BlobId[] = []
    for (const file of files) blobIds.push((await fileMetadata(codec, file, nShards, signal)).blobId)
    return blobIds
  })
}

async function deleteOne(
  { output, clock }: Context,
  session: ChainSession,
  nodes: Client | undefined,
  text: string,
): Promise<void> {
  const { coordinator, signal } = session
  const blob = await ownBlob(session, text, 'living')
  const { blobId, objectId, storage, deletable } = blob
  const { epoch } = await coordinator.system({ signal })
  expectAlive(blob, epoch)
  if (!deletable) {
    throw new CliError(
      'NOT_DELETABLE',
      EXIT.refused,
      `The blob ${objectId} is permanent until epoch ${storage.endEpoch}.`,
      {
        hint: '`floe burn` destroys the object; the nodes keep the data until then.',
        details: { objectId, endEpoch: storage.endEpoch },
      },
    )
  }
  const wallet = await session.wallet()
  const { digest } = await coordinator.writer(wallet).deleteBlob(objectId, { signal })
  const own = await coordinator.ownedBlobs(wallet.address, { signal })
  const kept = await keptBy(blob, own, epoch, nodes, { clock, signal })
  await output.result(
    { blobId, objectId, digest, readableUntil: kept?.until, keptBy: kept?.by },
    lines([
      safe`Deleted the object ${objectId} of ${blobId}; its storage until epoch ${storage.endEpoch} is in the wallet again`,
      ...(kept === undefined ? [] : [stillReadable(kept)]),
    ]),
  )
}

function stillReadable({ until, by }: Kept): SafeText {
  const keeper =
    by === undefined
      ? "somebody else's object keeps it, by what the nodes say"
      : `this wallet's object ${by} keeps it`
  return safe`  The blob can still be read until epoch ${until}: ${keeper}.`
}

export interface Kept {
  /** epoch in which the blob ends */
  until: Epoch
  /** the object that keeps it, when it is the wallet's */
  by?: ObjectId
}

/**
 * What keeps a blob readable of which one object was just deleted: another of the same owner, or, as the nodes tell,
 * somebody else's. Undefined when nothing does, or nobody can tell.
 */
export async function keptBy(
  { objectId, blobId }: Pick<BlobObject, 'objectId' | 'blobId'>,
  own: readonly BlobObject[],
  epoch: Epoch,
  nodes: Pick<Client, 'status'> | undefined,
  waiting: { clock: Clock; signal: AbortSignal },
): Promise<Kept | undefined> {
  const others = own
    .filter(blob => blob.blobId === blobId && blob.objectId !== objectId)
    .filter(({ certifiedEpoch, storage }) => certifiedEpoch !== undefined && storage.endEpoch > epoch)
    .toSorted((a, b) => b.storage.endEpoch - a.storage.endEpoch)
  if (others[0] !== undefined) return { until: others[0].storage.endEpoch, by: others[0].objectId }
  return nodes && (await stillServed(blobId, nodes, waiting))
}

async function stillServed(
  blobId: BlobId,
  nodes: Pick<Client, 'status'>,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<Kept | undefined> {
  using limit = clock.deadline(HEARSAY_MS, [signal])
  let until: Epoch | undefined
  try {
    for (;;) {
      const { status, endEpoch } = await nodes.status(blobId, { signal: limit.signal })
      if (status !== 'certified') return undefined
      until = endEpoch
      await clock.sleep(ASK_AGAIN_MS, limit.signal)
    }
  } catch {
    signal.throwIfAborted()
    // they went on saying so, or were not to be reached
    return until === undefined ? undefined : { until }
  }
}
