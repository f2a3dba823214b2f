/// Random histories: no WAL appears or vanishes, everyone is paid in full but for fees, and what stays behind is rounding.
#[test_only]
module walrus::conservation_tests;

use std::unit_test::assert_eq;
use walrus::staked_wal::StakedWal;
use walrus::test_network::{Self, Network, frost};

const MIB: u64 = 1_048_576;
const NODES: u64 = 5;
/// FROST that rounding may leave in a pool.
const DUST: u64 = 100;

public struct Random has drop { state: u64 }

fun below(self: &mut Random, n: u64): u64 {
    self.state = (self.state * 48_271) % 2_147_483_647;
    self.state % n
}

/// WAL that is in the system: what is in pools and in the buffer for future epochs, and the stakes.
fun in_system(network: &mut Network, stakes: &vector<StakedWal>): u64 {
    let mut sum = network.staking().fees_for_testing();
    stakes.do_ref!(|staked| sum = sum + staked.value());
    let mut i = 0;
    while (i < NODES) {
        let node_id = network.node_id(i);
        let pool = network.staking().inner_for_testing().pool(node_id);
        sum = sum + pool.rewards_amount() + pool.commission_amount();
        i = i + 1;
    };
    let accounting = network.system().future_accounting();
    let mut offset = 0;
    while (offset < accounting.max_epochs_ahead()) {
        sum = sum + accounting.ring_lookup(offset).rewards();
        offset = offset + 1;
    };
    sum
}

fun pay_out(network: &mut Network, staked: StakedWal) {
    let principal = staked.value();
    let coin = network.withdraw(staked);
    // a fee of 1% at most
    assert!(network.spend(coin) >= principal - principal / 100);
}

/// What active stake is worth is there: as principals in the stakes, or as rewards in the pool.
fun assert_solvent(network: &mut Network, stakes: &vector<StakedWal>) {
    let epoch = network.epoch();
    let mut i = 0;
    while (i < NODES) {
        let node_id = network.node_id(i);
        let pool = network.staking().inner_for_testing().pool(node_id);
        let mut there = pool.rewards_amount();
        stakes.do_ref!(|staked| {
            if (staked.node_id() == node_id && is_active(staked, epoch)) {
                there = there + staked.value();
            }
        });
        assert!(pool.wal_balance_at_epoch(epoch) <= there + DUST);
        i = i + 1;
    }
}

fun is_active(staked: &StakedWal, epoch: u32): bool {
    staked.activation_epoch() <= epoch && (staked.is_staked() || staked.withdraw_epoch() > epoch)
}

/// One random step. Stakes are between 1 and 100 WAL.
fun step(network: &mut Network, random: &mut Random, stakes: &mut vector<StakedWal>) {
    let kind = random.below(10);
    if (kind < 3) {
        let node = random.below(NODES);
        let staked = network.stake(node, random.below(100) + 1);
        stakes.push_back(staked);
    } else if (kind < 6 && !stakes.is_empty()) {
        let at = random.below(stakes.length());
        let mut staked = stakes.swap_remove(at);
        if (can_pay_out(network, &staked)) {
            pay_out(network, staked);
        } else {
            if (staked.is_staked()) network.request_withdraw(&mut staked);
            stakes.push_back(staked);
        }
    } else if (kind < 8) {
        let epochs = (random.below(9) + 1) as u32;
        let (storage, _) = network.reserve((random.below(50) + 1) * MIB, epochs);
        storage.destroy();
    } else if (kind == 8) {
        let amount = random.below(1_000_000);
        let subsidy = network.mint(amount);
        network.system().add_subsidy(subsidy, 3);
    } else if (network.staking().inner_for_testing().is_selected()) {
        network.advance();
    } else {
        network.select();
    }
}

fun can_pay_out(network: &mut Network, staked: &StakedWal): bool {
    if (staked.is_withdrawing()) return staked.withdraw_epoch() <= network.epoch();
    let node_id = staked.node_id();
    let staking = network.staking();
    staking.can_withdraw_staked_wal_early(staked) || !staking.inner_for_testing().in_a_committee_for_testing(&node_id)
}

/// A history by its seed, then everyone leaves.
fun history(seed: u64, steps: u64) {
    let mut random = Random { state: seed };
    let mut network = test_network::empty(10);
    let mut anchors = vector[];
    let mut i = 0;
    while (i < NODES) {
        network.register((random.below(5_000)) as u16, 10, 20, 1_000_000_000_000);
        let staked = network.stake(i, random.below(50) + 20);
        anchors.push_back(staked);
        i = i + 1;
    };
    network.next_epoch();
    let mut stakes = anchors;
    let mut n = 0;
    while (n < steps) {
        step(&mut network, &mut random, &mut stakes);
        assert_eq!(in_system(&mut network, &stakes), network.supply());
        assert_solvent(&mut network, &stakes);
        n = n + 1;
    };
    leave(&mut network, stakes);
    network.destroy();
}

/// All give notice but one, which keeps the network alive; two epochs later all are paid.
fun leave(network: &mut Network, stakes: vector<StakedWal>) {
    if (network.staking().inner_for_testing().is_selected()) network.advance();
    let last = network.stake(0, 1_000_000);
    network.next_epoch();
    network.select();
    let mut leaving = vector[];
    stakes.do!(|mut staked| {
        if (can_pay_out(network, &staked)) {
            pay_out(network, staked)
        } else {
            if (staked.is_staked()) network.request_withdraw(&mut staked);
            leaving.push_back(staked);
        }
    });
    network.advance();
    network.next_epoch();
    network.next_epoch();
    leaving.do!(|staked| pay_out(network, staked));
    let mut i = 0;
    while (i < NODES) {
        let node_id = network.node_id(i);
        let epoch = network.epoch();
        let pool = network.staking().inner_for_testing().pool(node_id);
        let owed = if (i == 0) frost(1_000_000) else 0;
        // what is left is worth what is there, but for some FROST of rounding
        let worth = pool.wal_balance_at_epoch(epoch);
        assert!(worth <= owed + pool.rewards_amount() + DUST);
        assert!(owed + pool.rewards_amount() <= worth + DUST);
        i = i + 1;
    };
    let stakes = vector[last];
    assert_eq!(in_system(network, &stakes), network.supply());
    std::unit_test::destroy(stakes);
}

#[test]
fun history_1() { history(1, 150) }

#[test]
fun history_2() { history(271_828, 150) }

#[test]
fun history_3() { history(31_415_926, 150) }

#[test]
fun history_4() { history(1_234_567_890, 150) }
