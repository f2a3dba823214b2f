/**
 * status: a stream carries one request after another; each StatusRequest has one reply of its kind.
 */

import { type BcsType, bcs } from '@mysten/bcs'
import { defined } from '../../base/defined.ts'
import type { BlobId, BlobMetadata, Certificate, ObjectId, ShardIndex } from '../../codec/types.ts'
import type { BlobStatus, NodeInfo, SnapshotHead } from '../ports.ts'
import { WireHash } from '../snapshot/messages.ts'
import {
  list,
  MAX_U16,
  type Message,
  message,
  plain,
  reply,
  WireBlobId,
  WireCertificate,
  WireEpoch,
  WireMetadata,
  WireObjectId,
  WireSize,
} from '../wire.ts'

export type StatusQuery =
  | { BlobStatus: BlobId }
  | { Metadata: BlobId }
  | { NodeInfo: true }
  | { Certified: Certificate }
  | { Snapshots: true }

export const StatusRequest: Message<StatusQuery> = message(
  'StatusRequest',
  plain<StatusQuery>(
    bcs.enum('StatusRequestV1', {
      BlobStatus: WireBlobId,
      Metadata: WireBlobId,
      NodeInfo: null,
      Certified: WireCertificate,
      Snapshots: null,
    }),
  ),
)

/** base58 of 32 bytes has up to 44 digits; what is longer, or would steer a terminal, is no digest */
const DIGEST = /^[\x21-\x7e]{1,64}$/

const WireDigest: BcsType<string, string> = bcs.string().transform<string, string>({
  input: digest => digest,
  output(digest) {
    if (!DIGEST.test(digest)) throw new RangeError('no transaction digest')
    return digest
  },
})

const WireEvent = bcs.struct('Event', { txDigest: WireDigest, eventSeq: bcs.u32() })

const WireKnown = bcs.struct('Known', {
  certified: bcs.bool(),
  initialCertifiedEpoch: bcs.option(WireEpoch),
  endEpoch: WireEpoch,
  deletable: bcs.bool(),
  event: bcs.option(WireEvent),
})

const WireBlobStatus: BcsType<BlobStatus, BlobStatus> = bcs
  .enum('BlobStatus', { Nonexistent: null, Invalid: null, Known: WireKnown, Ended: WireEpoch })
  .transform<BlobStatus, BlobStatus>({
    input(status) {
      if (status.kind === 'nonexistent') return { Nonexistent: true }
      if (status.kind === 'invalid') return { Invalid: true }
      if (status.kind === 'ended') return { Ended: status.endEpoch }
      const { certified, initialCertifiedEpoch = null, endEpoch, deletable, event = null } = status
      return { Known: { certified, initialCertifiedEpoch, endEpoch, deletable, event } }
    },
    output(status) {
      if (status.$kind === 'Nonexistent') return { kind: 'nonexistent' }
      if (status.$kind === 'Invalid') return { kind: 'invalid' }
      if (status.$kind === 'Ended') return { kind: 'ended', endEpoch: status.Ended }
      const { certified, initialCertifiedEpoch, endEpoch, deletable, event } = status.Known
      return defined({
        kind: 'known',
        certified,
        initialCertifiedEpoch: initialCertifiedEpoch ?? undefined,
        endEpoch,
        deletable,
        event: event ?? undefined,
      })
    },
  })

export const BlobStatusReply: Message<BlobStatus> = reply('BlobStatusReply', WireBlobStatus)

/** In a struct of its own: bcs reads a variant whose value is null as `true`. */
export const MetadataReply: Message<{ metadata: BlobMetadata | null }> = reply(
  'MetadataReply',
  plain(bcs.struct('MetadataReplyV1', { metadata: bcs.option(WireMetadata) })),
)

export const NodeInfoReply: Message<NodeInfo> = reply(
  'NodeInfoReply',
  bcs
    .struct('NodeInfo', {
      nodeId: WireObjectId,
      network: WireObjectId,
      version: bcs.string(),
      epoch: WireEpoch,
      shards: list(bcs.u16(), MAX_U16),
      storedBlobs: WireSize,
      storedBytes: WireSize,
    })
    .transform<NodeInfo, NodeInfo>({
      input: info => ({
        ...info,
        nodeId: info.nodeId as ObjectId,
        network: info.network as ObjectId,
        shards: [...info.shards],
      }),
      output: info => ({ ...info, shards: info.shards as ShardIndex[] }),
    }),
)

/** Tables of one node at most: that of this epoch, and of the one before. */
export const MAX_SNAPSHOTS = 2
/** a checkpoint, a transaction, an event and a digest have 80 characters */
const CURSOR = /^[\x21-\x7e]{1,128}$/

const WireCursor: BcsType<string, string> = bcs.string().transform<string, string>({
  input: cursor => cursor,
  output(cursor) {
    if (!CURSOR.test(cursor)) throw new RangeError('no cursor')
    return cursor
  },
})

const WireSnapshotHead: BcsType<SnapshotHead, SnapshotHead> = plain(
  bcs.struct('SnapshotHead', {
    epoch: WireEpoch,
    cursor: WireCursor,
    blobs: WireSize,
    pages: bcs.u32(),
    first: WireHash,
  }),
)

/** The newest first. */
export const SnapshotsReply: Message<readonly SnapshotHead[]> = reply(
  'SnapshotsReply',
  plain<readonly SnapshotHead[]>(list(WireSnapshotHead, MAX_SNAPSHOTS)),
)

/** The certificate is good and was taken in. */
export const CertifiedReply: Message<boolean> = reply('CertifiedReply', bcs.bool())
