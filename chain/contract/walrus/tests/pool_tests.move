/// Storage pools and shared blobs.
#[test_only]
module walrus::pool_tests;

use std::unit_test::{assert_eq, destroy};
use sui::bcs;
use sui::test_scenario;
use walrus::blob;
use walrus::metadata;
use walrus::shared_blob::{Self, SharedBlob};
use walrus::storage_pool::StoragePool;
use walrus::test_network::{Self, Network};

const MIB: u64 = 1_048_576;
const ENCODED: u64 = 10_680;

/// A pool for two blobs of 1,000 bytes and one byte more, for epochs 1 to 3.
fun pool(): (Network, StoragePool) {
    let mut network = test_network::four();
    let mut coin = network.mint(1_000);
    let (system, _, ctx) = network.both();
    let pool = system.create_storage_pool(2 * ENCODED + 1, 3, &mut coin, ctx);
    assert_eq!(network.spend(coin), 1_000 - 30);
    (network, pool)
}

fun id(root: u256): u256 { blob::derive_blob_id(root, 1, 1_000) }

fun register(network: &mut Network, pool: &mut StoragePool, root: u256, deletable: bool) {
    let mut coin = network.mint(20);
    let (system, _, ctx) = network.both();
    system.register_pooled_blob(pool, id(root), root, 1_000, 1, deletable, &mut coin, ctx);
    assert_eq!(network.spend(coin), 0);
}

fun certify(network: &mut Network, pool: &mut StoragePool, root: u256, deletable: bool) {
    let mut message = x"01000301000000";
    message.append(bcs::to_bytes(&id(root)));
    if (deletable) {
        message.push_back(1);
        message.append(bcs::to_bytes(&pool.blob_object_id(id(root))));
    } else {
        message.push_back(0);
    };
    let members = network.members();
    let (signature, bitmap) = network.certificate(&message, members);
    network.system().certify_pooled_blob(pool, id(root), signature, bitmap, message)
}

fun finish(network: Network, pool: StoragePool) {
    destroy(pool);
    network.destroy();
}

#[test]
fun blobs_share_a_pool() {
    let (mut network, mut pool) = pool();
    register(&mut network, &mut pool, 1, true);
    register(&mut network, &mut pool, 2, false);
    assert_eq!(pool.blob_count(), 2);
    assert_eq!(pool.used_encoded_bytes(), 2 * ENCODED);
    assert_eq!(pool.available_encoded_bytes(), 1);
    assert_eq!(pool.reserved_encoded_capacity_bytes(), 2 * ENCODED + 1);
    assert_eq!(pool.storage().size(), 2 * ENCODED + 1);
    assert_eq!(pool.start_epoch(), 1);
    assert_eq!(pool.end_epoch(), 4);
    assert!(pool.contains_blob(id(1)) && !pool.contains_blob(id(3)));
    certify(&mut network, &mut pool, 1, true);
    certify(&mut network, &mut pool, 2, false);
    // a deleted blob makes room
    network.system().delete_pooled_blob(&mut pool, id(1));
    register(&mut network, &mut pool, 3, true);
    assert_eq!(pool.blob_count(), 2);
    finish(network, pool);
}

#[test]
fun a_pool_of_a_reservation_and_back() {
    let mut network = test_network::four();
    let (storage, _) = network.reserve(MIB, 2);
    let (system, _, ctx) = network.both();
    let pool = system.create_storage_pool_with_storage(storage, ctx);
    let storage = pool.destroy();
    assert_eq!(storage.size(), MIB);
    storage.destroy();
    network.destroy();
}

#[test, expected_failure(abort_code = walrus::system_state_inner::EInvalidEpochsAhead)]
fun not_of_a_reservation_that_begins_later() {
    let mut network = test_network::four();
    let mut coin = network.mint(100);
    let (system, _, ctx) = network.both();
    let storage = system.reserve_space_for_epochs(MIB, 2, 3, &mut coin, ctx);
    let pool = system.create_storage_pool_with_storage(storage, ctx);
    destroy(coin);
    finish(network, pool);
}

