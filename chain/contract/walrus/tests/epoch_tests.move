/// The clock of epochs, and what may happen when.
#[test_only]
module walrus::epoch_tests;

use std::unit_test::{assert_eq, destroy};
use walrus::test_network::{Self, Network};

#[test]
fun epoch_zero_ends_at_its_time_and_epoch_one_has_everyone() {
    let mut network = test_network::four();
    let committee = *network.staking().committee();
    assert_eq!(committee.size(), 4);
    assert_eq!(network.staking().previous_committee().size(), 0);
    let weights = network.node_ids().map!(|id| committee.weight(&id));
    assert_eq!(weights, vector[3, 3, 2, 2]);
    assert_eq!(network.staking().epoch(), 1);
    assert_eq!(network.system().epoch(), 1);
    network.destroy();
}

#[test]
fun the_next_committee_can_be_foreseen() {
    let mut network = test_network::four();
    let staked = network.stake(3, 900);
    let foreseen = network.staking().compute_next_committee();
    network.next_epoch();
    assert_eq!(foreseen, *network.staking().committee());
    assert_eq!(network.staking().previous_committee().size(), 4);
    // 5 is the cap
    assert_eq!(foreseen.weight(&network.node_id(3)), 5);
    destroy(staked);
    network.destroy();
}

// === When ===

fun late(network: Network) {
    network.destroy();
}

#[test]
fun voting_ends_after_half_an_epoch() {
    let mut network = test_network::four();
    network.wait(500);
    network.voting_end();
    late(network);
}

#[test, expected_failure(abort_code = walrus::staking_inner::EWrongEpochState)]
fun voting_does_not_end_earlier() {
    let mut network = test_network::four();
    network.wait(499);
    network.voting_end();
    late(network);
}

#[test, expected_failure(abort_code = walrus::staking_inner::EWrongEpochState)]
fun voting_ends_once() {
    let mut network = test_network::four();
    network.wait(600);
    network.voting_end();
    network.voting_end();
    late(network);
}

#[test]
fun an_epoch_lasts_its_time() {
    let mut network = test_network::four();
    network.wait(600);
    network.voting_end();
    network.wait(400);
    network.change_epoch();
    late(network);
}

#[test, expected_failure(abort_code = walrus::staking_inner::EWrongEpochState)]
fun an_epoch_does_not_end_earlier() {
    let mut network = test_network::four();
    network.wait(600);
    network.voting_end();
    network.wait(399);
    network.change_epoch();
    late(network);
}

#[test, expected_failure(abort_code = walrus::staking_inner::ENextCommitteeIsEmpty)]
fun an_epoch_does_not_end_without_a_successor() {
    let mut network = test_network::four();
    network.wait(5_000);
    network.change_epoch();
    late(network);
}

#[test, expected_failure(abort_code = walrus::staking_inner::EWrongEpochState)]
fun voting_does_not_end_while_shards_move() {
    let mut network = test_network::four();
    network.select();
    network.wait(500);
    network.change_epoch();
    network.wait(5_000);
    network.voting_end();
    late(network);
}

#[test]
fun the_time_counts_from_when_shards_are_in_place() {
    let mut network = test_network::four();
    network.select();
    network.wait(500);
    network.change_epoch();
    network.wait(10_000);
    network.sync_done(0);
    network.sync_done(1);
    assert!(!network.staking().inner_for_testing().is_sync_done());
    network.sync_done(2);
    assert!(network.staking().inner_for_testing().is_sync_done());
    network.wait(100);
    // a late node changes nothing
    network.sync_done(3);
    network.wait(400);
    network.voting_end();
    late(network);
}

#[test, expected_failure(abort_code = walrus::staking_inner::EWrongEpochState)]
fun epoch_zero_does_not_end_early() {
    let ctx = &mut tx_context::dummy();
    let mut clock = sui::clock::create_for_testing(ctx);
    let mut staking = walrus::staking::new_for_testing(50, 1_000, 10, &clock, ctx);
    clock.increment_for_testing(49);
    staking.voting_end(&clock);
    destroy(staking);
    destroy(clock);
}

#[test, expected_failure(abort_code = walrus::staking_inner::ENoStake)]
fun an_epoch_needs_stake() {
    let mut network = test_network::empty(10);
    network.voting_end();
    late(network);
}

#[test, expected_failure(abort_code = walrus::staking::EDeprecatedFunction)]
fun the_first_version_of_the_change_is_gone() {
    let mut network = test_network::four();
    let (system, staking, _, clock, _) = network.everything();
    staking.initiate_epoch_change(system, clock);
    late(network);
}

// === epoch_sync_done ===

