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
  AXES,
  list,
  type Message,
  message,
  plain,
  reply,
  WireBytes,
  WireEpoch,
  WireMetadata,
  WireObjectId,
  WireSignature,
  WireSliverRef,
} from '../wire.ts'

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
      epoch: WireEpoch,
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
  plain<Confirmation>(bcs.struct('StoreConfirmedV1', { message: WireBytes, signature: WireSignature })),
)
