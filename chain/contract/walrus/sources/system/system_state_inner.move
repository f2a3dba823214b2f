/// State and rules of the storage system, behind the versioned `System` object.
module walrus::system_state_inner;

use sui::balance::Balance;
use sui::coin::Coin;
use sui::vec_map::{Self, VecMap};
use wal::wal::WAL;
use walrus::blob::{Self, Blob};
use walrus::bls_aggregate::{Self, BlsCommittee};
use walrus::encoding;
use walrus::epoch_parameters::EpochParams;
use walrus::event_blob::{Self, EventBlobCertificationState};
use walrus::events;
use walrus::extended_field::{Self, ExtendedField};
use walrus::messages;
use walrus::rewards;
use walrus::storage_accounting::{Self, FutureAccountingRingBuffer};
use walrus::storage_node::StorageNodeCap;
use walrus::storage_pool::{Self, StoragePool};
use walrus::storage_resource::{Self, Storage};

/// The buffer for future epochs would have no or too many entries.
const EInvalidMaxEpochsAhead: u64 = 0;
/// More bytes than the nodes offer.
const EStorageExceeded: u64 = 1;
/// No epoch at all, or further ahead than can be bought.
const EInvalidEpochsAhead: u64 = 2;
/// The call is for another epoch than the current one.
const EInvalidIdEpoch: u64 = 3;
/// The new committee is not for the next epoch.
const EIncorrectCommittee: u64 = 4;
/// The buffer's first epoch is not the current one.
const EInvalidAccountingEpoch: u64 = 5;
/// The node's last attestation of this epoch is not decided yet.
const EIncorrectAttestation: u64 = 6;
/// The node's last attestation of this epoch was for this or a later checkpoint.
const ERepeatedAttestation: u64 = 7;
/// The node is not in the committee.
const ENotCommitteeMember: u64 = 8;
/// Deny lists must be updated in order.
const EIncorrectDenyListSequence: u64 = 9;
/// The deny list is another node's.
const EIncorrectDenyListNode: u64 = 10;
/// Storage of no bytes.
const EInvalidResourceSize: u64 = 11;
/// A protocol version would begin in the past.
const EInvalidStartEpoch: u64 = 12;

/// Storage is sold in units of 1 MiB.
const BYTES_PER_UNIT_SIZE: u64 = 1_024 * 1_024;
/// Most epochs for which a buffer may be made.
const MAX_MAX_EPOCHS_AHEAD: u32 = 1000;

public struct SystemStateInnerV1 has store {
    committee: BlsCommittee,
    total_capacity_size: u64,
    used_capacity_size: u64,
    storage_price_per_unit_size: u64,
    write_price_per_unit_size: u64,
    future_accounting: FutureAccountingRingBuffer,
    event_blob_certification_state: EventBlobCertificationState,
    /// bytes on each node's deny list, for which it is not rewarded
    deny_list_sizes: ExtendedField<VecMap<ID, u64>>,
}

/// Epoch 0: no committee, nothing to sell.
public(package) fun create_empty(max_epochs_ahead: u32, ctx: &mut TxContext): SystemStateInnerV1 {
    assert!(
        max_epochs_ahead > 0 && max_epochs_ahead <= MAX_MAX_EPOCHS_AHEAD,
        EInvalidMaxEpochsAhead,
    );
    SystemStateInnerV1 {
        committee: bls_aggregate::new_bls_committee(0, vector[]),
        total_capacity_size: 0,
        used_capacity_size: 0,
        storage_price_per_unit_size: 0,
        write_price_per_unit_size: 0,
        future_accounting: storage_accounting::ring_new(max_epochs_ahead),
        event_blob_certification_state: event_blob::create_with_empty_state(),
        deny_list_sizes: extended_field::new(vec_map::empty(), ctx),
    }
}

// === Epoch change ===

/// Takes out the part of the current epoch's payments that is burned, once, before they are distributed.
public(package) fun take_to_burn(self: &mut SystemStateInnerV1): Balance<WAL> {
    rewards::take_to_burn(self.future_accounting.ring_lookup_mut(0).rewards_balance())
}

