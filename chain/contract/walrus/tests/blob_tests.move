#[test_only]
module walrus::blob_tests;

use std::unit_test::{assert_eq, destroy};
use walrus::blob::{Self, Blob};
use walrus::metadata;
use walrus::test_network::{Self, Network};

/// 10 * (11 * 36 + 672): encoded size of 1,000 bytes with 10 shards.
const ENCODED: u64 = 10_680;

fun register(
    network: &mut Network,
    bytes: u64,
    start: u32,
    blob_id: u256,
    encoding_type: u8,
    paid: u64,
): Blob {
    let mut coin = network.mint(1_000_000);
    let mut write_coin = network.mint(paid);
    let (system, _, ctx) = network.both();
    let storage = system.reserve_space_for_epochs(bytes, start, 5, &mut coin, ctx);
    let blob = system.register_blob(
        storage,
        blob_id,
        7,
        1_000,
        encoding_type,
        true,
        &mut write_coin,
        ctx,
    );
    destroy(coin);
    destroy(write_coin);
    blob
}

fun register_and_stop(bytes: u64, start: u32, blob_id: u256, encoding_type: u8, paid: u64) {
    let mut network = test_network::four();
    let blob = register(&mut network, bytes, start, blob_id, encoding_type, paid);
    destroy(blob);
    network.destroy();
}

fun id(): u256 { blob::derive_blob_id(7, 1, 1_000) }

// === Registering ===

#[test]
fun registered_with_just_enough_storage() {
    let mut network = test_network::four();
    let blob = register(&mut network, ENCODED, 1, id(), 1, 20);
    assert_eq!(blob.registered_epoch(), 1);
    assert_eq!(blob.blob_id(), id());
    assert_eq!(blob.size(), 1_000);
    assert_eq!(blob.encoding_type(), 1);
    assert_eq!(*blob.certified_epoch(), option::none());
    assert_eq!(blob.storage().size(), ENCODED);
    assert_eq!(blob.encoded_size(10), ENCODED);
    assert_eq!(blob.end_epoch(), 5);
    assert!(blob.is_deletable());
    // 10 for storage, 20 for writing
    assert_eq!(network.system().future_accounting().ring_lookup(0).rewards(), 30);
    blob.burn();
    network.destroy();
}

#[test]
fun blob_id_is_the_hash_of_type_size_and_root() {
    // Blake2b-256 of 01 || 05000000 00000000 || 01 00..00
    assert_eq!(
        sui::bcs::to_bytes(&blob::derive_blob_id(1, 1, 5)),
        sui::hash::blake2b256(
            &x"0105000000000000000100000000000000000000000000000000000000000000000000000000000000",
        ),
    );
}

#[test, expected_failure(abort_code = walrus::blob::EResourceSize)]
fun not_with_too_little_storage() { register_and_stop(ENCODED - 1, 1, id(), 1, 20) }

#[test, expected_failure(abort_code = walrus::blob::EResourceBounds)]
fun not_with_storage_that_begins_later() { register_and_stop(ENCODED, 2, id(), 1, 20) }

#[test, expected_failure(abort_code = walrus::blob::EInvalidBlobId)]
fun not_with_another_id() { register_and_stop(ENCODED, 1, id() + 1, 1, 20) }

#[test, expected_failure(abort_code = walrus::encoding::EInvalidEncodingType)]
fun not_with_an_unknown_encoding() { register_and_stop(ENCODED, 1, id(), 0, 20) }

#[test, expected_failure(abort_code = sui::balance::ENotEnough)]
fun not_without_paying_for_writing() { register_and_stop(ENCODED, 1, id(), 1, 19) }

#[test, expected_failure(abort_code = walrus::blob::EResourceBounds)]
fun not_with_storage_that_has_ended() {
    let mut network = test_network::four();
    let (storage, _) = network.reserve(ENCODED, 1);
    network.next_epoch();
    let mut coin = network.mint(20);
    let (system, _, ctx) = network.both();
    let blob = system.register_blob(storage, id(), 7, 1_000, 1, true, &mut coin, ctx);
    destroy(coin);
    destroy(blob);
    network.destroy();
}