#[test, expected_failure(abort_code = walrus::staking_inner::EDuplicateSyncDone)]
fun a_node_reports_once() {
    let mut network = test_network::four();
    network.sync_done(0);
    late(network);
}

#[test, expected_failure(abort_code = walrus::staking_inner::EInvalidSyncEpoch)]
fun a_node_reports_the_current_epoch() {
    let mut network = test_network::four();
    let clock = sui::clock::create_for_testing(network.ctx());
    let (_, staking, cap) = network.with_cap(0);
    staking.epoch_sync_done(cap, 2, &clock);
    destroy(clock);
    late(network);
}

#[test, expected_failure(abort_code = walrus::staking_inner::ENotInCommittee)]
fun only_members_report() {
    let mut network = test_network::four();
    network.register(0, 10, 20, 1_000);
    network.sync_done(4);
    late(network);
}

// === Prices and capacity ===

#[test]
fun price_votes_apply_at_once_when_asked() {
    let mut network = test_network::four();
    let mut i = 0;
    // weights 3, 3, 2, 2
    vector[50, 40, 30, 60].do!(|price| {
        let (_, staking, cap) = network.with_cap(i);
        staking.set_storage_price_vote(cap, price);
        staking.set_write_price_vote(cap, price * 2);
        i = i + 1;
    });
    let (_, cost) = cost_of_a_mib(&mut network);
    assert_eq!(cost, 10);
    let (system, staking, _) = network.both();
    staking.update_prices(system);
    // 30: 2 shards, 40: 5, 50: 8
    let (_, cost) = cost_of_a_mib(&mut network);
    assert_eq!(cost, 50);
    let blob = network.register_blob(7, 1_000, true, 1);
    blob.burn();
    assert_eq!(network.system().future_accounting().ring_lookup(0).rewards(), 10 + 50 + 50 + 100);
    late(network);
}

fun cost_of_a_mib(network: &mut Network): (u64, u64) {
    let (storage, cost) = network.reserve(1, 1);
    let size = storage.size();
    storage.destroy();
    (size, cost)
}

#[test]
fun prices_are_those_of_the_new_committee() {
    let mut network = test_network::four();
    let staked = network.stake(3, 900);
    // node 3 gets 5 of 10 shards; with 3 for node 0 (or 1) and 2, the price is what 7 shards accept
    let (_, staking, cap) = network.with_cap(3);
    staking.set_storage_price_vote(cap, 99);
    network.next_epoch();
    let (_, cost) = cost_of_a_mib(&mut network);
    assert_eq!(cost, 99);
    destroy(staked);
    late(network);
}

#[test]
fun capacity_waits_for_the_next_epoch_and_keeps_what_is_used() {
    let mut network = test_network::four();
    let (storage, _) = network.reserve(1_000, 2);
    let mut i = 0;
    while (i < 4) {
        let (_, staking, cap) = network.with_cap(i);
        staking.set_node_capacity_vote(cap, 150);
        i = i + 1;
    };
    let (system, staking, _) = network.both();
    staking.update_prices(system);
    assert_eq!(network.system().total_capacity_size(), 3_333_333_333_333);
    network.next_epoch();
    // 150 * 10 / 3 = 500, but 1,000 are used
    assert_eq!(network.system().total_capacity_size(), 1_000);
    network.next_epoch();
    assert_eq!(network.system().total_capacity_size(), 500);
    storage.destroy();
    late(network);
}

#[test]
fun nothing_can_be_bought_before_the_first_committee() {
    let mut network = test_network::empty(10);
    let (system, staking, _) = network.both();
    staking.update_prices(system);
    let updates = sui::event::events_by_type<walrus::events::PricesUpdated>();
    let expected = x"00000000ffffffffffffffffffffffffffffffff";
    assert_eq!(sui::bcs::to_bytes(&updates[0]), expected);
    late(network);
}

#[test]
fun the_parameters_of_the_last_selection_stay() {
    let mut network = test_network::four();
    let params = network.staking().inner_for_testing().next_epoch_params();
    assert_eq!(params.capacity(), 3_333_333_333_333);
    late(network);
}

// === Nodes ===

#[test]
fun a_new_key_signs_from_the_next_epoch_on() {
    let mut network = test_network::four();
    announce_key(&mut network);
    // the old key still signs
    let blob = network.certified_blob(7, true, 2);
    blob.burn();
    network.next_epoch();
    certify_by(&mut network, 40);
    late(network);
}

/// Node 0 announces the key of the secret 41.
fun announce_key(network: &mut Network) {
    let key = test_network::public_key(40);
    let proof = test_network::prove(network.epoch(), @0x0, 40);
    let ctx = &mut tx_context::dummy();
    let (_, staking, cap) = network.with_cap(0);
    staking.set_next_public_key(cap, key, proof, ctx);
}