/// Moves to the next epoch. Answers the rewards of the ended epoch by node; what rounding leaves over is paid into
/// the new epoch. Prices stay.
public(package) fun advance_epoch(
    self: &mut SystemStateInnerV1,
    new_committee: BlsCommittee,
    params: &EpochParams,
): VecMap<ID, Balance<WAL>> {
    let old_committee = self.committee;
    assert!(new_committee.epoch() == old_committee.epoch() + 1, EIncorrectCommittee);
    self.committee = new_committee;

    let ended = self.future_accounting.ring_pop_expand();
    assert!(ended.epoch() == old_committee.epoch(), EInvalidAccountingEpoch);
    let used_in_ended = ended.used_capacity();
    let mut pot = ended.unwrap_balance();
    let deny_list_sizes = self.deny_list_sizes.borrow();
    let rewards = rewards::split(&mut pot, &old_committee, used_in_ended, deny_list_sizes);
    self.future_accounting.ring_lookup_mut(0).rewards_balance().join(pot);

    self.used_capacity_size = self.future_accounting.ring_lookup(0).used_capacity();
    self.total_capacity_size = params.capacity().max(self.used_capacity_size);
    self.event_blob_certification_state.reset();
    rewards
}

/// Prices apply at once.
public(package) fun set_prices(
    self: &mut SystemStateInnerV1,
    storage_price: u64,
    write_price: u64,
) {
    self.storage_price_per_unit_size = storage_price;
    self.write_price_per_unit_size = write_price;
    events::emit_prices_updated(self.epoch(), storage_price, write_price);
}

// === Storage ===

/// Buys `storage_amount` bytes from now on.
public(package) fun reserve_space(
    self: &mut SystemStateInnerV1,
    storage_amount: u64,
    epochs_ahead: u32,
    payment: &mut Coin<WAL>,
    ctx: &mut TxContext,
): Storage {
    self.reserve(storage_amount, 0, epochs_ahead, payment, ctx)
}

/// Buys `storage_amount` bytes for the epochs from `start_epoch` up to, not including, `end_epoch`; what of
/// them is past is left out.
public(package) fun reserve_space_for_epochs(
    self: &mut SystemStateInnerV1,
    storage_amount: u64,
    start_epoch: u32,
    end_epoch: u32,
    payment: &mut Coin<WAL>,
    ctx: &mut TxContext,
): Storage {
    let epoch = self.epoch();
    let start = start_epoch.max(epoch);
    assert!(end_epoch > start, EInvalidEpochsAhead);
    self.reserve(storage_amount, start - epoch, end_epoch - epoch, payment, ctx)
}

fun reserve(
    self: &mut SystemStateInnerV1,
    storage_amount: u64,
    start_offset: u32,
    end_offset: u32,
    payment: &mut Coin<WAL>,
    ctx: &mut TxContext,
): Storage {
    self.check_offsets(start_offset, end_offset);
    self.pay(storage_amount, start_offset, end_offset, payment);
    assert!(storage_amount > 0, EInvalidResourceSize);
    self.take_capacity(storage_amount, start_offset, end_offset, true);
    let epoch = self.epoch();
    storage_resource::create_storage(
        epoch + start_offset,
        epoch + end_offset,
        storage_amount,
        ctx,
    )
}

/// Buys more epochs for bytes that are in use already. Others may have bought these epochs, so the capacity counts.
public(package) fun pay_extension(
    self: &mut SystemStateInnerV1,
    storage_amount: u64,
    end_epoch: u32,
    extended_epochs: u32,
    payment: &mut Coin<WAL>,
) {
    let start_offset = end_epoch - self.epoch();
    let end_offset = start_offset + extended_epochs;
    self.check_offsets(start_offset, end_offset);
    self.pay(storage_amount, start_offset, end_offset, payment);
    self.take_capacity(storage_amount, start_offset, end_offset, true);
}

