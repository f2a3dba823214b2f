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
import type { Encoder } from './encoding.ts'
import { firstQuorum, SMALL_BLOB_BYTES } from './fan-out.ts'
import type { Lingering, Place } from './lingering.ts'
import { registerUnlessKnown, type Seats } from './register-blob.ts'
import { sendAndCertify, servingOrder } from './send-and-certify.ts'
import type { SharedRun } from './shared-uploads.ts'
import type { Source } from './source.ts'
import type { Unfinished } from './unfinished.ts'
import type { UploadLeases } from './upload-leases.ts'

export interface UploadComponents {
  chain: Pick<ChainReader, 'system' | 'ownedBlobs' | 'network'>
  writer: ChainWriter
  peers: PeerClient
  book: PeerBook
  committees: CommitteeTracker
  codec: Pick<BlobCodec, 'warm'>
  encoder: Encoder
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
  source: Source,
  shared: SharedRun,
): Promise<StoreResult> {
  const place = await components.lingering.enter(shared.options.signal)
  try {
    return await uploadFrom(place, components, source, shared)
  } finally {
    place.leave()
  }
}

async function uploadFrom(
  place: Place,
  components: UploadComponents,
  source: Source,
  { options, again }: SharedRun,
): Promise<StoreResult> {
  const { chain, writer, peers, book, committees, codec, encoder, leases, unfinished } = components
  const { signal, onProgress } = options
  const isSmall = source.size <= SMALL_BLOB_BYTES
  // the encoding's threads start, or its tables are made, while the chain is asked
  const warming = setImmediate(() => codec.warm(source.size))
  const [system, { current }] = await Promise.all([
    chain.system({ signal, recent: true }),
    committees.get({ signal }),
  ]).finally(() => clearImmediate(warming))
  checkOptions(system, source.size, options)
  const order = servingOrder(book, current)
  const seats: Seats = { current, order, system }
  const connect = (members: readonly CommitteeMember[]): void => {
    for (const member of members)
      peers.connect(book.address(member), { signal }).catch(() => book.failed(member))
  }
  // connections are opened while something else is waited for: the encoding, or the chain's registration when the
  // encoding is done at once, or takes so long that nodes would close them again
  const isFile = source.bytes === undefined
  if (!isSmall && !isFile) connect(order)

  await using encoded = await encoder.encode(source, current.nShards, { signal, onProgress })
  const { blobId } = encoded.metadata
  try {
    const key = { network: chain.network.systemObjectId, owner: writer.wallet.address, blobId }
    await using lease = await leases.take(key, { signal, wait: !options.force })
    await using attempt = unfinished.begin(blobId)
    const others = { lease, again: again || lease.waited || attempt.again, attempt }
    const registering = registerUnlessKnown(components, encoded, seats, options, others)
    if (isFile) connect(order)
    else if (isSmall) connect(firstQuorum(order, current.nShards))
    const begun = await registering
    if ('result' in begun) return begun.result
    const result = await sendAndCertify(components, encoded, begun, seats, options, place)
    attempt.certified()
    return result
  } catch (error) {
    // who is not wanted any more is not tried again
    if (!signal.aborted) encoded.keep()
    throw error
  }
}

function checkOptions(
  { maxEpochsAhead, nShards }: SystemInfo,
  sizeBytes: number,
  { epochs }: StoreOptions,
): void {
  if (!Number.isSafeInteger(epochs) || epochs < 1 || epochs > maxEpochsAhead) {
    throw new ClientError('INVALID_OPTION', `epochs must be 1 to ${maxEpochsAhead}`, {
      option: 'epochs',
      reason: `1 to ${maxEpochsAhead}`,
    })
  }
  const maxBytes = maxBlobSize(nShards)
  if (sizeBytes > maxBytes) {
    throw new ClientError(
      'BLOB_TOO_LARGE',
      `${sizeBytes} bytes are too many: a network of ${nShards} shards takes blobs of up to ${maxBytes} bytes`,
      { maxBytes, actualBytes: sizeBytes },
    )
  }
}
