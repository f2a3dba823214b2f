import { bcs } from '@mysten/sui/bcs'
import { Balance, Element, ExtendedField, fieldOf, Table, vecMap } from './move.ts'

/** `walrus::committee::Committee`: node ID -> shards. */
export const ShardAssignment = bcs.struct('Committee', { map: vecMap(bcs.Address, bcs.vector(bcs.u16())) })

const EpochParams = bcs.struct('EpochParams', {
  total_capacity_size: bcs.u64(),
  storage_price_per_unit_size: bcs.u64(),
  write_price_per_unit_size: bcs.u64(),
})

/** `walrus::staking_inner::EpochState`; the two last carry the time in ms of the last `EpochChangeDone`. */
const EpochState = bcs.enum('EpochState', {
  EpochChangeSync: bcs.u16(),
  EpochChangeDone: bcs.u64(),
  NextParamsSelected: bcs.u64(),
})

/** `walrus::staking_inner::StakingInnerV1` */
export const StakingInner = bcs.struct('StakingInnerV1', {
  n_shards: bcs.u16(),
  epoch_duration: bcs.u64(),
  first_epoch_start: bcs.u64(),
  pools: Table,
  epoch: bcs.u32(),
  active_set: ExtendedField,
  next_committee: bcs.option(ShardAssignment),
  committee: ShardAssignment,
  previous_committee: ShardAssignment,
  next_epoch_params: bcs.option(EpochParams),
  epoch_state: EpochState,
  next_epoch_public_keys: ExtendedField,
})

export const StakingInnerField = fieldOf(bcs.u64(), StakingInner)

/** `walrus::storage_node::StorageNodeInfo` */
const StorageNodeInfo = bcs.struct('StorageNodeInfo', {
  name: bcs.string(),
  node_id: bcs.Address,
  network_address: bcs.string(),
  public_key: Element,
  next_epoch_public_key: bcs.option(Element),
  network_public_key: bcs.byteVector(),
  metadata: ExtendedField,
})

const PendingValues = bcs.struct('PendingValues', { values: vecMap(bcs.u32(), bcs.u64()) })

const Authorized = bcs.enum('Authorized', { Address: bcs.Address, ObjectID: bcs.Address })

const PoolState = bcs.enum('PoolState', { Active: null, Withdrawing: bcs.u32(), Withdrawn: null })

const VotingParams = bcs.struct('VotingParams', {
  storage_price: bcs.u64(),
  write_price: bcs.u64(),
  node_capacity: bcs.u64(),
})

/** `walrus::staking_pool::StakingPool`; its object ID is the node ID. */
export const StakingPool = bcs.struct('StakingPool', {
  id: bcs.Address,
  state: PoolState,
  voting_params: VotingParams,
  node_info: StorageNodeInfo,
  activation_epoch: bcs.u32(),
  latest_epoch: bcs.u32(),
  wal_balance: bcs.u64(),
  num_shares: bcs.u64(),
  pending_shares_withdraw: PendingValues,
  pre_active_withdrawals: PendingValues,
  pending_commission_rate: PendingValues,
  commission_rate: bcs.u16(),
  exchange_rates: Table,
  pending_stake: PendingValues,
  rewards_pool: Balance,
  commission: Balance,
  commission_receiver: Authorized,
  governance_authorized: Authorized,
  extra_fields: Table,
})

/** The key of an `ExtendedField`'s value: an empty Move struct, which BCS writes as one `false`. */
export const ExtendedFieldKey = bcs.struct('Key', { dummy_field: bcs.bool() })

/** The value of `next_epoch_public_keys`: from the selection of the next committee until it is in office. */
export const NextKeysField = fieldOf(ExtendedFieldKey, vecMap(bcs.Address, Element))

/** `walrus::node_metadata::NodeMetadata` */
const NodeMetadata = bcs.struct('NodeMetadata', {
  image_url: bcs.string(),
  project_url: bcs.string(),
  description: bcs.string(),
  extra_fields: vecMap(bcs.string(), bcs.string()),
})

export const NodeMetadataField = fieldOf(ExtendedFieldKey, NodeMetadata)

/** `walrus::storage_node::StorageNodeCap` */
export const StorageNodeCap = bcs.struct('StorageNodeCap', {
  id: bcs.Address,
  node_id: bcs.Address,
  last_epoch_sync_done: bcs.u32(),
  last_event_blob_attestation: bcs.option(
    bcs.struct('EventBlobAttestation', { checkpoint_sequence_num: bcs.u64(), epoch: bcs.u32() }),
  ),
  deny_list_root: bcs.u256(),
  deny_list_sequence: bcs.u64(),
  deny_list_size: bcs.u64(),
})