// === Extending ===

#[test]
fun extended_with_a_resource() {
    let mut network = test_network::four();
    let mut blob = network.certified_blob(7, false, 2);
    let mut coin = network.mint(1_000);
    let (system, _, ctx) = network.both();
    let extension = system.reserve_space_for_epochs(ENCODED, 3, 6, &mut coin, ctx);
    system.extend_blob_with_resource(&mut blob, extension);
    assert_eq!(blob.end_epoch(), 6);
    destroy(coin);
    blob.burn();
    network.destroy();
}

fun extend_with(start: u32, end: u32, bytes: u64) {
    let mut network = test_network::four();
    let mut blob = network.certified_blob(7, false, 2);
    let mut coin = network.mint(1_000);
    let (system, _, ctx) = network.both();
    let extension = system.reserve_space_for_epochs(bytes, start, end, &mut coin, ctx);
    system.extend_blob_with_resource(&mut blob, extension);
    destroy(coin);
    destroy(blob);
    network.destroy();
}

#[test, expected_failure(abort_code = walrus::storage_resource::EIncompatibleEpochs)]
fun an_extension_begins_where_the_storage_ends() { extend_with(4, 6, ENCODED) }

#[test, expected_failure(abort_code = walrus::storage_resource::EIncompatibleAmount)]
fun an_extension_has_the_same_size() { extend_with(3, 6, ENCODED + 1) }

#[test, expected_failure(abort_code = walrus::blob::EResourceBounds)]
fun an_extension_ends_later() { extend_with(2, 3, ENCODED) }

fun extend(certified: bool, after_epochs: u64, by: u32) {
    let mut network = test_network::four();
    let mut blob = if (certified) network.certified_blob(7, false, 2)
    else network.register_blob(7, 1_000, false, 2);
    network.skip_epochs(after_epochs);
    let mut coin = network.mint(1_000);
    network.system().extend_blob(&mut blob, by, &mut coin);
    destroy(coin);
    destroy(blob);
    network.destroy();
}

#[test]
fun extended_in_the_last_epoch_as_far_as_possible() { extend(true, 1, 9) }

#[test, expected_failure(abort_code = walrus::system_state_inner::EInvalidEpochsAhead)]
fun not_extended_further() { extend(true, 1, 10) }

#[test, expected_failure(abort_code = walrus::system_state_inner::EInvalidEpochsAhead)]
fun not_extended_by_nothing() { extend(true, 0, 0) }

#[test, expected_failure(abort_code = walrus::blob::EResourceBounds)]
fun not_extended_when_expired() { extend(true, 2, 1) }

/// The nodes that have the blob's quorum are those of the epoch in which it was certified first.
#[test]
fun an_extension_tells_the_epoch_of_the_certification() {
    let mut network = test_network::four();
    let mut blob = network.certified_blob(7, false, 3);
    network.next_epoch();
    let mut coin = network.mint(1_000);
    let (system, _, ctx) = network.both();
    system.extend_blob(&mut blob, 1, &mut coin);
    let extension = system.reserve_space_for_epochs(ENCODED, 5, 6, &mut coin, ctx);
    system.extend_blob_with_resource(&mut blob, extension);
    let events = sui::event::events_by_type<walrus::events::BlobCertified>();
    let epochs = events.map_ref!(|event| sui::bcs::new(sui::bcs::to_bytes(event)).peel_u32());
    assert_eq!(epochs, vector[1, 1, 1]);
    destroy(coin);
    blob.burn();
    network.destroy();
}

#[test, expected_failure(abort_code = walrus::blob::ENotCertified)]
fun not_extended_before_it_is_certified() { extend(false, 0, 1) }

#[test, expected_failure(abort_code = walrus::system_state_inner::EStorageExceeded)]
fun not_extended_into_an_epoch_that_is_sold_out() {
    let mut network = test_network::four();
    let mut blob = network.certified_blob(7, false, 2);
    let mut coin = network.mint(1_000_000_000);
    let (system, _, ctx) = network.both();
    let all = system.total_capacity_size();
    let sold = system.reserve_space_for_epochs(all, 3, 4, &mut coin, ctx);
    system.extend_blob(&mut blob, 1, &mut coin);
    destroy(coin);
    destroy(sold);
    destroy(blob);
    network.destroy();
}

