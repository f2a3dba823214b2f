/**
 * recover: a stream carries one request after another.
 *
 *   client: RecoverRequest            lost slivers of one axis, of many blobs, and the shards of the server that they cross
 *   server: RecoverAnswer Blobs       how it stands with each blob
 *           RecoverAnswer Symbols ... for so many cells the next ones that are there, then their bodies; until there are no more
 *           cells; or an error in place of an answer
 *
 * A cell is a blob that was found and a source; they come in the order of the request, the sources of one blob after those of
 * the other. A cell's body has the symbol of each target: their sizes follow from what both know, and nothing is named twice.
 */
import { BcsType, bcs } from '@mysten/bcs'
import type { Axis, BlobId, Epoch, ShardIndex } from '../../codec/types.ts'
import { list, type Message, message, plain, reply, WireAxis, WireBlobId, WireEpoch } from '../wire.ts'

/** Targets, sources and blobs of a request at most, each. */
export const MAX_RECOVERED = 1_000
/** Bytes at the beginning of a blob ID that name a blob where no other begins so. */
export const ID_PREFIX_BYTES = 8
/** Cells of one answer at most. */
export const MAX_CELLS = 16_384

/** Whole IDs, or their first 8 bytes, which is a third of the request for small blobs. */
export type RecoverBlobs = { Ids: readonly BlobId[] } | { Prefixes: readonly Uint8Array[] }

/** Which symbols are asked for. */
export interface RecoverQuery {
  /** in which the asker has the targets */
  epoch: Epoch
  /** of the lost slivers */
  axis: Axis
  /** shards of the asker, ascending; at most 1,000 */
  targets: readonly ShardIndex[]
  /** shards of which the server is to use its slivers of the other axis, ascending; at most 1,000 */
  sources: readonly ShardIndex[]
  /** at most 1,000 */
  blobs: RecoverBlobs
  /** with each symbol its Merkle path, to tell who lies */
  proofs: boolean
}

const WireShards = list(bcs.u16(), MAX_RECOVERED).transform<readonly ShardIndex[], readonly ShardIndex[]>({
  input: shards => [...shards],
  output(shards) {
    if (shards.some((shard, i) => i > 0 && shard <= shards[i - 1]!))
      throw new RangeError('shards that do not ascend')
    return shards as ShardIndex[]
  },
})

const WireBlobs = plain<RecoverBlobs>(
  bcs.enum('RecoverBlobs', {
    Ids: list(WireBlobId, MAX_RECOVERED),
    Prefixes: list(plain<Uint8Array>(bcs.bytes(ID_PREFIX_BYTES)), MAX_RECOVERED),
  }),
)

export const RecoverRequest: Message<RecoverQuery> = message(
  'RecoverRequest',
  plain<RecoverQuery>(
    bcs.struct('RecoverRequestV1', {
      epoch: WireEpoch,
      axis: WireAxis,
      targets: WireShards,
      sources: WireShards,
      blobs: WireBlobs,
      proofs: bcs.bool(),
    }),
  ),
)

/**
 * How it stands with a blob. `found`: what is there of it is sent, with symbols of this size. `ambiguous`: several begin like
 * this. `ended`: it is not paid for any more, or invalid.
 */
export type RecoverStatus =
  | { status: 'found'; symbolSize: number }
  | { status: 'unknown' | 'ended' | 'ambiguous' }

const STATUSES = ['found', 'unknown', 'ended', 'ambiguous'] as const

const WireStatus = new BcsType<RecoverStatus, RecoverStatus>({
  name: 'RecoverStatus',
  read(reader) {
    const status = STATUSES[reader.read8()]
    if (status === undefined) throw new RangeError('no status of a blob')
    return status === 'found' ? { status, symbolSize: reader.read16() } : { status }
  },
  write(value, writer) {
    writer.write8(STATUSES.indexOf(value.status))
    if (value.status === 'found') writer.write16(value.symbolSize)
  },
})

/** Eight a byte, the first in the lowest bit, behind their number. */
const WireCells = new BcsType<readonly boolean[], readonly boolean[]>({
  name: 'Cells',
  read(reader) {
    const count = reader.readULEB()
    if (count < 1 || count > MAX_CELLS) throw new RangeError(`${count} cells`)
    const bytes = reader.readBytes(Math.ceil(count / 8))
    if (bytes.at(-1)! >> (((count - 1) % 8) + 1) !== 0) throw new RangeError('bits behind the last cell')
    return Array.from({ length: count }, (_, i) => ((bytes[i >> 3]! >> (i & 7)) & 1) === 1)
  },
  write(cells, writer) {
    writer.writeULEB(cells.length)
    for (let at = 0; at < cells.length; at += 8) {
      let byte = 0
      for (let bit = 0; bit < 8; bit++) if (cells[at + bit]) byte |= 1 << bit
      writer.write8(byte)
    }
  },
})

export type RecoverStep =
  | {
      /** in the order of the request */
      Blobs: readonly RecoverStatus[]
    }
  | {
      /** which of the next cells are there; their bodies follow, one after the other */
      Symbols: readonly boolean[]
    }

export const RecoverAnswer: Message<RecoverStep> = reply(
  'RecoverAnswer',
  plain<RecoverStep>(
    bcs.enum('RecoverAnswerV1', { Blobs: list(WireStatus, MAX_RECOVERED), Symbols: WireCells }),
  ),
)