/// Buys more bytes for a range of epochs that has begun.
public(package) fun pay_increase(
    self: &mut SystemStateInnerV1,
    storage_amount: u64,
    end_epoch: u32,
    payment: &mut Coin<WAL>,
) {
    let end_offset = end_epoch - self.epoch();
    self.pay(storage_amount, 0, end_offset, payment);
    self.take_capacity(storage_amount, 0, end_offset, true);
}

fun check_offsets(self: &SystemStateInnerV1, start_offset: u32, end_offset: u32) {
    assert!(start_offset < end_offset, EInvalidEpochsAhead);
    assert!(end_offset <= self.future_accounting.max_epochs_ahead(), EInvalidEpochsAhead);
}

/// Each epoch gets its price into the buffer.
fun pay(
    self: &mut SystemStateInnerV1,
    storage_amount: u64,
    start_offset: u32,
    end_offset: u32,
    payment: &mut Coin<WAL>,
) {
    let per_epoch = self.storage_price_per_unit_size * storage_units(storage_amount);
    let payment = payment.balance_mut();
    let mut offset = start_offset;
    while (offset < end_offset) {
        let due = payment.split(per_epoch);
        self.future_accounting.ring_lookup_mut(offset).rewards_balance().join(due);
        offset = offset + 1;
    }
}

fun take_capacity(
    self: &mut SystemStateInnerV1,
    storage_amount: u64,
    start_offset: u32,
    end_offset: u32,
    check: bool,
) {
    let mut offset = start_offset;
    while (offset < end_offset) {
        let epoch = self.future_accounting.ring_lookup_mut(offset);
        let used = epoch.increase_used_capacity(storage_amount);
        assert!(!check || used <= self.total_capacity_size, EStorageExceeded);
        if (offset == 0) self.used_capacity_size = used;
        offset = offset + 1;
    }
}

/// Units of 1 MiB, rounded up.
fun storage_units(size: u64): u64 {
    size.divide_and_round_up(BYTES_PER_UNIT_SIZE)
}

// === Blobs ===

/// Uses storage for a blob and takes the price of writing it.
public(package) fun register_blob(
    self: &mut SystemStateInnerV1,
    storage: Storage,
    blob_id: u256,
    root_hash: u256,
    size: u64,
    encoding_type: u8,
    deletable: bool,
    write_payment: &mut Coin<WAL>,
    ctx: &mut TxContext,
): Blob {
    let n_shards = self.n_shards();
    let blob = blob::new(
        storage,
        blob_id,
        root_hash,
        size,
        encoding_type,
        deletable,
        self.epoch(),
        n_shards,
        ctx,
    );
    self.pay_write(blob.encoded_size(n_shards), write_payment);
    blob
}

/// The price of writing belongs to the current epoch.
public(package) fun pay_write(
    self: &mut SystemStateInnerV1,
    encoded_size: u64,
    write_payment: &mut Coin<WAL>,
) {
    let price = self.write_price_per_unit_size * storage_units(encoded_size);
    let payment = write_payment.balance_mut().split(price);
    self.future_accounting.ring_lookup_mut(0).rewards_balance().join(payment);
}

/// Certifies a blob by the signatures of 2f + 1 shards.
public(package) fun certify_blob(
    self: &SystemStateInnerV1,
    blob: &mut Blob,
    signature: vector<u8>,
    signers_bitmap: vector<u8>,
    message: vector<u8>,
) {
    let certified = self.committee.verify_quorum_in_epoch(signature, signers_bitmap, message);
    blob.certify_with_certified_msg(self.epoch(), certified.certify_blob_message());
}

public(package) fun delete_blob(self: &SystemStateInnerV1, blob: Blob): Storage {
    blob.delete(self.epoch())
}

public(package) fun extend_blob_with_resource(
    self: &SystemStateInnerV1,
    blob: &mut Blob,
    extension: Storage,
) {
    blob.extend_with_resource(extension, self.epoch());
}

public(package) fun extend_blob(
    self: &mut SystemStateInnerV1,
    blob: &mut Blob,
    extended_epochs: u32,
    payment: &mut Coin<WAL>,
) {
    blob.assert_certified_not_expired(self.epoch());
    self.pay_extension(blob.storage().size(), blob.end_epoch(), extended_epochs, payment);
    blob.storage_mut().extend_end_epoch(extended_epochs);
    blob.emit_certified(true);
}

