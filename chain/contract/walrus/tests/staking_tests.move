/// When stake counts, when it comes back, and what it has earned.
#[test_only]
module walrus::staking_tests;

use std::unit_test::{assert_eq, destroy};
use walrus::staked_wal::StakedWal;
use walrus::test_network::{Self, Network, frost};

const MIB: u64 = 1_048_576;

/// Withdraws and answers the amount.
fun payout(network: &mut Network, staked: StakedWal): u64 {
    let coin = network.withdraw(staked);
    network.spend(coin)
}

/// Pays 1,000,000 FROST for storage in the current epoch: 970,000 are rewards.
fun pay(network: &mut Network) {
    let (storage, cost) = network.reserve(100_000 * MIB, 1);
    assert_eq!(cost, 1_000_000);
    storage.destroy();
}

// === Before it counts ===

#[test]
fun stake_counts_from_the_next_epoch_before_the_selection() {
    let mut network = test_network::four();
    let staked = network.stake(0, 5);
    assert_eq!(staked.activation_epoch(), 2);
    assert_eq!(staked.value(), frost(5));
    assert_eq!(staked.node_id(), network.node_id(0));
    assert!(staked.is_staked());
    assert!(network.staking().can_withdraw_staked_wal_early(&staked));
    assert_eq!(payout(&mut network, staked), frost(5));
    network.destroy();
}

#[test]
fun and_from_the_one_after_it_after_the_selection() {
    let mut network = test_network::four();
    network.select();
    let staked = network.stake(0, 5);
    assert_eq!(staked.activation_epoch(), 3);
    assert!(network.staking().can_withdraw_staked_wal_early(&staked));
    network.advance();
    // in epoch 2, before the selection for 3
    assert!(network.staking().can_withdraw_staked_wal_early(&staked));
    assert_eq!(payout(&mut network, staked), frost(5));
    network.destroy();
}

#[test]
fun once_selected_it_stays_for_an_epoch() {
    let mut network = test_network::four();
    network.set(b"fee", 0);
    let mut staked = network.stake(0, 5);
    network.select();
    assert!(!network.staking().can_withdraw_staked_wal_early(&staked));
    network.request_withdraw(&mut staked);
    assert!(staked.is_withdrawing());
    assert_eq!(staked.withdraw_epoch(), 3);
    network.advance();
    pay(&mut network);
    network.next_epoch();
    // 970,000 * 3 / 10 for 105 WAL, 5 of them ours
    assert_eq!(payout(&mut network, staked), frost(5) + 291_000 * 5 / 105);
    network.destroy();
}

#[test, expected_failure(abort_code = walrus::staking_pool::ENotWithdrawing)]
fun once_selected_it_needs_notice() {
    let mut network = test_network::four();
    let staked = network.stake(0, 5);
    network.select();
    payout(&mut network, staked);
    network.destroy();
}

#[test, expected_failure(abort_code = walrus::staking_pool::EWithdrawDirectly)]
fun no_notice_for_what_does_not_count() {
    let mut network = test_network::four();
    let mut staked = network.stake(0, 5);
    network.request_withdraw(&mut staked);
    destroy(staked);
    network.destroy();
}

// === Active ===

/// A stake of 5 WAL with node 0 that is active in epoch 2.
fun active(): (Network, StakedWal) {
    let mut network = test_network::four();
    network.set(b"fee", 0);
    let staked = network.stake(0, 5);
    network.next_epoch();
    (network, staked)
}

#[test]
fun notice_before_the_selection_pays_next_epoch() {
    let (mut network, mut staked) = active();
    network.request_withdraw(&mut staked);
    assert_eq!(staked.withdraw_epoch(), 3);
    pay(&mut network);
    network.next_epoch();
    assert_eq!(payout(&mut network, staked), frost(5) + 291_000 * 5 / 105);
    network.destroy();
}

#[test]
fun notice_after_the_selection_pays_the_epoch_after_it() {
    let (mut network, mut staked) = active();
    network.select();
    network.request_withdraw(&mut staked);
    assert_eq!(staked.withdraw_epoch(), 4);
    network.advance();
    pay(&mut network);
    network.next_epoch();
    // it earned in epoch 3 too
    assert_eq!(payout(&mut network, staked), frost(5) + 291_000 * 5 / 105);
    network.destroy();
}

