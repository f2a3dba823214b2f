/// The storage system as users call it: buys storage, registers, certifies, extends and deletes blobs.
module walrus::system;

use sui::balance::Balance;
use sui::coin::Coin;
use sui::dynamic_field;
use sui::vec_map::VecMap;
use wal::wal::WAL;
use walrus::blob::Blob;
use walrus::bls_aggregate::BlsCommittee;
use walrus::epoch_parameters::EpochParams;
use walrus::storage_accounting::FutureAccountingRingBuffer;
use walrus::storage_node::StorageNodeCap;
use walrus::storage_pool::StoragePool;
use walrus::storage_resource::Storage;
use walrus::system_state_inner::{Self, SystemStateInnerV1};

/// There is nothing to migrate to.
const EInvalidMigration: u64 = 0;
/// The object is of another version than this package.
const EWrongVersion: u64 = 1;
/// Nothing would be taken out of a pool.
const EZeroExtractSize: u64 = 2;

/// Version of the objects that this package works with.
const VERSION: u64 = 4;

/// Shared; the state is a dynamic field under the version.
public struct System has key {
    id: UID,
    version: u64,
    package_id: ID,
    new_package_id: Option<ID>,
}

/// Shares an empty system.
public(package) fun create_empty(max_epochs_ahead: u32, package_id: ID, ctx: &mut TxContext) {
    transfer::share_object(new(max_epochs_ahead, package_id, ctx))
}

fun new(max_epochs_ahead: u32, package_id: ID, ctx: &mut TxContext): System {
    let mut id = object::new(ctx);
    dynamic_field::add(&mut id, VERSION, system_state_inner::create_empty(max_epochs_ahead, ctx));
    System { id, version: VERSION, package_id, new_package_id: option::none() }
}

// === Certificates about blob IDs ===

/// Declares a blob ID invalid by a certificate of f + 1 shards.
public fun invalidate_blob_id(
    system: &System,
    signature: vector<u8>,
    members_bitmap: vector<u8>,
    message: vector<u8>,
): u256 {
    system.inner().invalidate_blob_id(signature, members_bitmap, message)
}

/// A node's attestation to an event blob.
public fun certify_event_blob(
    system: &mut System,
    cap: &mut StorageNodeCap,
    blob_id: u256,
    root_hash: u256,
    size: u64,
    encoding_type: u8,
    ending_checkpoint_sequence_num: u64,
    epoch: u32,
    ctx: &mut TxContext,
) {
    system
        .inner_mut()
        .certify_event_blob(
            cap,
            blob_id,
            root_hash,
            size,
            encoding_type,
            ending_checkpoint_sequence_num,
            epoch,
            ctx,
        )
}

// === Storage ===

/// Buys storage from now on.
public fun reserve_space(
    self: &mut System,
    storage_amount: u64,
    epochs_ahead: u32,
    payment: &mut Coin<WAL>,
    ctx: &mut TxContext,
): Storage {
    self.inner_mut().reserve_space(storage_amount, epochs_ahead, payment, ctx)
}

/// Buys storage from `start_epoch` (or now, if that is past) up to, not including, `end_epoch`.
public fun reserve_space_for_epochs(
    self: &mut System,
    storage_amount: u64,
    start_epoch: u32,
    end_epoch: u32,
    payment: &mut Coin<WAL>,
    ctx: &mut TxContext,
): Storage {
    self
        .inner_mut()
        .reserve_space_for_epochs(storage_amount, start_epoch, end_epoch, payment, ctx)
}

// === Blobs ===

/// Registers a blob of `size` bytes; `storage` must hold its encoded size.
public fun register_blob(
    self: &mut System,
    storage: Storage,
    blob_id: u256,
    root_hash: u256,
    size: u64,
    encoding_type: u8,
    deletable: bool,
    write_payment: &mut Coin<WAL>,
    ctx: &mut TxContext,
): Blob {
    self
        .inner_mut()
        .register_blob(
            storage,
            blob_id,
            root_hash,
            size,
            encoding_type,
            deletable,
            write_payment,
            ctx,
        )
}

/// Certifies a blob by a certificate of 2f + 1 shards.
public fun certify_blob(
    self: &System,
    blob: &mut Blob,
    signature: vector<u8>,
    signers_bitmap: vector<u8>,
    message: vector<u8>,
) {
    self.inner().certify_blob(blob, signature, signers_bitmap, message)
}

/// Deletes a deletable blob; its storage can be used again.
public fun delete_blob(self: &System, blob: Blob): Storage {
    self.inner().delete_blob(blob)
}