/// Declares a blob ID invalid by the signatures of f + 1 shards.
public(package) fun invalidate_blob_id(
    self: &SystemStateInnerV1,
    signature: vector<u8>,
    members_bitmap: vector<u8>,
    message: vector<u8>,
): u256 {
    let certified = self
        .committee
        .verify_one_correct_node_in_epoch(signature, members_bitmap, message);
    let blob_id = certified.invalid_blob_id_message().invalid_blob_id();
    events::emit_invalid_blob_id(self.epoch(), blob_id);
    blob_id
}

/// Counts a node's attestation to an event blob; with 2f + 1 shards the blob becomes a certified one that is
/// kept for free. In an epoch a node attests to one checkpoint at a time, so candidates stay as few as nodes.
public(package) fun certify_event_blob(
    self: &mut SystemStateInnerV1,
    cap: &mut StorageNodeCap,
    blob_id: u256,
    root_hash: u256,
    size: u64,
    encoding_type: u8,
    ending_checkpoint_sequence_num: u64,
    epoch: u32,
    ctx: &mut TxContext,
) {
    let weight = self.member_weight(cap);
    assert!(epoch == self.epoch(), EInvalidIdEpoch);
    let state = &mut self.event_blob_certification_state;
    let last = cap.last_event_blob_attestation();
    if (last.is_some_and!(|last| last.epoch() == epoch)) {
        let checkpoint = last.destroy_some().checkpoint();
        assert!(ending_checkpoint_sequence_num > checkpoint, ERepeatedAttestation);
        assert!(state.is_already_certified(checkpoint), EIncorrectAttestation);
    };
    cap.set_last_event_blob_attestation(
        event_blob::new_attestation(ending_checkpoint_sequence_num, epoch),
    );
    if (state.is_already_certified(ending_checkpoint_sequence_num)) return;
    let total = state.add_weight(blob_id, ending_checkpoint_sequence_num, weight);
    if (!bls_aggregate::is_quorum(total, self.committee.n_shards())) return;
    state.set_certified(blob_id, ending_checkpoint_sequence_num);

    let n_shards = self.n_shards();
    let encoded_size = encoding::encoded_blob_length(size, encoding_type, n_shards);
    let epochs = self.future_accounting.max_epochs_ahead();
    self.take_capacity(encoded_size, 0, epochs, false);
    let storage = storage_resource::create_storage(epoch, epoch + epochs, encoded_size, ctx);
    let mut blob = blob::new(
        storage,
        blob_id,
        root_hash,
        size,
        encoding_type,
        false,
        epoch,
        n_shards,
        ctx,
    );
    blob.certify_with_certified_msg(epoch, messages::permanent_blob_message(blob_id));
    blob.burn();
}

// === Storage pools ===

public(package) fun create_storage_pool(
    self: &mut SystemStateInnerV1,
    capacity: u64,
    epochs_ahead: u32,
    payment: &mut Coin<WAL>,
    ctx: &mut TxContext,
): StoragePool {
    let storage = self.reserve_space(capacity, epochs_ahead, payment, ctx);
    storage_pool::create(storage, self.epoch(), ctx)
}

public(package) fun create_storage_pool_with_storage(
    self: &SystemStateInnerV1,
    storage: Storage,
    ctx: &mut TxContext,
): StoragePool {
    let epoch = self.epoch();
    assert!(storage.size() > 0, EInvalidResourceSize);
    assert!(
        storage.start_epoch() <= epoch && epoch < storage.end_epoch(),
        EInvalidEpochsAhead,
    );
    storage_pool::create(storage, epoch, ctx)
}

public(package) fun register_pooled_blob(
    self: &mut SystemStateInnerV1,
    pool: &mut StoragePool,
    blob_id: u256,
    root_hash: u256,
    unencoded_size: u64,
    encoding_type: u8,
    deletable: bool,
    write_payment: &mut Coin<WAL>,
    ctx: &mut TxContext,
) {
    self.assert_pool_alive(pool);
    let encoded_size = pool.register_blob(
        blob_id,
        root_hash,
        unencoded_size,
        encoding_type,
        deletable,
        self.epoch(),
        self.n_shards(),
        ctx,
    );
    self.pay_write(encoded_size, write_payment);
}