#[test]
fun nothing_is_earned_after_the_withdrawal_epoch() {
    let (mut network, mut staked) = active();
    network.request_withdraw(&mut staked);
    network.next_epoch();
    pay(&mut network);
    network.next_epoch();
    assert_eq!(payout(&mut network, staked), frost(5));
    network.destroy();
}

#[test, expected_failure(abort_code = walrus::staking_pool::EWithdrawEpochNotReached)]
fun not_before_the_epoch_comes() {
    let (mut network, mut staked) = active();
    network.request_withdraw(&mut staked);
    payout(&mut network, staked);
    network.destroy();
}

#[test, expected_failure(abort_code = walrus::staking_pool::ENotStaked)]
fun notice_is_given_once() {
    let (mut network, mut staked) = active();
    network.request_withdraw(&mut staked);
    network.request_withdraw(&mut staked);
    destroy(staked);
    network.destroy();
}

#[test, expected_failure(abort_code = walrus::staking_pool::ENotWithdrawing)]
fun active_stake_needs_notice() {
    let (mut network, staked) = active();
    payout(&mut network, staked);
    network.destroy();
}

#[test, expected_failure(abort_code = walrus::staked_wal::ENotWithdrawing)]
fun no_withdrawal_epoch_without_notice() {
    let (network, staked) = active();
    staked.withdraw_epoch();
    destroy(staked);
    network.destroy();
}

#[test]
fun a_node_without_shards_pays_at_once() {
    let mut network = test_network::with_stakes(10, vector[100, 100, 100, 100, 1]);
    let node_id = network.node_id(4);
    assert!(!network.staking().committee().contains(&node_id));
    let staked = network.stake(4, 2);
    network.next_epoch();
    assert_eq!(staked.activation_epoch(), 2);
    network.skip_epochs(2);
    assert_eq!(payout(&mut network, staked), frost(2));
    network.destroy();
}

#[test, expected_failure(abort_code = walrus::staking_pool::EWithdrawDirectly)]
fun and_takes_no_notice() {
    let mut network = test_network::with_stakes(10, vector[100, 100, 100, 100, 1]);
    let mut staked = network.stake(4, 2);
    network.next_epoch();
    network.request_withdraw(&mut staked);
    destroy(staked);
    network.destroy();
}

#[test]
fun a_node_that_left_pays_what_it_earned() {
    let mut network = test_network::with_stakes(10, vector[100, 100, 100, 100, 30]);
    network.set(b"fee", 0);
    let node_id = network.node_id(4);
    assert!(!network.staking().committee().contains(&node_id));
    let mut big = network.stake(4, 70);
    let small = network.stake(4, 1);
    network.next_epoch();
    // 101 WAL: in the committee of epoch 2, with 2 shards
    assert_eq!(network.staking().committee().weight(&node_id), 2);
    pay(&mut network);
    network.request_withdraw(&mut big);
    network.next_epoch();
    assert!(!network.staking().committee().contains(&node_id));
    let all = 970_000 * 2 / 10;
    assert_eq!(payout(&mut network, big), frost(70) + all * 70 / 101);
    network.skip_epochs(3);
    assert_eq!(payout(&mut network, small), frost(1) + all / 101);
    network.destroy();
}

// === Splitting and joining ===

#[test]
fun stakes_split_and_join() {
    let (mut network, mut staked) = active();
    let part = staked.split(frost(2), network.ctx());
    assert_eq!(part.value(), frost(2));
    assert_eq!(staked.value(), frost(3));
    assert_eq!(part.activation_epoch(), 2);
    staked.join(part);
    assert_eq!(staked.value(), frost(5));
    network.request_withdraw(&mut staked);
    let part = staked.split(frost(1), network.ctx());
    network.next_epoch();
    assert_eq!(payout(&mut network, part) + payout(&mut network, staked), frost(5));
    network.destroy();
}

fun split(amount: u64) {
    let (mut network, mut staked) = active();
    let part = staked.split(amount, network.ctx());
    destroy(part);
    destroy(staked);
    network.destroy();
}

#[test, expected_failure(abort_code = walrus::staked_wal::EStakeBelowThreshold)]
fun a_part_is_at_least_a_wal() { split(frost(1) - 1) }

