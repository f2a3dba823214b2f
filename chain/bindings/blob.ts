import { bcs } from '@mysten/sui/bcs'
import { Balance } from './move.ts'

/** `walrus::storage_resource::Storage` */
export const Storage = bcs.struct('Storage', {
  id: bcs.Address,
  start_epoch: bcs.u32(),
  end_epoch: bcs.u32(),
  storage_size: bcs.u64(),
})

/** `walrus::blob::Blob` */
export const Blob = bcs.struct('Blob', {
  id: bcs.Address,
  registered_epoch: bcs.u32(),
  blob_id: bcs.u256(),
  size: bcs.u64(),
  encoding_type: bcs.u8(),
  certified_epoch: bcs.option(bcs.u32()),
  storage: Storage,
  deletable: bcs.bool(),
})

/** `walrus::shared_blob::SharedBlob` */
export const SharedBlob = bcs.struct('SharedBlob', { id: bcs.Address, blob: Blob, funds: Balance })

/** `walrus::storage_pool::PooledBlob` */
export const PooledBlob = bcs.struct('PooledBlob', {
  id: bcs.Address,
  registered_epoch: bcs.u32(),
  blob_id: bcs.u256(),
  unencoded_size: bcs.u64(),
  encoding_type: bcs.u8(),
  certified_epoch: bcs.option(bcs.u32()),
  storage_pool_id: bcs.Address,
  deletable: bcs.bool(),
})

/** `encoding_type` of Red Stuff on Reed-Solomon; the only one that can be registered. */
export const ENCODING_RS2 = 1
