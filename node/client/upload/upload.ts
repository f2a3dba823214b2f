import type { ChainReader, CommitteeMember, SystemInfo } from '../../../chain/types/index.ts'
import { type BlobCodec, maxBlobSize } from '../../../codec/index.ts'
import { ClientError } from '../errors.ts'
import type { StoreOptions, StoreResult } from '../types.ts'
import type { Encode } from './encoding.ts'
import { firstQuorum, SMALL_BLOB_BYTES } from './fan-out.ts'
import { type NetworkSnapshot, type RegisterComponents, registerUnlessKnown } from './register-blob.ts'
import { type SendComponents, sendAndCertify, servingOrder } from './send-and-certify.ts'
import type { SharedRun } from './shared-uploads.ts'
import type { Source } from './source.ts'
import type { UncertifiedBlobs } from './uncertified-blobs.ts'
import type { UploadLeases } from './upload-leases.ts'

export interface UploadComponents extends SendComponents, RegisterComponents {
  chain: Pick<ChainReader, 'system' | 'ownedBlobs' | 'blob' | 'network'>
  codec: Pick<BlobCodec, 'warm'>
  encode: Encode
  leases: UploadLeases
  uncertified: UncertifiedBlobs
}

/**
 * Encodes, pays, sends to the nodes, certifies at quorum; the remaining nodes are served in the background. When it is
 * aborted, it settles once no transaction of its is under way any more.
 */
export async function upload(
  components: UploadComponents,
  source: Source,
  { options, again }: SharedRun,
): Promise<StoreResult> {
  const { chain, writer, peers, book, committees, codec, encode, leases, slots, uncertified, clock } =
    components
  const { signal, onProgress } = options
  await using slot = await slots.acquire(signal)
  const isSmall = source.size <= SMALL_BLOB_BYTES
  // the encoding's threads start, or its tables are made, while the chain is asked
  const warming = clock.after(0, () => codec.warm(source.size))
  const [system, { current: committee }] = await Promise.all([
    chain.system({ signal, recent: true }),
    committees.get({ signal }),
  ]).finally(() => warming.stop())
  checkOptions(system, source.size, options)
  const order = servingOrder(book, committee)
  const network: NetworkSnapshot = { system, committee, order }
  const connect = (members: readonly CommitteeMember[]): void => {
    if (options.sendBy !== undefined) return
    for (const member of members)
      peers.connect(book.address(member), { signal }).catch(() => book.failed(member))
  }
  // connections are opened while something else is waited for: the encoding, or the chain's registration when the
  // encoding is done at once, or takes so long that nodes would close them again
  const isFile = source.bytes === undefined
  if (!isSmall && !isFile) connect(order)

  const encoded = slot.own(await encode(source, committee.nShards, { signal, onProgress }))
  const { blobId } = encoded.metadata
  try {
    const key = { network: chain.network.systemObjectId, owner: writer.wallet.address, blobId }
    await using lease = await leases.take(key, {
      signal,
      wait: !options.force || options.mayHaveBegun === true,
    })
    await using attempt = uncertified.begin(blobId)
    const others = { lease, again: again || lease.waited || attempt.again, attempt }
    const registering = registerUnlessKnown(components, encoded, network, options, others)
    if (isFile) connect(order)
    else if (isSmall) connect(firstQuorum(order, committee.nShards))
    const begun = await registering
    if ('result' in begun) return begun.result
    const result = await sendAndCertify(components, encoded, begun, network, options, slot)
    attempt.certified()
    return result
  } catch (error) {
    // what its caller gave up is not tried again
    if (!signal.aborted) encoded.keep()
    throw error
  }
}

function checkOptions(
  { maxEpochsAhead, nShards }: SystemInfo,
  sizeBytes: number,
  { epochs, deletable, share, sendObjectTo }: StoreOptions,
): void {
  if (share && (deletable || sendObjectTo !== undefined)) {
    const reason = deletable ? 'only permanent blobs can be shared' : 'a shared blob belongs to nobody'
    throw new ClientError('INVALID_OPTION', reason, { option: 'share', reason })
  }
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