#[test, expected_failure(abort_code = walrus::storage_pool::EPoolNotEmpty)]
fun a_pool_with_blobs_stays() {
    let (mut network, mut pool) = pool();
    register(&mut network, &mut pool, 1, true);
    pool.destroy().destroy();
    network.destroy();
}

#[test, expected_failure(abort_code = walrus::storage_pool::EInsufficientCapacity)]
fun a_pool_is_full() {
    let (mut network, mut pool) = pool();
    register(&mut network, &mut pool, 1, true);
    register(&mut network, &mut pool, 2, true);
    register(&mut network, &mut pool, 3, true);
    finish(network, pool);
}

#[test, expected_failure(abort_code = sui::dynamic_field::EFieldAlreadyExists)]
fun a_blob_is_in_a_pool_once() {
    let (mut network, mut pool) = pool();
    register(&mut network, &mut pool, 1, true);
    register(&mut network, &mut pool, 1, true);
    finish(network, pool);
}

#[test, expected_failure(abort_code = walrus::storage_pool::EInvalidBlobId)]
fun a_pooled_blob_has_its_id() {
    let (mut network, mut pool) = pool();
    let mut coin = network.mint(20);
    let (system, _, ctx) = network.both();
    system.register_pooled_blob(&mut pool, id(1), 2, 1_000, 1, true, &mut coin, ctx);
    destroy(coin);
    finish(network, pool);
}

#[test, expected_failure(abort_code = walrus::system_state_inner::EInvalidEpochsAhead)]
fun an_expired_pool_takes_nothing() {
    let (mut network, mut pool) = pool();
    network.skip_epochs(3);
    register(&mut network, &mut pool, 1, true);
    finish(network, pool);
}

#[test, expected_failure(abort_code = walrus::storage_pool::EAlreadyCertified)]
fun a_pooled_blob_is_certified_once() {
    let (mut network, mut pool) = pool();
    register(&mut network, &mut pool, 1, true);
    certify(&mut network, &mut pool, 1, true);
    certify(&mut network, &mut pool, 1, true);
    finish(network, pool);
}

#[test, expected_failure(abort_code = walrus::storage_pool::EInvalidBlobPersistenceType)]
fun a_pooled_blob_is_certified_as_what_it_is() {
    let (mut network, mut pool) = pool();
    register(&mut network, &mut pool, 1, true);
    certify(&mut network, &mut pool, 1, false);
    finish(network, pool);
}

fun certify_other(blob_id: u256, object_id: ID) {
    let (mut network, mut pool) = pool();
    register(&mut network, &mut pool, 1, true);
    let mut message = x"01000301000000";
    message.append(bcs::to_bytes(&blob_id));
    message.push_back(1);
    message.append(bcs::to_bytes(&object_id));
    let members = network.members();
    let (signature, bitmap) = network.certificate(&message, members);
    network.system().certify_pooled_blob(&mut pool, id(1), signature, bitmap, message);
    finish(network, pool);
}

#[test, expected_failure(abort_code = walrus::storage_pool::EInvalidBlobObject)]
fun a_pooled_blob_is_certified_for_its_object() { certify_other(id(1), @0x5.to_id()) }

#[test, expected_failure(abort_code = walrus::storage_pool::EInvalidBlobId)]
fun a_pooled_blob_is_certified_for_its_id() { certify_other(id(2), @0x5.to_id()) }

#[test, expected_failure(abort_code = walrus::storage_pool::EBlobNotDeletable)]
fun a_permanent_pooled_blob_is_not_deleted() {
    let (mut network, mut pool) = pool();
    register(&mut network, &mut pool, 1, false);
    network.system().delete_pooled_blob(&mut pool, id(1));
    finish(network, pool);
}

#[test]
fun expired_blobs_are_burned() {
    let (mut network, mut pool) = pool();
    register(&mut network, &mut pool, 1, false);
    pool.add_blob_metadata(id(1), metadata::new());
    network.skip_epochs(3);
    network.system().burn_expired_pooled_blob(&mut pool, id(1));
    assert_eq!(pool.used_encoded_bytes(), 0);
    pool.destroy().destroy();
    network.destroy();
}

