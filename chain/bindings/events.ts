import { bcs } from '@mysten/sui/bcs'

const u32 = bcs.u32()

/** Layouts of `walrus::events`, by the event's name. */
export const EVENT_LAYOUTS = {
  BlobRegistered: bcs.struct('BlobRegistered', {
    epoch: u32,
    blob_id: bcs.u256(),
    size: bcs.u64(),
    encoding_type: bcs.u8(),
    end_epoch: u32,
    deletable: bcs.bool(),
    object_id: bcs.Address,
  }),
  BlobCertified: bcs.struct('BlobCertified', {
    epoch: u32,
    blob_id: bcs.u256(),
    end_epoch: u32,
    deletable: bcs.bool(),
    object_id: bcs.Address,
    is_extension: bcs.bool(),
  }),
  BlobDeleted: bcs.struct('BlobDeleted', {
    epoch: u32,
    blob_id: bcs.u256(),
    end_epoch: u32,
    object_id: bcs.Address,
    was_certified: bcs.bool(),
  }),
  InvalidBlobID: bcs.struct('InvalidBlobID', { epoch: u32, blob_id: bcs.u256() }),
  EpochChangeStart: bcs.struct('EpochChangeStart', { epoch: u32 }),
  EpochChangeDone: bcs.struct('EpochChangeDone', { epoch: u32 }),
  EpochParametersSelected: bcs.struct('EpochParametersSelected', { next_epoch: u32 }),
  ShardsReceived: bcs.struct('ShardsReceived', { epoch: u32, shards: bcs.vector(bcs.u16()) }),
  ShardRecoveryStart: bcs.struct('ShardRecoveryStart', { epoch: u32, shards: bcs.vector(bcs.u16()) }),
} as const
