import { bcs } from '@mysten/sui/bcs'
import { Balance, Element, ExtendedField, fieldOf, vecMap } from './move.ts'

/** `walrus::system::System` and `walrus::staking::Staking`: shared objects whose state is a dynamic field keyed by `version`. */
export const Versioned = bcs.struct('System or Staking', {
  id: bcs.Address,
  version: bcs.u64(),
  package_id: bcs.Address,
  new_package_id: bcs.option(bcs.Address),
})

const BlsCommitteeMember = bcs.struct('BlsCommitteeMember', {
  public_key: Element,
  weight: bcs.u16(),
  node_id: bcs.Address,
})

/** `walrus::bls_aggregate::BlsCommittee`; members in order of node ID, keys as uncompressed G1 points. */
export const BlsCommittee = bcs.struct('BlsCommittee', {
  members: bcs.vector(BlsCommitteeMember),
  n_shards: bcs.u16(),
  epoch: bcs.u32(),
  total_aggregated_key: Element,
})

const FutureAccounting = bcs.struct('FutureAccounting', {
  epoch: bcs.u32(),
  used_capacity: bcs.u64(),
  rewards_to_distribute: Balance,
})

/** One slot per epoch that can be paid for, so its length is the number of epochs ahead. */
const FutureAccountingRingBuffer = bcs.struct('FutureAccountingRingBuffer', {
  current_index: bcs.u32(),
  length: bcs.u32(),
  ring_buffer: bcs.vector(FutureAccounting),
})

const EventBlob = bcs.struct('EventBlob', {
  blob_id: bcs.u256(),
  ending_checkpoint_sequence_number: bcs.u64(),
})

const EventBlobCertificationState = bcs.struct('EventBlobCertificationState', {
  latest_certified_blob: bcs.option(EventBlob),
  aggregate_weight_per_blob: vecMap(EventBlob, bcs.u16()),
})

/** `walrus::system_state_inner::SystemStateInnerV1` */
export const SystemStateInner = bcs.struct('SystemStateInnerV1', {
  committee: BlsCommittee,
  total_capacity_size: bcs.u64(),
  used_capacity_size: bcs.u64(),
  storage_price_per_unit_size: bcs.u64(),
  write_price_per_unit_size: bcs.u64(),
  future_accounting: FutureAccountingRingBuffer,
  event_blob_certification_state: EventBlobCertificationState,
  deny_list_sizes: ExtendedField,
})

export const SystemStateField = fieldOf(bcs.u64(), SystemStateInner)