#[test, expected_failure(abort_code = walrus::system_state_inner::EInvalidEpochsAhead)]
fun others_are_not() {
    let (mut network, mut pool) = pool();
    register(&mut network, &mut pool, 1, true);
    network.skip_epochs(2);
    network.system().burn_expired_pooled_blob(&mut pool, id(1));
    finish(network, pool);
}

// === Capacity and time ===

#[test]
fun a_pool_lives_longer_for_pay() {
    let (mut network, mut pool) = pool();
    let mut coin = network.mint(100);
    network.system().extend_storage_pool(&mut pool, 4, &mut coin);
    assert_eq!(network.spend(coin), 60);
    assert_eq!(pool.end_epoch(), 8);
    finish(network, pool);
}

#[test, expected_failure(abort_code = walrus::system_state_inner::EInvalidEpochsAhead)]
fun but_not_longer_than_storage_can() {
    let (mut network, mut pool) = pool();
    let mut coin = network.mint(100);
    network.system().extend_storage_pool(&mut pool, 8, &mut coin);
    destroy(coin);
    finish(network, pool);
}

#[test, expected_failure(abort_code = walrus::system_state_inner::EInvalidEpochsAhead)]
fun an_expired_pool_is_not_extended() {
    let (mut network, mut pool) = pool();
    network.skip_epochs(3);
    let mut coin = network.mint(100);
    network.system().extend_storage_pool(&mut pool, 1, &mut coin);
    destroy(coin);
    finish(network, pool);
}

#[test]
fun a_pool_grows_and_shrinks() {
    let (mut network, mut pool) = pool();
    network.next_epoch();
    let mut coin = network.mint(100);
    network.system().increase_storage_pool_capacity(&mut pool, MIB, &mut coin);
    // two epochs are left
    assert_eq!(network.spend(coin), 80);
    assert_eq!(network.system().used_capacity_size(), 2 * ENCODED + 1 + MIB);
    let (storage, _) = network.reserve(99, 2);
    network.system().increase_storage_pool_capacity_with_storage(&mut pool, storage);
    assert_eq!(pool.reserved_encoded_capacity_bytes(), 2 * ENCODED + 100 + MIB);

    let (system, _, ctx) = network.both();
    let part = system.decrease_storage_pool_capacity_by_size(&mut pool, MIB, ctx);
    assert_eq!(part.size(), MIB);
    // the pool's start, though it is past
    assert_eq!(part.start_epoch(), 1);
    assert_eq!(part.end_epoch(), 4);
    let half = system.decrease_storage_pool_unused_capacity_by_percent(&mut pool, 50, ctx);
    assert_eq!(half.size(), ENCODED + 50);
    assert_eq!(pool.reserved_encoded_capacity_bytes(), ENCODED + 50);
    part.destroy();
    half.destroy();
    finish(network, pool);
}

fun grow_by_nothing(after_epochs: u64, bytes: u64) {
    let (mut network, mut pool) = pool();
    network.skip_epochs(after_epochs);
    let mut coin = network.mint(100);
    network.system().increase_storage_pool_capacity(&mut pool, bytes, &mut coin);
    destroy(coin);
    finish(network, pool);
}

#[test, expected_failure(abort_code = walrus::system_state_inner::EInvalidResourceSize)]
fun it_does_not_grow_by_nothing() { grow_by_nothing(0, 0) }

#[test, expected_failure(abort_code = walrus::system_state_inner::EInvalidEpochsAhead)]
fun it_does_not_grow_when_expired() { grow_by_nothing(3, 1) }

#[test, expected_failure(abort_code = walrus::system_state_inner::EInvalidEpochsAhead)]
fun it_takes_in_nothing_when_expired() {
    let (mut network, mut pool) = pool();
    let (storage, _) = network.reserve(99, 3);
    network.skip_epochs(3);
    network.system().increase_storage_pool_capacity_with_storage(&mut pool, storage);
    finish(network, pool);
}