// === Deleting ===

#[test]
fun deleted_before_it_is_certified() {
    let mut network = test_network::four();
    let mut blob = network.register_blob(7, 1_000, true, 2);
    blob.add_metadata(metadata::new());
    let storage = network.system().delete_blob(blob);
    assert_eq!(storage.size(), ENCODED);
    // the storage serves another blob
    let mut coin = network.mint(20);
    let (system, _, ctx) = network.both();
    let other = system.register_blob(
        storage,
        blob::derive_blob_id(8, 1, 900),
        8,
        900,
        1,
        false,
        &mut coin,
        ctx,
    );
    other.burn();
    destroy(coin);
    network.destroy();
}

#[test, expected_failure(abort_code = walrus::blob::EBlobNotDeletable)]
fun a_permanent_blob_is_not_deleted() {
    let mut network = test_network::four();
    let blob = network.certified_blob(7, false, 2);
    destroy(network.system().delete_blob(blob));
    network.destroy();
}

#[test, expected_failure(abort_code = walrus::blob::EResourceBounds)]
fun an_expired_blob_is_not_deleted() {
    let mut network = test_network::four();
    let blob = network.certified_blob(7, true, 1);
    network.next_epoch();
    destroy(network.system().delete_blob(blob));
    network.destroy();
}

// === Attributes ===

#[test]
fun attributes() {
    let mut network = test_network::four();
    let mut blob = network.register_blob(7, 1_000, true, 2);
    let key = b"colour".to_string();
    assert_eq!(blob.remove_metadata_pair_if_exists(&key), option::none());
    blob.insert_or_update_metadata_pair(key, b"red".to_string());
    blob.insert_or_update_metadata_pair(key, b"blue".to_string());
    blob.insert_or_update_metadata_pair(b"shape".to_string(), b"round".to_string());
    let (removed, value) = blob.remove_metadata_pair(&key);
    assert_eq!(removed, key);
    assert_eq!(value, b"blue".to_string());
    assert_eq!(blob.remove_metadata_pair_if_exists(&key), option::none());
    assert_eq!(
        blob.remove_metadata_pair_if_exists(&b"shape".to_string()),
        option::some(b"round".to_string()),
    );
    let old = blob.add_or_replace_metadata(metadata::new());
    assert!(old.is_some());
    destroy(old);
    destroy(blob.take_metadata());
    let old = blob.add_or_replace_metadata(metadata::new());
    assert!(old.is_none());
    destroy(old);
    blob.burn();
    network.destroy();
}

fun fresh_blob(): (Network, Blob) {
    let mut network = test_network::four();
    let blob = network.register_blob(7, 1_000, true, 2);
    (network, blob)
}

#[test, expected_failure(abort_code = walrus::blob::EDuplicateMetadata)]
fun attributes_are_added_once() {
    let (network, mut blob) = fresh_blob();
    blob.add_metadata(metadata::new());
    blob.add_metadata(metadata::new());
    destroy(blob);
    network.destroy();
}

#[test, expected_failure(abort_code = walrus::blob::EMissingMetadata)]
fun no_attributes_to_take() {
    let (network, mut blob) = fresh_blob();
    destroy(blob.take_metadata());
    destroy(blob);
    network.destroy();
}

#[test, expected_failure(abort_code = walrus::blob::EMissingMetadata)]
fun no_attributes_to_remove_from() {
    let (network, mut blob) = fresh_blob();
    blob.remove_metadata_pair(&b"colour".to_string());
    destroy(blob);
    network.destroy();
}

#[test, expected_failure(abort_code = sui::vec_map::EKeyDoesNotExist)]
fun no_such_attribute() {
    let (network, mut blob) = fresh_blob();
    blob.add_metadata(metadata::new());
    blob.remove_metadata_pair(&b"colour".to_string());
    destroy(blob);
    network.destroy();
}
