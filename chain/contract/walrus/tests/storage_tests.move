#[test_only]
module walrus::storage_tests;

use std::unit_test::{assert_eq, destroy};
use walrus::storage_resource::{Self, Storage};
use walrus::test_network::{Self, Network};

const MIB: u64 = 1_048_576;
/// 1e12 bytes for 3 of 10 shards: what the nodes with the most shards allow.
const CAPACITY: u64 = 3_333_333_333_333;

fun storage(start: u32, end: u32, size: u64): Storage {
    storage_resource::create_storage(start, end, size, &mut tx_context::dummy())
}

fun buy(bytes: u64, epochs: u32) {
    let mut network = test_network::four();
    let (storage, _) = network.reserve(bytes, epochs);
    destroy(storage);
    network.destroy();
}

fun buy_for(network: &mut Network, bytes: u64, start: u32, end: u32): (Storage, u64) {
    let mut coin = network.mint(1_000_000_000);
    let (system, _, ctx) = network.both();
    let storage = system.reserve_space_for_epochs(bytes, start, end, &mut coin, ctx);
    (storage, 1_000_000_000 - network.spend(coin))
}

// === Buying ===

#[test]
fun every_started_mib_costs_its_price_for_every_epoch() {
    let mut network = test_network::four();
    let (a, cost) = network.reserve(1, 3);
    assert_eq!(cost, 30);
    assert_eq!(a.start_epoch(), 1);
    assert_eq!(a.end_epoch(), 4);
    assert_eq!(a.size(), 1);
    let (b, cost) = network.reserve(MIB, 1);
    assert_eq!(cost, 10);
    let (c, cost) = network.reserve(MIB + 1, 2);
    assert_eq!(cost, 40);
    let system = network.system();
    let accounting = system.future_accounting();
    assert_eq!(accounting.ring_lookup(0).rewards(), 10 + 10 + 20);
    assert_eq!(accounting.ring_lookup(1).rewards(), 10 + 20);
    assert_eq!(accounting.ring_lookup(2).rewards(), 10);
    assert_eq!(accounting.ring_lookup(3).rewards(), 0);
    assert_eq!(accounting.ring_lookup(0).used_capacity(), 2 * MIB + 2);
    assert_eq!(accounting.ring_lookup(1).used_capacity(), MIB + 2);
    assert_eq!(accounting.ring_lookup(2).used_capacity(), 1);
    assert_eq!(accounting.ring_lookup(9).epoch(), 10);
    assert_eq!(accounting.max_epochs_ahead(), 10);
    a.destroy();
    b.destroy();
    c.destroy();
    network.destroy();
}

#[test]
fun all_epochs_ahead_can_be_bought() { buy(1, 10) }

#[test, expected_failure(abort_code = walrus::system_state_inner::EInvalidEpochsAhead)]
fun no_more_than_all_epochs() { buy(1, 11) }

#[test, expected_failure(abort_code = walrus::system_state_inner::EInvalidEpochsAhead)]
fun not_for_no_epoch() { buy(1, 0) }

#[test, expected_failure(abort_code = walrus::system_state_inner::EInvalidResourceSize)]
fun not_nothing() { buy(0, 1) }

#[test, expected_failure(abort_code = sui::balance::ENotEnough)]
fun not_without_money() {
    let mut network = test_network::four();
    let mut coin = network.mint(29);
    let (system, _, ctx) = network.both();
    let storage = system.reserve_space(1, 3, &mut coin, ctx);
    destroy(storage);
    destroy(coin);
    network.destroy();
}

#[test]
fun capacity_can_be_used_up_and_comes_back() {
    let mut network = test_network::four();
    assert_eq!(network.system().total_capacity_size(), CAPACITY);
    let (all, _) = network.reserve(CAPACITY, 1);
    assert_eq!(network.system().used_capacity_size(), CAPACITY);
    // the next epoch is free
    let (later, _) = buy_for(&mut network, 5, 2, 3);
    network.next_epoch();
    assert_eq!(network.system().used_capacity_size(), 5);
    let (more, _) = network.reserve(CAPACITY - 5, 1);
    destroy(vector[all, later, more]);
    network.destroy();
}

#[test, expected_failure(abort_code = walrus::system_state_inner::EStorageExceeded)]
fun no_more_than_the_capacity() { buy(CAPACITY + 1, 1) }

#[test, expected_failure(abort_code = walrus::system_state_inner::EStorageExceeded)]
fun no_more_than_the_capacity_of_a_later_epoch() {
    let mut network = test_network::four();
    let (later, _) = buy_for(&mut network, CAPACITY, 3, 4);
    let (storage, _) = network.reserve(1, 3);
    destroy(later);
    destroy(storage);
    network.destroy();
}

#[test]
fun storage_can_begin_later() {
    let mut network = test_network::four();
    let (storage, cost) = buy_for(&mut network, MIB, 3, 5);
    assert_eq!(cost, 20);
    assert_eq!(storage.start_epoch(), 3);
    assert_eq!(storage.end_epoch(), 5);
    assert_eq!(network.system().used_capacity_size(), 0);
    assert_eq!(network.system().future_accounting().ring_lookup(1).rewards(), 0);
    assert_eq!(network.system().future_accounting().ring_lookup(2).rewards(), 10);
    storage.destroy();
    // what is past is left out
    let (storage, cost) = buy_for(&mut network, MIB, 0, 2);
    assert_eq!(cost, 10);
    assert_eq!(storage.start_epoch(), 1);
    storage.destroy();
    network.destroy();
}