/// All sign for a blob, node 0 with the key of another number.
fun certify_by(network: &mut Network, first: u64) {
    let mut blob = network.register_blob(8, 1_000, true, 2);
    let message = test_network::confirmation(network.epoch(), &blob);
    let signature = test_network::sign(&message, vector[first, 1, 2, 3]);
    network.system().certify_blob(&mut blob, signature, x"0f", message);
    blob.burn();
}

#[test]
fun after_the_selection_a_new_key_waits_one_epoch_more() {
    let mut network = test_network::four();
    network.select();
    announce_key(&mut network);
    network.advance();
    certify_by(&mut network, 0);
    network.next_epoch();
    certify_by(&mut network, 40);
    late(network);
}

#[test, expected_failure(abort_code = walrus::bls_aggregate::ESigVerification)]
fun and_does_not_sign_earlier_real_bls() {
    let mut network = test_network::four();
    network.select();
    announce_key(&mut network);
    network.advance();
    certify_by(&mut network, 40);
    late(network);
}

#[test]
fun a_node_changes_its_record() {
    let mut network = test_network::four();
    let node_id = network.node_id(0);
    let (_, staking, cap) = network.with_cap(0);
    staking.set_name(cap, b"other".to_string());
    staking.set_network_address(cap, b"10.0.0.1:1".to_string());
    staking.set_network_public_key(cap, test_network::network_key());
    let metadata = walrus::node_metadata::new(
        b"image".to_string(),
        b"project".to_string(),
        b"words".to_string(),
    );
    staking.set_node_metadata(cap, metadata);
    assert_eq!(staking.node_metadata(node_id), metadata);
    late(network);
}

fun record(name_bytes: u64, address_bytes: u64) {
    let mut network = test_network::four();
    let (_, staking, cap) = network.with_cap(0);
    staking.set_name(cap, vector::tabulate!(name_bytes, |_| 97).to_string());
    staking.set_network_address(cap, vector::tabulate!(address_bytes, |_| 97).to_string());
    late(network);
}

#[test]
fun the_longest_name_and_address() { record(100, 259) }

#[test, expected_failure(abort_code = walrus::staking_pool::EInvalidNameLength)]
fun a_longer_name() { record(101, 1) }

#[test, expected_failure(abort_code = walrus::staking_pool::EInvalidNetworkAddressLength)]
fun a_longer_address() { record(1, 260) }

fun register(name_bytes: u64, address_bytes: u64) {
    let mut network = test_network::four();
    let (_, staking, ctx) = network.both();
    let cap = staking.register_candidate(
        vector::tabulate!(name_bytes, |_| 97).to_string(),
        vector::tabulate!(address_bytes, |_| 97).to_string(),
        walrus::node_metadata::default(),
        test_network::public_key(4),
        test_network::network_key(),
        test_network::prove(1, @0x0, 4),
        0,
        0,
        0,
        0,
        ctx,
    );
    destroy(cap);
    late(network);
}

#[test]
fun the_longest_name_and_address_to_begin_with() { register(100, 259) }

#[test, expected_failure(abort_code = walrus::staking_pool::EInvalidNameLength)]
fun a_longer_name_to_begin_with() { register(101, 1) }

#[test, expected_failure(abort_code = walrus::staking_pool::EInvalidNetworkAddressLength)]
fun a_longer_address_to_begin_with() { register(1, 260) }

#[test, expected_failure(abort_code = walrus::staking_inner::EPoolNotFound)]
fun no_rewards_of_nobody() {
    let mut network = test_network::four();
    network.staking().calculate_rewards(@0x1.to_id(), 1, 1, 2);
    late(network);
}

#[test, expected_failure(abort_code = walrus::storage_node::EInvalidNetworkPublicKey)]
fun a_network_key_has_33_bytes() {
    let mut network = test_network::four();
    let (_, staking, cap) = network.with_cap(0);
    staking.set_network_public_key(cap, vector[1]);
    late(network);
}

#[test, expected_failure(abort_code = sui::dynamic_field::EFieldDoesNotExist)]
fun a_node_must_exist() {
    let mut network = test_network::four();
    network.staking().node_metadata(@0x1.to_id());
    late(network);
}

// === Versions ===

#[test, expected_failure(abort_code = walrus::system::EWrongVersion)]
fun a_system_of_another_version() {
    let mut network = test_network::four();
    network.system().downgrade_for_testing();
    network.system().epoch();
    late(network);
}

#[test, expected_failure(abort_code = walrus::staking::EWrongVersion)]
fun staking_of_another_version() {
    let mut network = test_network::four();
    network.staking().downgrade_for_testing();
    network.staking().epoch();
    late(network);
}