#[test, expected_failure(abort_code = walrus::system_state_inner::EInvalidEpochsAhead)]
fun it_gives_out_nothing_when_expired() {
    let (mut network, mut pool) = pool();
    network.skip_epochs(3);
    let (system, _, ctx) = network.both();
    destroy(
        system.decrease_storage_pool_unused_capacity_by_percent(&mut pool, 101, ctx),
    );
    finish(network, pool);
}

#[test, expected_failure(abort_code = walrus::storage_pool::EResourceBounds)]
fun its_blobs_are_not_certified_when_expired() {
    let (mut network, mut pool) = pool();
    register(&mut network, &mut pool, 1, false);
    network.skip_epochs(3);
    let mut message = x"01000304000000";
    message.append(bcs::to_bytes(&id(1)));
    message.push_back(0);
    let members = network.members();
    let (signature, bitmap) = network.certificate(&message, members);
    network.system().certify_pooled_blob(&mut pool, id(1), signature, bitmap, message);
    finish(network, pool);
}

#[test, expected_failure(abort_code = walrus::system_state_inner::EInvalidEpochsAhead)]
fun its_blobs_are_not_deleted_when_expired() {
    let (mut network, mut pool) = pool();
    register(&mut network, &mut pool, 1, true);
    network.skip_epochs(3);
    network.system().delete_pooled_blob(&mut pool, id(1));
    finish(network, pool);
}

#[test, expected_failure(abort_code = walrus::system_state_inner::EInvalidResourceSize)]
fun a_pool_is_not_of_nothing() {
    let mut network = test_network::four();
    let (mut storage, _) = network.reserve(MIB, 2);
    let (system, _, ctx) = network.both();
    let all = storage.split_by_size(0, ctx);
    let pool = system.create_storage_pool_with_storage(storage, ctx);
    destroy(all);
    finish(network, pool);
}

#[test, expected_failure(abort_code = walrus::storage_pool::EIncompatibleEndEpoch)]
fun it_grows_by_what_ends_with_it() {
    let (mut network, mut pool) = pool();
    let (storage, _) = network.reserve(99, 2);
    network.system().increase_storage_pool_capacity_with_storage(&mut pool, storage);
    finish(network, pool);
}

#[test, expected_failure(abort_code = walrus::storage_pool::EResourceBounds)]
fun it_grows_by_what_has_begun() {
    let (mut network, mut pool) = pool();
    let mut coin = network.mint(100);
    let (system, _, ctx) = network.both();
    let storage = system.reserve_space_for_epochs(99, 2, 4, &mut coin, ctx);
    system.increase_storage_pool_capacity_with_storage(&mut pool, storage);
    destroy(coin);
    finish(network, pool);
}

fun shrink(bytes: u64) {
    let (mut network, mut pool) = pool();
    register(&mut network, &mut pool, 1, true);
    let (system, _, ctx) = network.both();
    destroy(system.decrease_storage_pool_capacity_by_size(&mut pool, bytes, ctx));
    finish(network, pool);
}

fun shrink_by_percent(percent: u8) {
    let (mut network, mut pool) = pool();
    let (system, _, ctx) = network.both();
    destroy(
        system.decrease_storage_pool_unused_capacity_by_percent(&mut pool, percent, ctx),
    );
    finish(network, pool);
}

#[test]
fun it_shrinks_by_what_is_unused() { shrink(ENCODED + 1) }

#[test, expected_failure(abort_code = walrus::storage_pool::EInsufficientCapacity)]
fun not_by_what_is_used() { shrink(ENCODED + 2) }

#[test, expected_failure(abort_code = walrus::system::EZeroExtractSize)]
fun not_by_nothing() { shrink(0) }

#[test, expected_failure(abort_code = walrus::system::EZeroExtractSize)]
fun not_by_no_percent() { shrink_by_percent(0) }

#[test, expected_failure(abort_code = walrus::storage_pool::EInvalidPercent)]
fun not_by_more_than_all() { shrink_by_percent(101) }

