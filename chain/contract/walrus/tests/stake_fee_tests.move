/// What stake pays that leaves soon after it began to count: 1% within two epochs, unless a test says otherwise.
#[test_only]
module walrus::stake_fee_tests;

use std::unit_test::{assert_eq, destroy};
use walrus::recent_stake;
use walrus::staked_wal::StakedWal;
use walrus::test_network::{Self, Network, frost};

fun payout(network: &mut Network, staked: StakedWal): u64 {
    let coin = network.withdraw(staked);
    network.spend(coin)
}

fun fees(network: &mut Network): u64 { network.staking().fees_for_testing() }

fun rewards(network: &mut Network, i: u64): u64 {
    let node_id = network.node_id(i);
    network.staking().inner_for_testing().pool(node_id).rewards_amount()
}

/// A stake of 100 WAL with node 0 that is active in epoch 2.
fun active(): (Network, StakedWal) {
    let mut network = test_network::four();
    let staked = network.stake(0, 100);
    network.next_epoch();
    (network, staked)
}

#[test]
fun a_new_stake_pays_of_its_principal_and_not_of_its_rewards() {
    let (mut network, mut staked) = active();
    let (storage, _) = network.reserve(100_000 * 1_048_576, 1);
    storage.destroy();
    let node_id = network.node_id(0);
    let shards = network.staking().committee().weight(&node_id) as u64;
    network.request_withdraw(&mut staked);
    network.next_epoch();
    assert_eq!(fees(&mut network), 0);
    // half of what the pool has earned
    let earned = 970_000 * shards / 10 / 2;
    assert_eq!(payout(&mut network, staked), frost(99) + earned);
    assert_eq!(fees(&mut network), frost(1));
    network.destroy();
}

#[test]
fun the_second_epoch_costs_and_the_third_does_not() {
    let (mut network, mut staked) = active();
    let mut rest = staked.split(frost(40), network.ctx());
    network.next_epoch();
    network.request_withdraw(&mut staked);
    network.next_epoch();
    assert_eq!(payout(&mut network, staked), frost(60) - frost(60) / 100);
    network.request_withdraw(&mut rest);
    network.next_epoch();
    assert!(payout(&mut network, rest) >= frost(40));
    network.destroy();
}

#[test]
fun a_stake_pays_that_only_a_selection_counted_and_one_that_none_did_does_not() {
    let mut network = test_network::four();
    let mut staked = network.stake(0, 100);
    let early = network.stake(0, 50);
    assert_eq!(payout(&mut network, early), frost(50));
    network.select();
    network.request_withdraw(&mut staked);
    network.advance();
    network.next_epoch();
    assert_eq!(payout(&mut network, staked), frost(99));
    network.destroy();
}

#[test]
fun a_stake_pays_nothing_whose_node_leaves() {
    let mut network = test_network::with_stakes(10, vector[100, 100, 100, 100, 30]);
    let mut first = network.stake(4, 70);
    let second = network.stake(4, 10);
    network.next_epoch();
    let node_id = network.node_id(4);
    assert!(network.staking().committee().contains(&node_id));
    4u64.do!(|i| {
        let more = network.stake(i, 10_000);
        destroy(more);
    });
    network.select();
    network.request_withdraw(&mut first);
    assert_eq!(first.withdraw_epoch(), 3);
    network.advance();
    assert!(!network.staking().committee().contains(&node_id));
    assert_eq!(payout(&mut network, first), frost(70));
    assert_eq!(payout(&mut network, second), frost(10));
    assert_eq!(fees(&mut network), 0);
    network.destroy();
}

#[test]
fun what_a_stake_pays_is_settled_by_the_notice() {
    let (mut network, mut staked) = active();
    network.request_withdraw(&mut staked);
    let part = staked.split(frost(30), network.ctx());
    network.set(b"fee", 1_000);
    network.set(b"settle", 1);
    network.next_epoch();
    assert_eq!(payout(&mut network, part), frost(30) - frost(30) / 100);
    assert_eq!(payout(&mut network, staked), frost(70) - frost(70) / 100);
    network.destroy();
}