public(package) fun certify_pooled_blob(
    self: &SystemStateInnerV1,
    pool: &mut StoragePool,
    blob_id: u256,
    signature: vector<u8>,
    signers_bitmap: vector<u8>,
    message: vector<u8>,
) {
    let certified = self.committee.verify_quorum_in_epoch(signature, signers_bitmap, message);
    pool.certify_blob(blob_id, self.epoch(), certified.certify_blob_message());
}

public(package) fun delete_pooled_blob(
    self: &SystemStateInnerV1,
    pool: &mut StoragePool,
    blob_id: u256,
) {
    self.assert_pool_alive(pool);
    pool.delete_blob(blob_id, self.epoch(), self.n_shards())
}

public(package) fun burn_expired_pooled_blob(
    self: &SystemStateInnerV1,
    pool: &mut StoragePool,
    blob_id: u256,
) {
    assert!(pool.end_epoch() <= self.epoch(), EInvalidEpochsAhead);
    pool.burn_blob(blob_id, self.n_shards())
}

/// Pools begin when they are made, or before.
public(package) fun assert_pool_alive(self: &SystemStateInnerV1, pool: &StoragePool) {
    assert!(self.epoch() < pool.end_epoch(), EInvalidEpochsAhead);
}

public(package) fun extend_storage_pool(
    self: &mut SystemStateInnerV1,
    pool: &mut StoragePool,
    extended_epochs: u32,
    payment: &mut Coin<WAL>,
) {
    self.assert_pool_alive(pool);
    let capacity = pool.reserved_encoded_capacity_bytes();
    self.pay_extension(capacity, pool.end_epoch(), extended_epochs, payment);
    pool.extend_end_epoch(extended_epochs, self.epoch());
}

public(package) fun increase_storage_pool_capacity(
    self: &mut SystemStateInnerV1,
    pool: &mut StoragePool,
    additional_bytes: u64,
    payment: &mut Coin<WAL>,
) {
    assert!(additional_bytes > 0, EInvalidResourceSize);
    self.assert_pool_alive(pool);
    self.pay_increase(additional_bytes, pool.end_epoch(), payment);
    pool.increase_capacity(additional_bytes);
}

public(package) fun increase_storage_pool_capacity_with_storage(
    self: &SystemStateInnerV1,
    pool: &mut StoragePool,
    storage: Storage,
) {
    self.assert_pool_alive(pool);
    pool.increase_capacity_with_storage(storage, self.epoch());
}

// === Subsidies ===

/// Splits a subsidy evenly over the next epochs, the current one first; the remainder goes to the current one.
public(package) fun add_subsidy(
    self: &mut SystemStateInnerV1,
    subsidy: Coin<WAL>,
    epochs_ahead: u32,
) {
    self.check_offsets(0, epochs_ahead);
    let mut subsidy = subsidy.into_balance();
    let each = subsidy.value() / (epochs_ahead as u64);
    let mut offset = 0;
    while (offset < epochs_ahead) {
        let part = subsidy.split(each);
        self.future_accounting.ring_lookup_mut(offset).rewards_balance().join(part);
        offset = offset + 1;
    };
    self.future_accounting.ring_lookup_mut(0).rewards_balance().join(subsidy);
}

/// Adds `subsidies[i]` to the rewards of the epoch that is i away.
public(package) fun add_per_epoch_subsidies(
    self: &mut SystemStateInnerV1,
    mut subsidies: vector<Balance<WAL>>,
) {
    assert!(
        subsidies.length() <= (self.future_accounting.max_epochs_ahead() as u64),
        EInvalidEpochsAhead,
    );
    while (!subsidies.is_empty()) {
        let subsidy = subsidies.pop_back();
        let offset = subsidies.length() as u32;
        self.future_accounting.ring_lookup_mut(offset).rewards_balance().join(subsidy);
    };
    subsidies.destroy_empty();
}

