#[test_only]
module walrus::commission_tests;

use std::unit_test::{assert_eq, destroy};
use walrus::auth;
use walrus::test_network::{Self, Network};

const MIB: u64 = 1_048_576;

/// One node with all 10 shards, 10% commission, in epoch 1.
fun network(): Network {
    let mut network = test_network::empty(10);
    network.register(1_000, 10, 20, 1_000_000_000_000);
    destroy(network.stake(0, 100));
    network.next_epoch();
    network
}

/// 1,000,000 FROST for the current epoch, 970,000 of them rewards.
fun pay(network: &mut Network) {
    let (storage, _) = network.reserve(100_000 * MIB, 1);
    storage.destroy();
}

fun collect(network: &mut Network): u64 {
    let coin = network.collect(0);
    network.spend(coin)
}

#[test]
fun commission_is_taken_first_and_blocked_until_the_votes_are_over() {
    let mut network = network();
    pay(&mut network);
    network.next_epoch();
    assert_eq!(collect(&mut network), 0);
    network.select();
    assert_eq!(collect(&mut network), 97_000);
    assert_eq!(collect(&mut network), 0);
    let id = network.node_id(0);
    let rewards = network.staking().calculate_rewards(id, test_network::frost(100), 1, 2);
    assert_eq!(rewards, 970_000 - 97_000);
    network.destroy();
}

#[test]
fun a_new_rate_holds_from_the_epoch_after_the_next() {
    let mut network = network();
    let (_, staking, cap) = network.with_cap(0);
    staking.set_next_commission(cap, 9_999);
    // the later of two settings counts
    staking.set_next_commission(cap, 2_000);
    let mut collected = vector[];
    let mut i = 0;
    while (i < 3) {
        pay(&mut network);
        network.next_epoch();
        network.select();
        collected.push_back(collect(&mut network));
        network.advance();
        i = i + 1;
    };
    // paid in epochs 1, 3 and 5; the rate changes with epoch 3
    assert_eq!(collected, vector[97_000, 194_000, 194_000]);
    network.destroy();
}

#[test]
fun the_old_rate_holds_for_the_next_epoch() {
    let mut network = network();
    let (_, staking, cap) = network.with_cap(0);
    staking.set_next_commission(cap, 2_000);
    network.next_epoch();
    pay(&mut network);
    network.next_epoch();
    network.select();
    assert_eq!(collect(&mut network), 97_000);
    network.destroy();
}

#[test, expected_failure(abort_code = walrus::staking_pool::EIncorrectCommissionRate)]
fun a_rate_is_at_most_all() {
    let mut network = network();
    let (_, staking, cap) = network.with_cap(0);
    staking.set_next_commission(cap, 10_001);
    network.destroy();
}

#[test, expected_failure(abort_code = walrus::staking_pool::EIncorrectCommissionRate)]
fun a_rate_is_at_most_all_from_the_start() {
    let mut network = test_network::empty(10);
    network.register(10_001, 10, 20, 1);
    network.destroy();
}

#[test]
fun the_receiver_can_name_another() {
    let mut network = network();
    let node_id = network.node_id(0);
    network.select();
    add(&mut network, 7);
    let (_, staking, cap) = network.with_cap(0);
    staking.set_commission_receiver(
        node_id,
        auth::authenticate_with_object(cap),
        auth::authorized_address(@0x0),
    );
    let (_, staking, ctx) = network.both();
    let coin = staking.collect_commission(node_id, auth::authenticate_sender(ctx), ctx);
    assert_eq!(network.spend(coin), 7);
    network.destroy();
}

#[test, expected_failure(abort_code = walrus::staking_pool::EAuthorizationFailure)]
fun nobody_else_can_collect() {
    let mut network = network();
    let node_id = network.node_id(0);
    let (_, staking, ctx) = network.both();
    destroy(staking.collect_commission(node_id, auth::authenticate_sender(ctx), ctx));
    network.destroy();
}

#[test, expected_failure(abort_code = walrus::staking_pool::EAuthorizationFailure)]
fun nobody_else_can_name_a_receiver() {
    let mut network = network();
    let node_id = network.node_id(0);
    let (_, staking, ctx) = network.both();
    staking.set_commission_receiver(
        node_id,
        auth::authenticate_sender(ctx),
        auth::authorized_address(@0x0),
    );
    network.destroy();
}

#[test, expected_failure]
fun commissions_go_with_nodes() {
    let mut network = network();
    let node_id = network.node_id(0);
    network.staking().add_commission_to_pools(vector[node_id], vector[]);
    network.destroy();
}

fun add(network: &mut Network, amount: u64) {
    let node_id = network.node_id(0);
    let balance = network.mint(amount).into_balance();
    network.staking().add_commission_to_pools(vector[node_id], vector[balance]);
}

#[test]
fun added_commission_is_blocked_until_the_votes_are_over() {
    let mut network = network();
    network.next_epoch();
    add(&mut network, 7);
    add(&mut network, 5);
    assert_eq!(collect(&mut network), 0);
    network.select();
    assert_eq!(collect(&mut network), 12);
    // between the votes' end and the change nothing is blocked
    add(&mut network, 3);
    assert_eq!(collect(&mut network), 3);
    network.destroy();
}

#[test]
fun who_matches_whom() {
    let ctx = &tx_context::dummy();
    let object = walrus::storage_node::new_cap(@0x5.to_id(), &mut tx_context::dummy());
    let by_object = auth::authorized_object(object::id(&object));
    let by_address = auth::authorized_address(@0x0);
    assert!(auth::authenticate_sender(ctx).matches(&by_address));
    assert!(!auth::authenticate_sender(ctx).matches(&by_object));
    assert!(!auth::authenticate_sender(ctx).matches(&auth::authorized_address(@0x1)));
    assert!(auth::authenticate_with_object(&object).matches(&by_object));
    assert!(!auth::authenticate_with_object(&object).matches(&by_address));
    assert!(!auth::authenticate_with_object(&object).matches(&auth::authorized_object(@0x5.to_id())));
    destroy(object);
}
