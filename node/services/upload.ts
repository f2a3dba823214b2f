import type { BlobObject, ChainReader, ChainWriter, Committee, SystemInfo } from '../../chain/types.ts'
import { type Bls, type EncodedBlob, encodedSize, maxBlobSize } from '../../codec/index.ts'
import type { BlobId, Certificate, Persistence } from '../../codec/types.ts'
import type { PeerClient } from '../../protocols/index.ts'
import type { Log } from '../../protocols/ports.ts'
import { ClientError } from '../errors.ts'
import type { NodeMetrics } from '../metrics.ts'
import type { BlobCodec } from './adaptive-codec.ts'
import type { CommitteeTracker } from './committees.ts'
import { fanOut } from './fan-out.ts'
import type { Lingering, Place } from './lingering.ts'
import { networkStatus, seemsNew } from './network-status.ts'
import type { PeerBook } from './peer-book.ts'
import type { StoreOptions, StoreResult } from './types.ts'
import { anySignal } from './wait.ts'

export interface UploadComponents {
  chain: Pick<ChainReader, 'system' | 'ownedBlobs'>
  writer: ChainWriter
  peers: PeerClient
  book: PeerBook
  committees: CommitteeTracker
  codec: BlobCodec
  /** loads while the blob is encoded: it is needed when nodes confirm */
  bls: Promise<Bls>
  lingering: Lingering
  log: Log
  metrics: Pick<NodeMetrics, 'liar'>
}

/** Up to here a blob is encoded in less time than a handshake takes. */
const SMALL_BYTES = 1024 * 1024
/** An epoch change during an upload: send again to the new owners, but not for ever. */
const ROUNDS = 3
/** How many nodes are handed the certificate, to gossip it: one may be down. */
const CERTIFICATE_TAKERS = 2

/** Encodes, pays, sends to all nodes at once, certifies at quorum; the remaining nodes are served in the background. */
export async function upload(
  components: UploadComponents,
  data: Uint8Array,
  options: StoreOptions,
): Promise<StoreResult> {
  const place = await components.lingering.enter(options.signal)
  try {
    return await uploadFrom(place, components, data, options)
  } finally {
    place.leave()
  }
}

async function uploadFrom(
  place: Place,
  components: UploadComponents,
  data: Uint8Array,
  options: StoreOptions,
): Promise<StoreResult> {
  const { chain, peers, book, committees, codec } = components
  const { signal, onProgress } = options
  const [system, { current }] = await Promise.all([chain.system({ signal }), committees.get({ signal })])
  checkOptions(system, data, options)
  const connect = (): void => {
    for (const member of current.members)
      peers.connect(book.address(member), { signal }).catch(() => book.failed(member))
  }
  // connections are opened while something else is waited for: the encoding, or the chain's registration when the
  // encoding is done at once; a dozen handshakes before it would only delay it
  const isSmall = data.length <= SMALL_BYTES
  if (!isSmall) connect()

  onProgress?.({ phase: 'encode', done: 0, total: 1 })
  const encoded = await codec.encode(data, current.nShards, { signal })
  onProgress?.({ phase: 'encode', done: 1, total: 1 })
  let handedOver = false
  try {
    const known = options.force
      ? undefined
      : await findExisting(components, encoded.metadata.blobId, current, system, options)
    if (known?.result !== undefined) return known.result
    if (isSmall) connect()
    const send: Place['add'] = (work, cutShort) => {
      handedOver = true
      place.add(
        work.finally(() => encoded.release()),
        cutShort,
      )
    }
    return await registerAndSend(components, encoded, known?.resume, system, options, {
      slivers: send,
      certificate: place.add,
    })
  } finally {
    if (!handedOver) encoded.release()
  }
}

function checkOptions(
  { maxEpochsAhead, nShards }: SystemInfo,
  data: Uint8Array,
  { epochs }: StoreOptions,
): void {
  if (!Number.isSafeInteger(epochs) || epochs < 1 || epochs > maxEpochsAhead) {
    throw new ClientError('INVALID_OPTION', `epochs must be 1 to ${maxEpochsAhead}`, {
      option: 'epochs',
      reason: `1 to ${maxEpochsAhead}`,
    })
  }
  const maxBytes = maxBlobSize(nShards)
  if (data.length > maxBytes) {
    throw new ClientError(
      'BLOB_TOO_LARGE',
      `${data.length} bytes are too many: a network of ${nShards} shards takes blobs of up to ${maxBytes} bytes`,
      { maxBytes, actualBytes: data.length },
    )
  }
}