#[test, expected_failure(abort_code = walrus::staked_wal::EStakeBelowThreshold)]
fun a_rest_is_at_least_a_wal() { split(frost(4) + 1) }

#[test, expected_failure(abort_code = walrus::staked_wal::EInvalidAmount)]
fun a_part_is_less_than_all() { split(frost(5)) }

#[test, expected_failure(abort_code = walrus::staked_wal::EStakeBelowThreshold)]
fun a_stake_is_at_least_a_wal() {
    stake_frost(frost(1) - 1)
}

#[test, expected_failure(abort_code = walrus::staking_pool::EZeroStake)]
fun a_stake_is_not_nothing() { stake_frost(0) }

fun stake_frost(amount: u64) {
    let mut network = test_network::four();
    let node_id = network.node_id(0);
    let coin = network.mint(amount);
    let (_, staking, ctx) = network.both();
    destroy(staking.stake_with_pool(coin, node_id, ctx));
    network.destroy();
}

fun join(node: u64, later: bool, withdrawing: bool) {
    let mut network = test_network::four();
    let mut staked = network.stake(0, 5);
    if (later) network.next_epoch();
    let mut other = network.stake(node, 5);
    if (withdrawing) {
        network.select();
        network.request_withdraw(&mut other);
    };
    staked.join(other);
    destroy(staked);
    network.destroy();
}

#[test]
fun stakes_of_the_same_kind_join() { join(0, false, false) }

#[test, expected_failure(abort_code = walrus::staked_wal::EMetadataMismatch)]
fun not_of_another_node() { join(1, false, false) }

#[test, expected_failure(abort_code = walrus::staked_wal::EMetadataMismatch)]
fun not_of_another_epoch() { join(0, true, false) }

#[test, expected_failure(abort_code = walrus::staked_wal::EMetadataMismatch)]
fun not_of_another_state() { join(0, false, true) }

// === Rewards ===

#[test]
fun rewards_follow_weight_after_three_percent_are_burned() {
    let mut network = test_network::four();
    let before = network.supply();
    let (storage, cost) = network.reserve(1_000 * MIB, 2);
    storage.destroy();
    // `reserve` mints 1 WAL and burns the change
    assert_eq!(network.supply(), before + cost);
    network.next_epoch();
    // 10,000 for epoch 1: 300 are burned, 9,700 split by weight
    assert_eq!(network.supply(), before + cost - 300);
    let rewards = network.node_ids().map!(|id| {
        network.staking().calculate_rewards(id, frost(100), 1, 2)
    });
    assert_eq!(rewards, vector[2_910, 2_910, 1_940, 1_940]);
    network.next_epoch();
    assert_eq!(network.supply(), before + cost - 600);
    network.destroy();
}

#[test]
fun the_remainder_goes_to_the_next_epoch() {
    let mut network = test_network::four();
    let (storage, _) = network.reserve(1, 1);
    storage.destroy();
    let subsidy = network.mint(9);
    network.system().add_subsidy(subsidy, 1);
    network.next_epoch();
    // 19 FROST: nothing to burn (0.57), 5 + 5 + 3 + 3 paid
    assert_eq!(network.system().future_accounting().ring_lookup(0).rewards(), 3);
    network.destroy();
}

#[test]
fun without_anything_stored_all_goes_to_the_next_epoch() {
    let mut network = test_network::four();
    let subsidy = network.mint(1_000);
    network.system().add_subsidy(subsidy, 1);
    network.next_epoch();
    assert_eq!(network.system().future_accounting().ring_lookup(0).rewards(), 970);
    network.destroy();
}

#[test]
fun rewards_compound() {
    let mut network = test_network::four();
    pay(&mut network);
    network.next_epoch();
    pay(&mut network);
    network.next_epoch();
    let id = network.node_id(0);
    assert_eq!(network.staking().calculate_rewards(id, frost(100), 1, 3), 582_000);
    assert_eq!(network.staking().calculate_rewards(id, frost(100), 1, 2), 291_000);
    // who comes later earns less for the same principal
    let later = network.staking().calculate_rewards(id, frost(100), 2, 3);
    assert!(later < 291_000 && later > 290_900);
    network.destroy();
}

// === Subsidies ===