// === Protocol version and deny lists ===

/// Tells the nodes, by 2f + 1 shards, which protocol version they use from an epoch on.
public(package) fun update_protocol_version(
    self: &SystemStateInnerV1,
    cap: &StorageNodeCap,
    signature: vector<u8>,
    members_bitmap: vector<u8>,
    message: vector<u8>,
) {
    self.member_weight(cap);
    let certified = self.committee.verify_quorum_in_epoch(signature, members_bitmap, message);
    let update = certified.protocol_version_message();
    assert!(update.start_epoch() >= self.epoch(), EInvalidStartEpoch);
    events::emit_protocol_version(self.epoch(), update.start_epoch(), update.protocol_version());
}

/// Announces a new deny list, so that the other nodes may sign it.
public(package) fun register_deny_list_update(
    self: &SystemStateInnerV1,
    cap: &StorageNodeCap,
    deny_list_root: u256,
    deny_list_sequence: u64,
) {
    self.member_weight(cap);
    assert!(deny_list_sequence > cap.deny_list_sequence(), EIncorrectDenyListSequence);
    events::emit_register_deny_list_update(
        self.epoch(),
        deny_list_root,
        deny_list_sequence,
        cap.node_id(),
    );
}

/// Puts a deny list in force by 2f + 1 shards.
public(package) fun update_deny_list(
    self: &mut SystemStateInnerV1,
    cap: &mut StorageNodeCap,
    signature: vector<u8>,
    members_bitmap: vector<u8>,
    message: vector<u8>,
) {
    self.member_weight(cap);
    let node_id = cap.node_id();
    let certified = self.committee.verify_quorum_in_epoch(signature, members_bitmap, message);
    let update = certified.deny_list_update_message();
    assert!(update.storage_node_id() == node_id, EIncorrectDenyListNode);
    assert!(update.sequence_number() > cap.deny_list_sequence(), EIncorrectDenyListSequence);
    cap.set_deny_list_properties(update.root(), update.sequence_number(), update.size());
    let sizes = self.deny_list_sizes.borrow_mut();
    if (sizes.contains(&node_id)) *sizes.get_mut(&node_id) = update.size()
    else sizes.insert(node_id, update.size());
    events::emit_deny_list_update(
        self.epoch(),
        update.root(),
        update.sequence_number(),
        node_id,
    );
}

/// Tells, by f + 1 shards, that a blob is no longer served.
public(package) fun delete_deny_listed_blob(
    self: &SystemStateInnerV1,
    signature: vector<u8>,
    members_bitmap: vector<u8>,
    message: vector<u8>,
) {
    let certified = self
        .committee
        .verify_one_correct_node_in_epoch(signature, members_bitmap, message);
    let blob_id = certified.deny_list_blob_deleted_message().blob_id();
    events::emit_deny_listed_blob_deleted(self.epoch(), blob_id);
}

/// Weight of the capability's node, which must be in the committee.
fun member_weight(self: &SystemStateInnerV1, cap: &StorageNodeCap): u16 {
    let weight = self.committee.get_member_weight(&cap.node_id());
    assert!(weight > 0, ENotCommitteeMember);
    weight
}

// === Accessors ===

public(package) fun epoch(self: &SystemStateInnerV1): u32 { self.committee.epoch() }

public(package) fun n_shards(self: &SystemStateInnerV1): u16 { self.committee.n_shards() }

public(package) fun committee(self: &SystemStateInnerV1): &BlsCommittee { &self.committee }

public(package) fun total_capacity_size(self: &SystemStateInnerV1): u64 { self.total_capacity_size }

public(package) fun used_capacity_size(self: &SystemStateInnerV1): u64 { self.used_capacity_size }

public(package) fun future_accounting(self: &SystemStateInnerV1): &FutureAccountingRingBuffer {
    &self.future_accounting
}

#[test_only]
public fun prices_for_testing(self: &SystemStateInnerV1): (u64, u64) {
    (self.storage_price_per_unit_size, self.write_price_per_unit_size)
}