#[test, expected_failure(abort_code = walrus::system_state_inner::EInvalidEpochsAhead)]
fun storage_cannot_end_before_it_begins() {
    let mut network = test_network::four();
    let (storage, _) = buy_for(&mut network, MIB, 3, 3);
    destroy(storage);
    network.destroy();
}

#[test, expected_failure(abort_code = walrus::system_state_inner::EInvalidEpochsAhead)]
fun storage_cannot_end_in_the_past() {
    let mut network = test_network::four();
    let (storage, _) = buy_for(&mut network, MIB, 0, 1);
    destroy(storage);
    network.destroy();
}

#[test, expected_failure(abort_code = walrus::storage_accounting::ETooFarInFuture)]
fun the_buffer_ends() {
    let mut network = test_network::four();
    network.system().future_accounting().ring_lookup(10);
    network.destroy();
}

#[test, expected_failure(abort_code = walrus::system_state_inner::EInvalidMaxEpochsAhead)]
fun a_buffer_needs_an_epoch() {
    destroy(walrus::system::new_for_testing(0, &mut tx_context::dummy()));
}

#[test, expected_failure(abort_code = walrus::system_state_inner::EInvalidMaxEpochsAhead)]
fun a_buffer_has_a_limit() {
    destroy(walrus::system::new_for_testing(1001, &mut tx_context::dummy()));
}

// === Splitting and fusing ===

#[test]
fun split_by_epoch_and_fuse_again() {
    let ctx = &mut tx_context::dummy();
    let mut first = storage(2, 8, 100);
    let second = first.split_by_epoch(5, ctx);
    assert_eq!(first.end_epoch(), 5);
    assert_eq!(second.start_epoch(), 5);
    assert_eq!(second.end_epoch(), 8);
    assert_eq!(second.size(), 100);
    first.fuse(second);
    assert_eq!(first.start_epoch(), 2);
    assert_eq!(first.end_epoch(), 8);
    // the other way round
    let mut later = first.split_by_epoch(3, ctx);
    later.fuse_periods(first);
    assert_eq!(later.start_epoch(), 2);
    assert_eq!(later.end_epoch(), 8);
    later.destroy();
}

#[test]
fun split_by_size_and_fuse_again() {
    let ctx = &mut tx_context::dummy();
    let mut first = storage(2, 8, 100);
    let second = first.split_by_size(30, ctx);
    assert_eq!(first.size(), 30);
    assert_eq!(second.size(), 70);
    assert_eq!(second.start_epoch(), 2);
    first.fuse(second);
    assert_eq!(first.size(), 100);
    first.destroy();
}

#[test, expected_failure(abort_code = walrus::storage_resource::EInvalidEpoch)]
fun split_not_at_the_start() {
    let mut first = storage(2, 8, 1);
    let second = first.split_by_epoch(2, &mut tx_context::dummy());
    destroy(vector[first, second]);
}

#[test, expected_failure(abort_code = walrus::storage_resource::EInvalidEpoch)]
fun split_not_at_the_end() {
    let mut first = storage(2, 8, 1);
    let second = first.split_by_epoch(8, &mut tx_context::dummy());
    destroy(vector[first, second]);
}

/// Splits 5 bytes and answers the sizes of both parts.
fun split_by_size(bytes: u64): vector<u64> {
    let mut first = storage(2, 8, 5);
    let second = first.split_by_size(bytes, &mut tx_context::dummy());
    let sizes = vector[first.size(), second.size()];
    destroy(vector[first, second]);
    sizes
}

#[test]
fun split_to_nothing_and_to_all() {
    assert_eq!(split_by_size(0), vector[0, 5]);
    assert_eq!(split_by_size(5), vector[5, 0]);
}

#[test, expected_failure(abort_code = walrus::storage_resource::EIncompatibleAmount)]
fun split_not_to_more() { split_by_size(6); }

#[test, expected_failure(abort_code = walrus::storage_resource::EInvalidEpochRange)]
fun not_for_an_empty_range() { storage(3, 3, 1).destroy() }

#[test, expected_failure(abort_code = walrus::storage_resource::EIncompatibleAmount)]
fun periods_need_the_same_size() {
    let mut first = storage(2, 4, 5);
    first.fuse(storage(4, 8, 6));
    first.destroy();
}

#[test, expected_failure(abort_code = walrus::storage_resource::EIncompatibleEpochs)]
fun periods_must_touch() {
    let mut first = storage(2, 4, 5);
    first.fuse(storage(5, 8, 5));
    first.destroy();
}

#[test, expected_failure(abort_code = walrus::storage_resource::EIncompatibleEpochs)]
fun amounts_need_the_same_period() {
    let mut first = storage(2, 4, 5);
    first.fuse(storage(2, 5, 5));
    first.destroy();
}
