import type { ChainReader, ChainWriter, Committee, CommitteeMember, SystemInfo } from '../../chain/types.ts'
import { type Bls, type EncodedBlob, encodedSize, maxBlobSize } from '../../codec/index.ts'
import type { Certificate, Persistence } from '../../codec/types.ts'
import type { PeerClient } from '../../protocols/index.ts'
import type { Log } from '../../protocols/ports.ts'
import { ClientError } from '../errors.ts'
import type { NodeMetrics } from '../metrics.ts'
import type { BlobCodec } from './adaptive-codec.ts'
import type { CommitteeTracker } from './committees.ts'
import { fanOut, firstQuorum, SMALL_BLOB_BYTES } from './fan-out.ts'
import type { Lingering, Place } from './lingering.ts'
import type { PeerBook } from './peer-book.ts'
import { type Begun, registerUnlessKnown, type Seats } from './register-blob.ts'
import type { StoreOptions, StoreResult } from './types.ts'
import { anySignal } from './wait.ts'

export interface UploadComponents {
  chain: Pick<ChainReader, 'system' | 'ownedBlobs'>
  writer: ChainWriter
  peers: PeerClient
  book: PeerBook
  committees: CommitteeTracker
  codec: BlobCodec
  /** called when the first node has been given its slivers */
  bls: () => Promise<Bls>
  lingering: Lingering
  log: Log
  metrics: Pick<NodeMetrics, 'liar'>
}

/** An epoch change during an upload: send again to the new owners, but not for ever. */
const ROUNDS = 3
/** How many nodes are handed the certificate, to gossip it: one may be down. */
const CERTIFICATE_TAKERS = 2

/** Encodes, pays, sends to the nodes, certifies at quorum; the remaining nodes are served in the background. */
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
  const isSmall = data.length <= SMALL_BLOB_BYTES
  // the encoding's threads start, or its tables are made, while the chain is asked
  const warming = setImmediate(() => codec.warm(data.length))
  const [system, { current }] = await Promise.all([
    chain.system({ signal, recent: true }),
    committees.get({ signal }),
  ]).finally(() => clearImmediate(warming))
  checkOptions(system, data, options)
  const order = servingOrder(book, current)
  const seats: Seats = { current, order, system }
  const connect = (members: readonly CommitteeMember[]): void => {
    for (const member of members)
      peers.connect(book.address(member), { signal }).catch(() => book.failed(member))
  }
  // connections are opened while something else is waited for: the encoding, or the chain's registration when the
  // encoding is done at once
  if (!isSmall) connect(order)

  onProgress?.({ phase: 'encode', done: 0, total: 1 })
  const encoded = await codec.encode(data, current.nShards, { signal })
  onProgress?.({ phase: 'encode', done: 1, total: 1 })
  let handedOver = false
  try {
    const registering = registerUnlessKnown(components, encoded, seats, options)
    if (isSmall) connect(firstQuorum(order, current.nShards))
    const begun = await registering
    if ('result' in begun) return begun.result
    const send: Place['add'] = (work, cutShort) => {
      handedOver = true
      place.add(
        work.finally(() => encoded.release()),
        cutShort,
      )
    }
    return await sendAndCertify(components, encoded, begun, seats, options, {
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

/** Who keeps shards, in the order in which to serve them. */
function servingOrder(book: PeerBook, { members }: Committee): CommitteeMember[] {
  return book.ranked(members.filter(({ shards }) => shards.length > 0))
}

async function sendAndCertify(
  components: UploadComponents,
  encoded: EncodedBlob,
  { objectId, digest: registerDigest, registration }: Begun,
  seats: Seats,
  options: StoreOptions,
  later: { slivers: Place['add']; certificate: Place['add'] },
): Promise<StoreResult> {
  const { writer, committees, peers, book, lingering, log } = components
  const { epochs, deletable, onProgress, signal, sendObjectTo } = options
  const { metadata } = encoded
  const persistence: Persistence = deletable ? { kind: 'deletable', objectId } : { kind: 'permanent' }
  const header = { metadata, persistence, registerDigest }
  const { certificate, confirmedShards, serveRest } = await send()
  onProgress?.({ phase: 'certify', done: 0, total: 1 })
  const { blob, costFrost } = await registration
  const certified = await writer
    .certify(objectId, certificate, {
      ...(signal && { signal }),
      registered: blob,
      ...(sendObjectTo === undefined ? {} : { transferTo: sendObjectTo }),
    })
    .finally(serveRest)
  onProgress?.({ phase: 'certify', done: 1, total: 1 })
  const late = new AbortController()
  later.certificate(handOver(certificate, anySignal(lingering.signal, late.signal)), reason =>
    late.abort(reason),
  )
  return {
    kind: 'newlyCreated',
    blob: certified.blob,
    costFrost: costFrost + certified.costFrost,
    encodedLength: encodedSize(seats.system.nShards, metadata.unencodedLength),
    epochsAhead: epochs,
    confirmedShards,
  }

  async function send(): Promise<{
    certificate: Certificate
    confirmedShards: number
    serveRest(): void
  }> {
    for (let round = 1; ; round++) {
      const { current } = await committees.get({ signal, fresh: round > 1 })
      const { nShards } = current
      const stop = new AbortController()
      const sending = fanOut(components, {
        committee: current,
        order: current === seats.current ? seats.order : servingOrder(book, current),
        header,
        encoded,
        onConfirmed: done => onProgress?.({ phase: 'upload', done, total: nShards }),
        // the caller's signal ends it until quorum; afterwards only closing does
        signal: anySignal(lingering.signal, stop.signal),
      })
      const cutShort = (reason: unknown) => stop.abort(reason)
      const onAbort = () => cutShort(signal?.reason)
      signal?.addEventListener('abort', onAbort, { once: true })
      if (signal?.aborted) onAbort()
      try {
        const { certificate, confirmedShards, epochChanged, refusals } = await sending.result
        signal?.throwIfAborted()
        if (certificate !== undefined) {
          later.slivers(sending.finished, cutShort)
          return { certificate, confirmedShards, serveRest: sending.serveRest }
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