/** A blob that is stored for long enough already, or an own registration whose upload was cut short. */
async function findExisting(
  { chain, writer, peers, book }: UploadComponents,
  blobId: BlobId,
  committee: Committee,
  { epoch }: SystemInfo,
  { epochs, deletable, signal }: StoreOptions,
): Promise<{ result?: StoreResult; resume?: BlobObject } | undefined> {
  if (await seemsNew({ peers, book }, committee, blobId, { signal })) return undefined
  const status = await networkStatus({ peers, book }, committee, blobId, { signal }).catch(error => {
    // without an answer the blob is stored as if it were new: that costs a little, and is right
    if (error instanceof ClientError) return undefined
    throw error
  })
  if (status === undefined || status.status === 'nonexistent') return undefined
  if (status.status === 'invalid') {
    throw new ClientError('BLOB_INVALID', `the network has found blob ${blobId} to be invalid`, { blobId })
  }
  const neededEnd = epoch + epochs
  const { endEpoch } = status
  if (
    status.status === 'certified' &&
    status.deletable === false &&
    endEpoch !== undefined &&
    endEpoch >= neededEnd
  ) {
    return { result: { kind: 'alreadyCertified', blobId, endEpoch } }
  }
  // a deletable blob counts only when it is ours: anyone else might delete it
  const owned = (await chain.ownedBlobs(writer.wallet.address, { signal })).filter(
    blob => blob.blobId === blobId && blob.deletable === deletable && blob.storage.endEpoch >= neededEnd,
  )
  const certified = owned.find(blob => blob.certifiedEpoch !== undefined)
  if (certified !== undefined) {
    const { objectId, storage } = certified
    return { result: { kind: 'alreadyCertified', blobId, endEpoch: storage.endEpoch, objectId } }
  }
  return owned.length > 0 ? { resume: owned[0] } : undefined
}

async function registerAndSend(
  components: UploadComponents,
  encoded: EncodedBlob,
  resume: BlobObject | undefined,
  system: SystemInfo,
  options: StoreOptions,
  later: { slivers: Place['add']; certificate: Place['add'] },
): Promise<StoreResult> {
  const { writer, committees, peers, book, lingering, log } = components
  const { epochs, deletable, onProgress, signal, sendObjectTo } = options
  const { metadata } = encoded
  onProgress?.({ phase: 'register', done: 0, total: 1 })
  const registration =
    resume === undefined
      ? await writer.register({ metadata, epochs, deletable }, { signal })
      : { blob: resume, digest: '', costFrost: 0n }
  onProgress?.({ phase: 'register', done: 1, total: 1 })
  const { blob, digest: registerDigest } = registration
  const persistence: Persistence = deletable
    ? { kind: 'deletable', objectId: blob.objectId }
    : { kind: 'permanent' }

  const header = { metadata, persistence, registerDigest }
  const { certificate, confirmedShards } = await send()
  onProgress?.({ phase: 'certify', done: 0, total: 1 })
  const certified = await writer.certify(blob.objectId, certificate, {
    signal,
    ...(sendObjectTo === undefined ? {} : { transferTo: sendObjectTo }),
  })
  onProgress?.({ phase: 'certify', done: 1, total: 1 })
  const late = new AbortController()
  later.certificate(handOver(certificate, anySignal(lingering.signal, late.signal)), reason =>
    late.abort(reason),
  )
  return {
    kind: 'newlyCreated',
    blob: certified.blob,
    costFrost: registration.costFrost + certified.costFrost,
    encodedLength: encodedSize(system.nShards, metadata.unencodedLength),
    epochsAhead: epochs,
    confirmedShards,
  }

  async function send(): Promise<{ certificate: Certificate; confirmedShards: number }> {
    for (let round = 1; ; round++) {
      const { current } = await committees.get({ signal, fresh: round > 1 })
      const { nShards } = current
      const bls = await components.bls
      const stop = new AbortController()
      const sending = fanOut(
        { ...components, bls },
        {
          committee: current,
          header,
          encoded,
          onConfirmed: done => onProgress?.({ phase: 'upload', done, total: nShards }),
          // the caller's signal ends it until quorum; afterwards only closing does
          signal: anySignal(lingering.signal, stop.signal),
        },
      )
      const cutShort = (reason: unknown) => stop.abort(reason)
      const onAbort = () => cutShort(signal?.reason)
      signal?.addEventListener('abort', onAbort, { once: true })
      if (signal?.aborted) onAbort()
      try {
        const { certificate, confirmedShards, epochChanged, refusals } = await sending.result
        signal?.throwIfAborted()
        if (certificate !== undefined) {
          later.slivers(sending.finished, cutShort)
          return { certificate, confirmedShards }
        }
        if (epochChanged && round < ROUNDS) {
          // who was still being sent to is asked again, and then wants only what it lacks
          cutShort(new DOMException('the epoch changed', 'AbortError'))
          await sending.finished
          continue
        }
        const neededShards = Math.ceil((2 * nShards + 1) / 3)
        throw new ClientError(
          'TOO_FEW_CONFIRMATIONS',
          `nodes with ${confirmedShards} of ${nShards} shards confirmed the upload; ${neededShards} are needed`,
          { blobId: metadata.blobId, confirmedShards, neededShards },
          { cause: new AggregateError(refusals, 'nodes did not confirm') },
        )
      } catch (error) {
        // the caller releases the slivers as soon as this is thrown: nobody may be sending them then
        cutShort(error)
        await sending.finished
        throw error
      } finally {
        signal?.removeEventListener('abort', onAbort)
      }
    }
  }

  /** Nodes that missed the upload learn of it from gossip. */
  async function handOver(certificate: Certificate, signal: AbortSignal): Promise<void> {
    const { current } = await committees.get({ signal })
    let left = CERTIFICATE_TAKERS
    for (const member of book.ranked(current.members)) {
      if (left === 0) return
      try {
        await peers.submitCertificate(book.address(member), certificate, { signal })
        left--
      } catch (error) {
        if (signal.aborted) return
        log.debug(
          { nodeId: member.nodeId, blobId: metadata.blobId, err: error },
          'peer did not take the certificate',
        )
      }
    }
  }
}