#[test]
fun a_subsidy_is_spread() {
    let mut network = test_network::four();
    let subsidy = network.mint(11);
    network.system().add_subsidy(subsidy, 3);
    let accounting = network.system().future_accounting();
    assert_eq!(accounting.ring_lookup(0).rewards(), 3 + 2);
    assert_eq!(accounting.ring_lookup(1).rewards(), 3);
    assert_eq!(accounting.ring_lookup(2).rewards(), 3);
    assert_eq!(accounting.ring_lookup(3).rewards(), 0);
    let subsidies = vector[5, 0, 7].map!(|n| network.mint(n).into_balance());
    network.system().add_per_epoch_subsidies(subsidies);
    let accounting = network.system().future_accounting();
    assert_eq!(accounting.ring_lookup(0).rewards(), 10);
    assert_eq!(accounting.ring_lookup(1).rewards(), 3);
    assert_eq!(accounting.ring_lookup(2).rewards(), 10);
    network.destroy();
}

fun subsidize(epochs: u32) {
    let mut network = test_network::four();
    let subsidy = network.mint(11);
    network.system().add_subsidy(subsidy, epochs);
    network.destroy();
}

#[test]
fun a_subsidy_for_all_epochs() { subsidize(10) }

#[test, expected_failure(abort_code = walrus::system_state_inner::EInvalidEpochsAhead)]
fun no_subsidy_for_no_epoch() { subsidize(0) }

#[test, expected_failure(abort_code = walrus::system_state_inner::EInvalidEpochsAhead)]
fun no_subsidy_too_far_ahead() { subsidize(11) }

#[test, expected_failure(abort_code = walrus::system_state_inner::EInvalidEpochsAhead)]
fun no_subsidies_too_far_ahead() {
    let mut network = test_network::four();
    let subsidies = vector::tabulate!(11, |_| network.mint(1).into_balance());
    network.system().add_per_epoch_subsidies(subsidies);
    network.destroy();
}

// === The active set ===

#[test]
fun a_node_whose_stake_leaves_loses_its_place() {
    let (mut network, staked) = active();
    destroy(staked);
    let (staking, first, ctx) = network.first_stake(3);
    staking.request_withdraw_stake(first, ctx);
    network.next_epoch();
    let node_id = network.node_id(3);
    assert!(!network.staking().committee().contains(&node_id));
    assert_eq!(network.staking().committee().size(), 3);
    // and returns with new stake
    let back = network.stake(3, 50);
    let (_, staking, cap) = network.with_cap(3);
    staking.try_join_active_set(cap);
    network.next_epoch();
    assert_eq!(network.staking().committee().size(), 4);
    destroy(back);
    network.destroy();
}

/// What rounding leaves behind is stake like any other: its node keeps its place.
#[test]
fun a_few_frost_keep_a_place() {
    let mut network = test_network::four();
    pay(&mut network);
    let mut one = network.stake(0, 60);
    let mut other = network.stake(0, 60);
    network.next_epoch();
    // apart these two have one share less than together
    network.request_withdraw(&mut one);
    network.request_withdraw(&mut other);
    let (staking, first, ctx) = network.first_stake(0);
    staking.request_withdraw_stake(first, ctx);
    let node_id = network.node_id(0);
    let inner = network.staking().inner_for_testing();
    let left = inner.pool(node_id).wal_balance_at_epoch(3);
    assert!(0 < left && left < 10);
    let (ids, _) = inner.active_set_for_testing();
    assert!(ids.contains(&node_id));
    destroy(one);
    destroy(other);
    network.destroy();
}

/// While a node is in no committee its pool stands still: the rate is that of its last epoch.
#[test]
fun a_pool_outside_stands_still() {
    let mut network = test_network::with_stakes(10, vector[100, 100, 100, 100, 1]);
    let node_id = network.node_id(4);
    let staked = network.stake(4, 2);
    network.skip_epochs(3);
    let pool = network.staking().inner_for_testing().pool(node_id);
    assert_eq!(pool.latest_epoch(), 0);
    assert_eq!(pool.wal_balance(), 0);
    assert_eq!(pool.wal_balance_at_epoch(4), frost(3));
    assert_eq!(payout(&mut network, staked), frost(2));
    let pool = network.staking().inner_for_testing().pool(node_id);
    assert_eq!(pool.wal_balance_at_epoch(4), frost(1));
    network.destroy();
}