/// Extends a certified blob by a reservation that follows its own.
public fun extend_blob_with_resource(self: &System, blob: &mut Blob, extension: Storage) {
    self.inner().extend_blob_with_resource(blob, extension)
}

/// Extends a certified blob by paying for more epochs.
public fun extend_blob(
    self: &mut System,
    blob: &mut Blob,
    extended_epochs: u32,
    payment: &mut Coin<WAL>,
) {
    self.inner_mut().extend_blob(blob, extended_epochs, payment)
}

// === Storage pools ===

/// Buys storage for many blobs.
public fun create_storage_pool(
    self: &mut System,
    reserved_encoded_capacity_bytes: u64,
    epochs_ahead: u32,
    payment: &mut Coin<WAL>,
    ctx: &mut TxContext,
): StoragePool {
    self
        .inner_mut()
        .create_storage_pool(reserved_encoded_capacity_bytes, epochs_ahead, payment, ctx)
}

/// Uses a reservation for many blobs.
public fun create_storage_pool_with_storage(
    self: &System,
    storage: Storage,
    ctx: &mut TxContext,
): StoragePool {
    self.inner().create_storage_pool_with_storage(storage, ctx)
}

/// Registers a blob in a pool.
public fun register_pooled_blob(
    self: &mut System,
    storage_pool: &mut StoragePool,
    blob_id: u256,
    root_hash: u256,
    unencoded_size: u64,
    encoding_type: u8,
    deletable: bool,
    write_payment: &mut Coin<WAL>,
    ctx: &mut TxContext,
) {
    self
        .inner_mut()
        .register_pooled_blob(
            storage_pool,
            blob_id,
            root_hash,
            unencoded_size,
            encoding_type,
            deletable,
            write_payment,
            ctx,
        )
}

/// Deletes a deletable blob of a pool; its bytes are free again.
public fun delete_pooled_blob(self: &System, storage_pool: &mut StoragePool, blob_id: u256) {
    self.inner().delete_pooled_blob(storage_pool, blob_id)
}

/// Removes any blob from a pool that has expired.
public fun burn_expired_pooled_blob(
    self: &System,
    storage_pool: &mut StoragePool,
    blob_id: u256,
) {
    self.inner().burn_expired_pooled_blob(storage_pool, blob_id)
}

/// Pays for more epochs of a pool.
public fun extend_storage_pool(
    self: &mut System,
    storage_pool: &mut StoragePool,
    extended_epochs: u32,
    payment: &mut Coin<WAL>,
) {
    self.inner_mut().extend_storage_pool(storage_pool, extended_epochs, payment)
}

/// Pays for more bytes, from now until the pool's end.
public fun increase_storage_pool_capacity(
    self: &mut System,
    storage_pool: &mut StoragePool,
    additional_encoded_capacity_bytes: u64,
    payment: &mut Coin<WAL>,
) {
    self
        .inner_mut()
        .increase_storage_pool_capacity(storage_pool, additional_encoded_capacity_bytes, payment)
}

/// Adds a reservation that has begun and ends with the pool.
public fun increase_storage_pool_capacity_with_storage(
    self: &System,
    storage_pool: &mut StoragePool,
    storage: Storage,
) {
    self.inner().increase_storage_pool_capacity_with_storage(storage_pool, storage)
}

/// Takes unused bytes out of a pool.
public fun decrease_storage_pool_capacity_by_size(
    self: &System,
    storage_pool: &mut StoragePool,
    size: u64,
    ctx: &mut TxContext,
): Storage {
    self.inner().assert_pool_alive(storage_pool);
    assert!(size > 0, EZeroExtractSize);
    storage_pool.decrease_capacity_by_size(size, ctx)
}

/// Takes a part of the unused bytes out of a pool.
public fun decrease_storage_pool_unused_capacity_by_percent(
    self: &System,
    storage_pool: &mut StoragePool,
    percent: u8,
    ctx: &mut TxContext,
): Storage {
    self.inner().assert_pool_alive(storage_pool);
    let size = storage_pool.percent_of_unused(percent);
    self.decrease_storage_pool_capacity_by_size(storage_pool, size, ctx)
}

/// Certifies a blob of a pool by a certificate of 2f + 1 shards.
public fun certify_pooled_blob(
    self: &System,
    storage_pool: &mut StoragePool,
    blob_id: u256,
    signature: vector<u8>,
    signers_bitmap: vector<u8>,
    message: vector<u8>,
) {
    self
        .inner()
        .certify_pooled_blob(storage_pool, blob_id, signature, signers_bitmap, message)
}

// === Subsidies ===