#[test]
fun parts_are_joined_and_pay_as_one() {
    let (mut network, mut staked) = active();
    network.request_withdraw(&mut staked);
    let part = staked.split(frost(30), network.ctx());
    staked.join(part);
    network.next_epoch();
    assert_eq!(payout(&mut network, staked), frost(99));
    network.destroy();
}

#[test, expected_failure(abort_code = walrus::staked_wal::EMetadataMismatch)]
fun what_pays_is_not_joined_to_what_does_not() {
    let (mut network, mut staked) = active();
    let mut part = staked.split(frost(30), network.ctx());
    network.request_withdraw(&mut staked);
    network.set(b"fee", 0);
    network.request_withdraw(&mut part);
    staked.join(part);
    destroy(staked);
    destroy(network);
}

#[test]
fun half_is_burned_and_half_goes_to_pools_by_their_older_stake() {
    let mut network = test_network::with_stakes(10, vector[100, 200, 300, 400]);
    let mut leaving = network.stake(1, 100);
    let new = network.stake(0, 1_000);
    network.next_epoch();
    network.request_withdraw(&mut leaving);
    network.next_epoch();
    payout(&mut network, leaving);
    let supply = network.supply();
    network.next_epoch();
    assert_eq!(network.supply(), supply - frost(1) / 2);
    4u64.do!(|i| assert_eq!(rewards(&mut network, i), frost(1) / 20 * (i + 1)));
    assert_eq!(fees(&mut network), 0);
    destroy(new);
    network.destroy();
}

#[test]
fun what_rounding_leaves_is_shared_out_the_next_time() {
    let mut network = test_network::with_stakes(10, vector[100, 100, 100]);
    let mut leaving = network.stake(1, 100);
    network.next_epoch();
    network.request_withdraw(&mut leaving);
    network.next_epoch();
    payout(&mut network, leaving);
    network.next_epoch();
    assert_eq!(rewards(&mut network, 0), frost(1) / 6);
    assert_eq!(fees(&mut network), 2);
    network.destroy();
}

#[test]
fun all_is_burned_where_nobody_has_older_stake() {
    let (mut network, mut staked) = active();
    network.set(b"settle", 10);
    network.request_withdraw(&mut staked);
    network.next_epoch();
    payout(&mut network, staked);
    let supply = network.supply();
    network.next_epoch();
    assert_eq!(network.supply(), supply - frost(1));
    4u64.do!(|i| assert_eq!(rewards(&mut network, i), 0));
    network.destroy();
}

#[test]
fun what_is_recent_is_known_by_when_it_came_and_when_it_leaves() {
    let mut recent = recent_stake::empty();
    recent.add(5, 100, 4);
    recent.add(6, 10, 4);
    recent.add(5, 1, 5);
    assert_eq!(recent.amount_at(4, 2), 0);
    assert_eq!(recent.amount_at(5, 2), 101);
    assert_eq!(recent.amount_at(6, 2), 111);
    assert_eq!(recent.amount_at(7, 2), 10);
    recent.leave(5, 6, 41);
    assert_eq!(recent.amount_at(5, 2), 101);
    assert_eq!(recent.amount_at(6, 2), 70);
    assert_eq!(recent.remove(5, 61), 60);
    assert_eq!(recent.remove(9, 1), 0);
    recent.leave(8, 9, 1);
    assert_eq!(recent.amount_at(6, 2), 10);
}

#[test]
fun what_is_not_recent_any_more_is_forgotten() {
    let mut recent = recent_stake::empty();
    50u32.do!(|epoch| {
        recent.add(epoch + 1, 10, epoch);
        recent.leave(epoch + 1, epoch + 3, 5);
    });
    assert!(recent.size_for_testing() < 20);
    assert_eq!(recent.amount_at(50, 10), 10 * 5 + 2 * 5);
}
