/**
 * store: one stream carries one upload.
 *
 *   client: StoreRequest                      header: metadata, persistence, register digest
 *   server: StoreWanted                       epoch and the slivers of its shards that it lacks
 *   client: per wanted sliver, in that order: SliverHeader, body
 *   server: StoreConfirmed                    signed confirmation; an error at any earlier time
 */
import { type BcsType, bcs } from '@mysten/bcs'
import type {
  BlobMetadata,
  Confirmation,
  Epoch,
  ObjectId,
  Persistence,
  SliverPairIndex,
  SliverRef,
} from '../../codec/types.ts'
import { ProtocolError } from '../errors.ts'
import type { StoreHeader } from '../ports.ts'
import {
  list,
  type Message,
  message,
  plain,
  reply,
  WireBlobId,
  WireBytes,
  WireObjectId,
  WireSize,
  WireSliverRef,
} from '../wire.ts'

/** Hash of the primary and of the secondary sliver of one pair. */
const PAIR_HASHES = 64

/** Metadata in Floe's own compact form: the number of shards is the number of hash pairs. */
export const WireMetadata: BcsType<BlobMetadata, BlobMetadata> = bcs
  .struct('BlobMetadata', { blobId: WireBlobId, unencodedLength: WireSize, hashes: WireBytes })
  .transform<BlobMetadata, BlobMetadata>({
    input: ({ blobId, unencodedLength, hashes }) => ({ blobId, unencodedLength, hashes }),
    output({ blobId, unencodedLength, hashes }) {
      const nShards = hashes.length / PAIR_HASHES
      if (!Number.isInteger(nShards) || nShards === 0) throw new RangeError('hashes are not whole pairs')
      return { blobId, encodingType: 'RS2', unencodedLength, nShards, hashes }
    },
  })

const WirePersistence: BcsType<Persistence, Persistence> = bcs
  .enum('Persistence', { Permanent: null, Deletable: WireObjectId })
  .transform<Persistence, Persistence>({
    input: persistence =>
      persistence.kind === 'permanent' ? { Permanent: true } : { Deletable: persistence.objectId },
    output: persistence =>
      persistence.$kind === 'Permanent'
        ? { kind: 'permanent' }
        : { kind: 'deletable', objectId: persistence.Deletable as ObjectId },
  })

export const StoreRequest: Message<StoreHeader> = message(
  'StoreRequest',
  plain<StoreHeader>(
    bcs.struct('StoreRequestV1', {
      metadata: WireMetadata,
      persistence: WirePersistence,
      registerDigest: bcs.string(),
    }),
  ),
)

/** both slivers of as many pairs as a u16 can name */
const MAX_SLIVERS = 2 * 65_536

export interface Wanted {
  epoch: Epoch
  slivers: SliverRef[]
}

export const StoreWanted: Message<Wanted> = reply(
  'StoreWanted',
  plain(
    bcs.struct('StoreWantedV1', {
      epoch: bcs.u32().transform<Epoch, Epoch>({ input: epoch => epoch, output: epoch => epoch as Epoch }),
      slivers: list(WireSliverRef, MAX_SLIVERS),
    }),
  ),
)

export interface SliverHeaderFields {
  ref: SliverRef
  /** bytes of BCS `SliverData` that follow */
  length: number
}

/** V1, pair, axis, length. */
const SLIVER_HEADER_BYTES = 1 + 2 + 1 + 4
const AXES = ['primary', 'secondary'] as const

/**
 * BCS of `enum { V1({ ref: SliverRef, length: u32 }) }`, by hand: it goes before every sliver, and of a small blob there are
 * hundreds, with which the general way takes longer than with all else.
 */
export const SliverHeader: Message<SliverHeaderFields> = {
  encode({ ref: { pair, axis }, length }) {
    const bytes = new Uint8Array(SLIVER_HEADER_BYTES)
    const view = new DataView(bytes.buffer)
    view.setUint16(1, pair, true)
    view.setUint8(3, AXES.indexOf(axis))
    view.setUint32(4, length, true)
    return bytes
  },
  decode(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const axis = bytes.length === SLIVER_HEADER_BYTES ? AXES[view.getUint8(3)] : undefined
    if (axis === undefined || view.getUint8(0) !== 0) throw new ProtocolError('MALFORMED')
    const ref = { pair: view.getUint16(1, true) as SliverPairIndex, axis }
    return { ref, length: view.getUint32(4, true) }
  },
}

export const StoreConfirmed: Message<Confirmation> = reply(
  'StoreConfirmed',
  plain<Confirmation>(bcs.struct('StoreConfirmedV1', { message: WireBytes, signature: bcs.bytes(96) })),
)
