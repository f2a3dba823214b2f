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
  SliverRef,
} from '../../codec/types.ts'
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

export const SliverHeader: Message<SliverHeaderFields> = message(
  'SliverHeader',
  plain<SliverHeaderFields>(bcs.struct('SliverHeaderV1', { ref: WireSliverRef, length: bcs.u32() })),
)

export const StoreConfirmed: Message<Confirmation> = reply(
  'StoreConfirmed',
  plain<Confirmation>(bcs.struct('StoreConfirmedV1', { message: WireBytes, signature: bcs.bytes(96) })),
)
