import type { Log } from '../../../base/log.ts'
import type { ChainReader, ChainWriter, CommitteeMember, SystemInfo } from '../../../chain/types.ts'
import type { BlobCodec } from '../../../codec/index.ts'
import { type Bls, maxBlobSize } from '../../../codec/index.ts'
import type { PeerClient } from '../../../protocols/index.ts'
import type { NodeMetrics } from '../../metrics.ts'
import type { CommitteeTracker } from '../../network/committees.ts'
import type { PeerBook } from '../../network/peer-book.ts'
import { ClientError } from '../errors.ts'
import type { StoreOptions, StoreResult } from '../types.ts'
import { firstQuorum, SMALL_BLOB_BYTES } from './fan-out.ts'
import type { Lingering, Place } from './lingering.ts'
import { registerUnlessKnown, type Seats } from './register-blob.ts'
import { sendAndCertify, servingOrder } from './send-and-certify.ts'
import type { SharedRun } from './shared-uploads.ts'
import type { Unfinished } from './unfinished.ts'
import type { UploadLeases } from './upload-leases.ts'

export interface UploadComponents {
  chain: Pick<ChainReader, 'system' | 'ownedBlobs' | 'network'>
  writer: ChainWriter
  peers: PeerClient
  book: PeerBook
  committees: CommitteeTracker
  codec: BlobCodec
  /** called when the first node has been given its slivers */
  bls: () => Promise<Bls>
  lingering: Lingering
  leases: UploadLeases
  unfinished: Unfinished
  log: Log
  metrics: Pick<NodeMetrics, 'liar'>
}

/**
 * Encodes, pays, sends to the nodes, certifies at quorum; the remaining nodes are served in the background. When it is
 * aborted, it settles once no transaction of its is under way any more.
 */
export async function upload(
  components: UploadComponents,
  data: Uint8Array,
  shared: SharedRun,
): Promise<StoreResult> {
  const place = await components.lingering.enter(shared.options.signal)
  try {
    return await uploadFrom(place, components, data, shared)
  } finally {
    place.leave()
  }
}

async function uploadFrom(
  place: Place,
  components: UploadComponents,
  data: Uint8Array,
  { options, again }: SharedRun,
): Promise<StoreResult> {
  const { chain, writer, peers, book, committees, codec, leases, unfinished } = components
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
  const { blobId } = encoded.metadata
  let sending: Promise<void> | undefined
  try {
    const key = { network: chain.network.systemObjectId, owner: writer.wallet.address, blobId }
    await using lease = await leases.take(key, { signal, wait: !options.force })
    await using attempt = unfinished.begin(blobId)
    const others = { lease, again: again || lease.waited || attempt.again, attempt }
    const registering = registerUnlessKnown(components, encoded, seats, options, others)
    if (isSmall) connect(firstQuorum(order, current.nShards))
    const begun = await registering
    if ('result' in begun) return begun.result
    const result = await sendAndCertify(components, encoded, begun, seats, options, {
      slivers(work, cutShort) {
        sending = work
        place.add(work, cutShort)
      },
      certificate: place.add,
    })
    attempt.certified()
    return result
  } finally {
    // not before nobody sends them any more
    if (sending === undefined) encoded.release()
    else void sending.finally(() => encoded.release())
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