/// Adds to the rewards, evenly over the next epochs.
public fun add_subsidy(system: &mut System, subsidy: Coin<WAL>, epochs_ahead: u32) {
    system.inner_mut().add_subsidy(subsidy, epochs_ahead)
}

/// Adds `subsidies[i]` to the rewards of the epoch that is i away.
public fun add_per_epoch_subsidies(system: &mut System, subsidies: vector<Balance<WAL>>) {
    system.inner_mut().add_per_epoch_subsidies(subsidies)
}

// === Protocol version and deny lists ===

/// Announces the nodes' next protocol version by a certificate of 2f + 1 shards.
public fun update_protocol_version(
    self: &mut System,
    cap: &StorageNodeCap,
    signature: vector<u8>,
    members_bitmap: vector<u8>,
    message: vector<u8>,
) {
    self.inner().update_protocol_version(cap, signature, members_bitmap, message)
}

/// Announces a new deny list.
public fun register_deny_list_update(
    self: &mut System,
    cap: &StorageNodeCap,
    deny_list_root: u256,
    deny_list_sequence: u64,
) {
    self.inner().register_deny_list_update(cap, deny_list_root, deny_list_sequence)
}

/// Puts a deny list in force by a certificate of 2f + 1 shards.
public fun update_deny_list(
    self: &mut System,
    cap: &mut StorageNodeCap,
    signature: vector<u8>,
    members_bitmap: vector<u8>,
    message: vector<u8>,
) {
    self.inner_mut().update_deny_list(cap, signature, members_bitmap, message)
}

/// Tells by a certificate of f + 1 shards that a blob is no longer served.
public fun delete_deny_listed_blob(
    self: &System,
    signature: vector<u8>,
    members_bitmap: vector<u8>,
    message: vector<u8>,
) {
    self.inner().delete_deny_listed_blob(signature, members_bitmap, message)
}

// === Accessors ===

public fun epoch(self: &System): u32 { self.inner().epoch() }

public fun total_capacity_size(self: &System): u64 { self.inner().total_capacity_size() }

public fun used_capacity_size(self: &System): u64 { self.inner().used_capacity_size() }

public fun n_shards(self: &System): u16 { self.inner().n_shards() }

public fun future_accounting(self: &System): &FutureAccountingRingBuffer {
    self.inner().future_accounting()
}

public fun version(system: &System): u64 { system.version }

public(package) fun package_id(system: &System): ID { system.package_id }

public(package) fun committee(self: &System): &BlsCommittee { self.inner().committee() }

// === For the rest of the package ===

public(package) fun advance_epoch(
    self: &mut System,
    new_committee: BlsCommittee,
    params: &EpochParams,
): VecMap<ID, Balance<WAL>> {
    self.inner_mut().advance_epoch(new_committee, params)
}

public(package) fun take_to_burn(self: &mut System): Balance<WAL> {
    self.inner_mut().take_to_burn()
}

public(package) fun set_prices(self: &mut System, storage_price: u64, write_price: u64) {
    self.inner_mut().set_prices(storage_price, write_price)
}

/// An upgrade was committed; only the package that migrates may set the version.
public(package) fun set_new_package_id(system: &mut System, new_package_id: ID) {
    system.new_package_id = option::some(new_package_id);
}

/// Moves the state to this package's version.
public(package) fun migrate(system: &mut System) {
    assert!(system.version < VERSION && system.new_package_id.is_some(), EInvalidMigration);
    let state: SystemStateInnerV1 = dynamic_field::remove(&mut system.id, system.version);
    dynamic_field::add(&mut system.id, VERSION, state);
    system.version = VERSION;
    system.package_id = system.new_package_id.extract();
}

fun inner(system: &System): &SystemStateInnerV1 {
    assert!(system.version == VERSION, EWrongVersion);
    dynamic_field::borrow(&system.id, VERSION)
}

fun inner_mut(system: &mut System): &mut SystemStateInnerV1 {
    assert!(system.version == VERSION, EWrongVersion);
    dynamic_field::borrow_mut(&mut system.id, VERSION)
}

#[test_only]
public fun new_for_testing(max_epochs_ahead: u32, ctx: &mut TxContext): System {
    new(max_epochs_ahead, @0x7e57.to_id(), ctx)
}

#[test_only]
public fun inner_for_testing(system: &System): &SystemStateInnerV1 { system.inner() }

/// As if an older package had made the object.
#[test_only]
public fun downgrade_for_testing(system: &mut System) {
    let state: SystemStateInnerV1 = dynamic_field::remove(&mut system.id, VERSION);
    system.version = VERSION - 1;
    dynamic_field::add(&mut system.id, VERSION - 1, state);
}