#[test]
fun down_to_nothing() { shrink_by_percent(100) }

// === Attributes ===

#[test]
fun pooled_attributes() {
    let (mut network, mut pool) = pool();
    register(&mut network, &mut pool, 1, true);
    let id = id(1);
    let key = b"colour".to_string();
    assert_eq!(pool.remove_blob_metadata_pair_if_exists(id, &key), option::none());
    pool.insert_or_update_blob_metadata_pair(id, key, b"red".to_string());
    pool.insert_or_update_blob_metadata_pair(id, key, b"blue".to_string());
    let (_, value) = pool.remove_blob_metadata_pair(id, &key);
    assert_eq!(value, b"blue".to_string());
    assert_eq!(pool.remove_blob_metadata_pair_if_exists(id, &key), option::none());
    destroy(pool.take_blob_metadata(id));
    destroy(pool.add_or_replace_blob_metadata(id, metadata::new()));
    destroy(pool.add_or_replace_blob_metadata(id, metadata::new()));
    network.system().delete_pooled_blob(&mut pool, id);
    finish(network, pool);
}

#[test, expected_failure(abort_code = walrus::storage_pool::EDuplicateMetadata)]
fun pooled_attributes_are_added_once() {
    let (mut network, mut pool) = pool();
    register(&mut network, &mut pool, 1, true);
    pool.add_blob_metadata(id(1), metadata::new());
    pool.add_blob_metadata(id(1), metadata::new());
    finish(network, pool);
}

#[test, expected_failure(abort_code = walrus::storage_pool::EMissingMetadata)]
fun no_pooled_attributes_to_take() {
    let (mut network, mut pool) = pool();
    register(&mut network, &mut pool, 1, true);
    destroy(pool.take_blob_metadata(id(1)));
    finish(network, pool);
}

#[test, expected_failure(abort_code = walrus::storage_pool::EMissingMetadata)]
fun no_pooled_attributes_to_remove_from() {
    let (mut network, mut pool) = pool();
    register(&mut network, &mut pool, 1, true);
    pool.remove_blob_metadata_pair(id(1), &b"colour".to_string());
    finish(network, pool);
}

// === Shared blobs ===

#[test]
fun anyone_extends_a_shared_blob_from_its_funds() {
    let mut network = test_network::four();
    let blob = network.certified_blob(7, false, 2);
    let funds = network.mint(25);
    let mut scenario = test_scenario::begin(@0x0);
    shared_blob::new_funded(blob, funds, scenario.ctx());
    scenario.next_tx(@0x1);
    let mut shared = scenario.take_shared<SharedBlob>();
    let more = network.mint(10);
    shared.fund(more);
    shared.extend(network.system(), 3, scenario.ctx());
    assert_eq!(shared.blob().end_epoch(), 6);
    assert_eq!(shared.funds().value(), 5);
    destroy(shared);
    destroy(scenario);
    network.destroy();
}

/// It can be wrapped, as any object with `store`.
public struct Wrapped has store { shared: SharedBlob }

#[test]
fun a_shared_blob_can_be_wrapped() {
    let mut network = test_network::four();
    let blob = network.certified_blob(7, false, 2);
    let mut scenario = test_scenario::begin(@0x0);
    blob.share(scenario.ctx());
    scenario.next_tx(@0x1);
    let wrapped = Wrapped { shared: scenario.take_shared<SharedBlob>() };
    assert_eq!(wrapped.shared.funds().value(), 0);
    destroy(wrapped);
    destroy(scenario);
    network.destroy();
}

#[test, expected_failure(abort_code = sui::balance::ENotEnough)]
fun and_no_further() {
    let mut network = test_network::four();
    let blob = network.certified_blob(7, false, 2);
    let mut scenario = test_scenario::begin(@0x0);
    shared_blob::new(blob, scenario.ctx());
    scenario.next_tx(@0x1);
    let mut shared = scenario.take_shared<SharedBlob>();
    shared.extend(network.system(), 1, scenario.ctx());
    destroy(shared);
    destroy(scenario);
    network.destroy();
}
