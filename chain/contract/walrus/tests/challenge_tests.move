/// Storage challenges: four nodes, of which 0 and 1 (by node ID) have 3 of 10 shards, the others 2. A round begins with
/// the epoch; it may be opened from 250 ms on, nodes commit until 550 and pass until 900.
#[test_only]
module walrus::challenge_tests;

use std::unit_test::{assert_eq, destroy};
use sui::random::{Self, Random};
use sui::test_scenario;
use walrus::challenge;
use walrus::staked_wal::StakedWal;
use walrus::test_network::{Self, Network};

const MIB: u64 = 1_048_576;
const ROOT: vector<u8> = x"1111111111111111111111111111111111111111111111111111111111111111";
const OTHER: vector<u8> = x"2222222222222222222222222222222222222222222222222222222222222222";

public struct Challenged {
    network: Network,
    random: Random,
}

fun random(): Random {
    let mut scenario = test_scenario::begin(@0x0);
    random::create_for_testing(scenario.ctx());
    scenario.next_tx(@0x0);
    let mut random = scenario.take_shared<Random>();
    random.update_randomness_state_for_testing(0, ROOT, scenario.ctx());
    scenario.end();
    random
}

fun challenged(): Challenged {
    Challenged { network: test_network::four(), random: random() }
}

fun open(self: &mut Challenged) {
    let (_, staking, _, clock, ctx) = self.network.everything();
    challenge::open_for_testing(staking, &self.random, clock, ctx)
}

fun draw(self: &mut Challenged, round: u8) {
    let (_, staking, _, clock, ctx) = self.network.everything();
    challenge::draw_for_testing(staking, round, &self.random, clock, ctx)
}

fun commit(self: &mut Challenged, i: u64, round: u8, root: vector<u8>) {
    let (staking, cap, clock) = self.network.with_cap_and_clock(i);
    challenge::commit_for_testing(staking, cap, round, root, clock)
}

fun seed(self: &mut Challenged, round: u8): vector<u8> {
    self.network.staking().challenges_mut().seed_for_testing(round)
}

/// By the certificate of the members at these positions.
fun pass(self: &mut Challenged, message: vector<u8>, signers: vector<u64>) {
    let (signature, bitmap) = self.network.certificate(&message, signers);
    self.bring(message, signature, bitmap)
}

fun bring(self: &mut Challenged, message: vector<u8>, signature: vector<u8>, bitmap: vector<u8>) {
    let (system, staking, _, clock, _) = self.network.everything();
    challenge::pass_for_testing(staking, system, signature, bitmap, message, clock)
}

fun message(self: &mut Challenged, i: u64, round: u8, root: vector<u8>): vector<u8> {
    let seed = self.seed(round);
    challenge::message_for_testing(
        self.network.epoch(),
        round,
        self.network.node_id(i),
        root,
        seed,
    )
}

/// From the epoch's beginning to when nodes pass: all have committed.
fun to_draw(self: &mut Challenged) {
    self.network.wait(250);
    self.open();
    let nodes = self.network.node_ids().length();
    nodes.do!(|i| self.commit(i, 0, ROOT));
    self.network.wait(300);
    self.draw(0);
}

/// The round in which these nodes pass, and the change of epochs after it.
fun epoch_of(self: &mut Challenged, passing: vector<u64>) {
    self.to_draw();
    self.pass_all(passing);
    self.end_epoch();
}

fun pass_all(self: &mut Challenged, passing: vector<u64>) {
    passing.do!(|i| {
        let message = self.message(i, 0, ROOT);
        self.pass(message, vector[0, 1]);
    });
}

/// From a time of 550 ms on.
fun end_epoch(self: &mut Challenged) {
    self.network.voting_end();
    self.network.advance();
}

fun payout(self: &mut Challenged, staked: StakedWal): u64 {
    let coin = self.network.withdraw(staked);
    self.network.spend(coin)
}

fun next_epoch(self: &mut Challenged) { self.network.next_epoch() }

fun shards(self: &mut Challenged, i: u64): u16 {
    let node_id = self.network.node_id(i);
    self.network.staking().inner_for_testing().committee().weight(&node_id)
}

fun commission(self: &mut Challenged, i: u64): u64 {
    let node_id = self.network.node_id(i);
    self.network.staking().inner_for_testing().pool(node_id).commission_amount()
}

fun rewards(self: &mut Challenged, i: u64): u64 {
    let node_id = self.network.node_id(i);
    self.network.staking().inner_for_testing().pool(node_id).rewards_amount()
}

/// 10,000 FROST for one epoch.
fun pay(self: &mut Challenged) {
    let (storage, cost) = self.network.reserve(1_000 * MIB, 1);
    assert_eq!(cost, 10_000);
    storage.destroy();
}

/// A node with `weight` shards.
fun with(self: &mut Challenged, weight: u16): u64 {
    let nodes = self.network.node_ids().length();
    let mut i = 0;
    while (i < nodes && self.shards(i) != weight) i = i + 1;
    i
}

// === Rounds ===

#[test]
fun a_round_has_a_salt_a_draw_and_those_that_pass() {
    let mut it = challenged();
    it.to_draw();
    let salt = it.network.staking().challenges_mut().salt_for_testing(0);
    let seed = it.seed(0);
    assert_eq!(salt.length(), 32);
    assert_eq!(seed.length(), 32);
    assert!(salt != seed);
    it.pass_all(vector[0, 1, 2, 3]);
    destroy(it);
}

#[test]
fun a_round_takes_what_comes_at_the_last_moment() {
    let mut it = challenged();
    it.network.wait(549);
    it.open();
    it.commit(0, 0, ROOT);
    it.network.wait(350);
    it.draw(0);
    it.pass_all(vector[0]);
    destroy(it);
}

#[test]
fun an_epoch_has_as_many_rounds_as_are_set_each_with_its_times() {
    let mut it = challenged();
    it.network.wait(250);
    it.open();
    it.next_epoch();
    it.network.set(b"rounds", 4);
    it.network.wait(63);
    it.open();
    it.network.wait(250);
    it.open();
    it.network.wait(250);
    it.open();
    it.commit(0, 2, ROOT);
    it.network.wait(100);
    it.draw(2);
    it.network.wait(150);
    it.open();
    assert_eq!(it.network.staking().challenges_mut().size_for_testing(), 4);
    destroy(it);
}

#[test]
fun rounds_go_with_the_first_of_a_later_epoch() {
    let mut it = challenged();
    it.to_draw();
    it.end_epoch();
    assert_eq!(it.network.staking().challenges_mut().size_for_testing(), 1);
    it.network.wait(250);
    it.open();
    it.commit(0, 0, OTHER);
    assert_eq!(it.network.staking().challenges_mut().size_for_testing(), 1);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::challenge_rounds::EEpochChanging)]
fun nothing_is_opened_while_shards_move() {
    let mut it = challenged();
    it.network.select();
    it.network.wait(500);
    it.network.change_epoch();
    it.network.wait(300);
    it.open();
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::challenge_rounds::EEpochChanging)]
fun nothing_is_opened_without_a_committee() {
    let mut it = Challenged { network: test_network::empty(10), random: random() };
    it.network.wait(300);
    it.open();
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::challenge_rounds::ETooEarly)]
fun nothing_is_opened_at_the_epochs_beginning() {
    let mut it = challenged();
    it.network.wait(249);
    it.open();
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::challenge_rounds::ETooLate)]
fun nothing_is_opened_that_leaves_no_time_to_commit() {
    let mut it = challenged();
    it.network.wait(550);
    it.open();
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::challenge_rounds::ETooLate)]
fun nothing_is_opened_when_the_change_is_due() {
    let mut it = challenged();
    it.network.wait(1_250);
    it.open();
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::challenge_rounds::EAlreadyOpen)]
fun a_round_is_opened_once() {
    let mut it = challenged();
    it.network.wait(250);
    it.open();
    it.open();
    destroy(it);
}

#[test, expected_failure(abort_code = sui::dynamic_field::EFieldDoesNotExist)]
fun nobody_commits_before_the_first_round() {
    let mut it = challenged();
    it.network.wait(250);
    it.commit(0, 0, ROOT);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::challenge_rounds::ENoRound)]
fun nobody_commits_in_a_round_that_is_not_open() {
    let mut it = challenged();
    it.network.wait(250);
    it.open();
    it.commit(0, 1, ROOT);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::challenge_rounds::ENoRound)]
fun nobody_commits_in_a_round_of_an_earlier_epoch() {
    let mut it = challenged();
    it.network.wait(250);
    it.open();
    it.next_epoch();
    it.commit(0, 0, ROOT);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::challenge::ENotInCommittee)]
fun only_members_commit() {
    let mut it = challenged();
    let i = it.network.register(0, 10, 20, 1_000);
    it.network.wait(250);
    it.open();
    it.commit(i, 0, ROOT);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::challenge_rounds::EAlreadyCommitted)]
fun a_node_commits_once() {
    let mut it = challenged();
    it.network.wait(250);
    it.open();
    it.commit(0, 0, ROOT);
    it.commit(0, 0, OTHER);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::challenge_rounds::ETooLate)]
fun nobody_commits_once_it_may_be_drawn() {
    let mut it = challenged();
    it.network.wait(250);
    it.open();
    it.network.wait(300);
    it.commit(0, 0, ROOT);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::challenge_rounds::EInvalidRoot)]
fun a_root_has_32_bytes() {
    let mut it = challenged();
    it.network.wait(250);
    it.open();
    it.commit(0, 0, x"11");
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::challenge_rounds::ETooEarly)]
fun nothing_is_drawn_while_nodes_commit() {
    let mut it = challenged();
    it.network.wait(250);
    it.open();
    it.network.wait(299);
    it.draw(0);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::challenge_rounds::ETooLate)]
fun nothing_is_drawn_that_leaves_no_time_to_pass() {
    let mut it = challenged();
    it.network.wait(250);
    it.open();
    it.network.wait(650);
    it.draw(0);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::challenge_rounds::EAlreadyDrawn)]
fun a_round_is_drawn_once() {
    let mut it = challenged();
    it.to_draw();
    it.draw(0);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::challenge_rounds::ENoRound)]
fun nothing_is_drawn_in_a_round_that_is_not_open() {
    let mut it = challenged();
    it.to_draw();
    it.draw(1);
    destroy(it);
}

// === Certificates ===

#[test, expected_failure(abort_code = walrus::bls_aggregate::ENotEnoughStake)]
fun three_of_ten_shards_pass_nobody() {
    let mut it = challenged();
    it.to_draw();
    let message = it.message(0, 0, ROOT);
    it.pass(message, vector[0]);
    destroy(it);
}

#[test]
fun four_of_ten_shards_pass_a_node() {
    let mut it = challenged();
    it.to_draw();
    let message = it.message(0, 0, ROOT);
    it.pass(message, vector[2, 3]);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::bls_aggregate::ESigVerification)]
fun a_certificate_is_signed_real_bls() {
    let mut it = challenged();
    it.to_draw();
    let message = it.message(0, 0, ROOT);
    let other = it.message(1, 0, ROOT);
    let (signature, bitmap) = it.network.certificate(&other, vector[0, 1]);
    it.bring(message, signature, bitmap);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::bls_aggregate::EInvalidBitmap)]
fun a_certificate_names_members_only() {
    let mut it = challenged();
    it.to_draw();
    let message = it.message(0, 0, ROOT);
    let (signature, _) = it.network.certificate(&message, vector[0, 1]);
    it.bring(message, signature, x"13");
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::challenge::EInvalidMessage)]
fun a_certificate_of_walrus_is_none() {
    let mut it = challenged();
    it.to_draw();
    let mut message = it.message(0, 0, ROOT);
    *&mut message[2] = 3;
    it.pass(message, vector[0, 1]);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::challenge::EInvalidMessage)]
fun a_certificate_has_nothing_behind_it() {
    let mut it = challenged();
    it.to_draw();
    let mut message = it.message(0, 0, ROOT);
    message.push_back(0);
    it.pass(message, vector[0, 1]);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::challenge::EWrongEpoch)]
fun a_certificate_is_of_this_epoch() {
    let mut it = challenged();
    it.to_draw();
    let message = it.message(0, 0, ROOT);
    it.end_epoch();
    it.to_draw();
    it.pass(message, vector[0, 1]);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::challenge::ENotInCommittee)]
fun only_members_pass() {
    let mut it = challenged();
    let i = it.network.register(0, 10, 20, 1_000);
    it.network.wait(250);
    it.open();
    it.commit(0, 0, ROOT);
    it.network.wait(300);
    it.draw(0);
    let message = it.message(i, 0, ROOT);
    it.pass(message, vector[0, 1]);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::challenge_rounds::ENotDrawn)]
fun nobody_passes_before_the_draw() {
    let mut it = challenged();
    it.network.wait(250);
    it.open();
    it.commit(0, 0, ROOT);
    let epoch = it.network.epoch();
    let node_id = it.network.node_id(0);
    it.pass(challenge::message_for_testing(epoch, 0, node_id, ROOT, OTHER), vector[0, 1]);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::challenge_rounds::ENoRound)]
fun nobody_passes_in_a_round_that_is_not_open() {
    let mut it = challenged();
    it.to_draw();
    let mut message = it.message(0, 0, ROOT);
    *&mut message[7] = 1;
    it.pass(message, vector[0, 1]);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::challenge_rounds::ENotCommitted)]
fun who_has_committed_to_nothing_does_not_pass() {
    let mut it = challenged();
    it.network.wait(250);
    it.open();
    it.commit(1, 0, ROOT);
    it.network.wait(300);
    it.draw(0);
    it.pass_all(vector[0]);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::challenge_rounds::EWrongRoot)]
fun a_certificate_is_for_what_was_committed_to() {
    let mut it = challenged();
    it.to_draw();
    let message = it.message(0, 0, OTHER);
    it.pass(message, vector[0, 1]);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::challenge_rounds::EWrongSeed)]
fun a_certificate_is_for_what_was_drawn() {
    let mut it = challenged();
    it.to_draw();
    let epoch = it.network.epoch();
    let node_id = it.network.node_id(0);
    it.pass(challenge::message_for_testing(epoch, 0, node_id, ROOT, OTHER), vector[0, 1]);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::challenge_rounds::EAlreadyPassed)]
fun a_certificate_is_brought_once() {
    let mut it = challenged();
    it.to_draw();
    it.pass_all(vector[0, 0]);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::challenge_rounds::ETooLate)]
fun nobody_passes_late() {
    let mut it = challenged();
    it.to_draw();
    it.network.wait(350);
    it.pass_all(vector[0]);
    destroy(it);
}

// === Consequences ===

#[test]
fun who_fails_earns_nothing_and_loses_a_quarter_of_its_commission() {
    let mut it = challenged();
    let node_id = it.network.node_id(3);
    let commission = it.network.mint(1_001).into_balance();
    it.network.staking().add_commission_to_pools(vector[node_id], vector[commission]);
    it.pay();
    let supply = it.network.supply();
    let shards = it.shards(3) as u64;
    it.epoch_of(vector[0, 1, 2]);
    // 3% of what was paid, its share of the rest, and 250 of its commission
    assert_eq!(it.network.supply(), supply - 300 - 970 * shards - 250);
    assert_eq!(it.rewards(3), 0);
    assert_eq!(it.commission(3), 751);
    let earned = 970 * (it.shards(0) as u64);
    assert_eq!(it.rewards(0), earned);
    // all can be collected after the vote, and counts as usual
    it.network.select();
    let coin = it.network.collect(3);
    assert_eq!(coin.value(), 751);
    destroy(coin);
    destroy(it);
}

#[test]
fun what_is_decided_in_an_epoch_does_not_change_what_it_costs_to_fail_in_it() {
    let mut it = challenged();
    let node_id = it.network.node_id(3);
    let commission = it.network.mint(1_000).into_balance();
    it.network.staking().add_commission_to_pools(vector[node_id], vector[commission]);
    3u64.do!(|i| {
        let node_id = it.network.node_id(i);
        let (_, staking, ctx) = it.network.both();
        staking.vote_for_parameter(node_id, b"burned_commission".to_string(), 5_000, ctx);
    });
    it.epoch_of(vector[0, 1, 2]);
    assert_eq!(it.commission(3), 750);
    it.epoch_of(vector[0, 1, 2]);
    assert_eq!(it.commission(3), 375);
    destroy(it);
}

#[test]
fun who_passes_loses_nothing() {
    let mut it = challenged();
    it.pay();
    let supply = it.network.supply();
    it.epoch_of(vector[0, 1, 2, 3]);
    assert_eq!(it.network.supply(), supply - 300);
    assert_eq!(it.rewards(3), 970 * (it.shards(3) as u64));
    destroy(it);
}

#[test]
fun a_round_that_too_few_pass_counts_for_nobody() {
    let mut it = challenged();
    it.pay();
    let supply = it.network.supply();
    let i = it.with(3);
    it.epoch_of(vector[i]);
    assert_eq!(it.network.supply(), supply - 300);
    destroy(it);
}

#[test]
fun a_round_that_nobody_drew_counts_for_nobody() {
    let mut it = challenged();
    it.pay();
    let supply = it.network.supply();
    it.network.wait(250);
    it.open();
    it.commit(0, 0, ROOT);
    it.network.wait(300);
    it.end_epoch();
    assert_eq!(it.network.supply(), supply - 300);
    destroy(it);
}

#[test]
fun rounds_of_an_earlier_epoch_count_no_more() {
    let mut it = challenged();
    it.epoch_of(vector[0, 1, 2]);
    it.pay();
    let supply = it.network.supply();
    it.next_epoch();
    assert_eq!(it.network.supply(), supply - 300);
    destroy(it);
}

#[test]
fun every_round_that_counts_must_be_passed_and_an_epoch_that_too_few_pass_counts_for_nobody() {
    let mut it = challenged();
    it.network.wait(250);
    it.open();
    it.next_epoch();
    it.network.set(b"rounds", 2);
    // node 0 passes in both, nodes 1 and 2 in one of them
    it.pay();
    let supply = it.network.supply();
    it.round_of_two(0, vector[0, 1, 2]);
    it.round_of_two(1, vector[0, 2]);
    it.end_epoch();
    let left = (10 - it.shards(0) - it.shards(2)) as u64;
    assert_eq!(it.network.supply(), supply - 300 - 970 * left);
    // fewer than four shards in both
    it.pay();
    let supply = it.network.supply();
    it.round_of_two(0, vector[0, 1]);
    it.round_of_two(1, vector[2, 3]);
    it.end_epoch();
    assert_eq!(it.network.supply(), supply - 300);
    destroy(it);
}

/// One of two rounds of an epoch, from its beginning to its end.
fun round_of_two(self: &mut Challenged, round: u8, passing: vector<u64>) {
    self.network.wait(125);
    self.open();
    passing.do!(|i| self.commit(i, round, ROOT));
    self.network.wait(150);
    self.draw(round);
    passing.do!(|i| {
        let message = self.message(i, round, ROOT);
        self.pass(message, vector[0, 1]);
    });
    self.network.wait(225);
}

#[test]
fun three_failed_epochs_in_a_row_cost_the_place_for_two() {
    let mut it = challenged();
    3u64.do!(|_| it.epoch_of(vector[0, 1, 2]));
    // this epoch's committee was selected before
    assert!(it.shards(3) > 0);
    it.next_epoch();
    assert_eq!(it.shards(3), 0);
    // stake does not bring it back, nor does asking
    let staked = it.network.stake(3, 1_000);
    it.rejoin(3);
    it.next_epoch();
    assert_eq!(it.shards(3), 0);
    it.rejoin(3);
    it.next_epoch();
    assert!(it.shards(3) > 0);
    // it begins anew
    it.epoch_of(vector[0, 1, 2, 3]);
    it.next_epoch();
    assert!(it.shards(3) > 0);
    destroy(staked);
    destroy(it);
}

fun rejoin(self: &mut Challenged, i: u64) {
    let (_, staking, cap) = self.network.with_cap(i);
    staking.try_join_active_set(cap);
}

#[test]
fun a_passed_epoch_breaks_the_row_but_not_one_that_counts_for_nobody() {
    let mut it = challenged();
    it.epoch_of(vector[0, 1, 2]);
    it.epoch_of(vector[0, 1, 2]);
    it.epoch_of(vector[0, 1, 2, 3]);
    it.epoch_of(vector[0, 1, 2]);
    it.next_epoch();
    it.epoch_of(vector[]);
    it.epoch_of(vector[0, 1, 2]);
    it.next_epoch();
    assert!(it.shards(3) > 0);
    it.epoch_of(vector[0, 1, 2]);
    it.next_epoch();
    assert_eq!(it.shards(3), 0);
    destroy(it);
}

#[test]
fun a_stake_leaves_a_node_for_free_that_has_failed_while_it_counted() {
    let mut it = challenged();
    let mut before = it.network.stake(3, 5);
    it.next_epoch();
    let mut during = it.network.stake(3, 5);
    it.epoch_of(vector[0, 1, 2]);
    let mut after = it.network.stake(3, 5);
    it.network.request_withdraw(&mut before);
    // it did not count when its node failed
    it.network.request_withdraw(&mut during);
    it.next_epoch();
    it.network.request_withdraw(&mut after);
    it.next_epoch();
    assert_eq!(it.payout(before), 5_000_000_000);
    assert_eq!(it.payout(during), 4_950_000_000);
    assert_eq!(it.payout(after), 4_950_000_000);
    destroy(it);
}

#[test]
fun a_stake_pays_whose_node_failed_its_way_out_before_it_counted() {
    let mut it = challenged();
    it.network.set(b"strikes", 1);
    let old = it.network.stake(3, 5);
    it.next_epoch();
    let mut notified = it.network.stake(3, 5);
    let silent = it.network.stake(3, 5);
    it.epoch_of(vector[0, 1, 2]);
    // no selection will count this one
    let late = it.network.stake(3, 5);
    it.network.select();
    it.network.request_withdraw(&mut notified);
    it.network.advance();
    assert_eq!(it.shards(3), 0);
    assert_eq!(it.payout(notified), 4_950_000_000);
    assert_eq!(it.payout(silent), 4_950_000_000);
    assert_eq!(it.payout(old), 5_000_000_000);
    assert_eq!(it.payout(late), 5_000_000_000);
    destroy(it);
}

#[test]
fun a_stake_pays_nothing_that_never_counted_though_its_node_failed_its_way_out() {
    let mut it = challenged();
    it.network.set(b"strikes", 1);
    let staked = it.network.stake(3, 5);
    3u64.do!(|i| {
        let more = it.network.stake(i, 10_000);
        destroy(more);
    });
    it.epoch_of(vector[0, 1, 2]);
    assert_eq!(it.shards(3), 0);
    assert_eq!(it.payout(staked), 5_000_000_000);
    destroy(it);
}

#[test]
fun a_stake_pays_no_longer_when_it_has_settled_with_a_node_that_failed_its_way_out() {
    let mut it = challenged();
    it.network.set(b"strikes", 1);
    let staked = it.network.stake(3, 5);
    it.epoch_of(vector[0, 1, 2]);
    it.next_epoch();
    it.next_epoch();
    assert_eq!(it.payout(staked), 5_000_000_000);
    destroy(it);
}

#[test]
fun who_has_failed_gets_no_fees() {
    let mut it = challenged();
    let mut staked = it.network.stake(0, 80);
    it.next_epoch();
    it.network.request_withdraw(&mut staked);
    it.next_epoch();
    let coin = it.network.withdraw(staked);
    it.network.spend(coin);
    it.epoch_of(vector[0, 1, 2]);
    assert_eq!(it.rewards(3), 0);
    assert_eq!(it.rewards(2), 400_000_000 / 3);
    destroy(it);
}

#[test]
fun no_wal_appears_or_vanishes_over_twenty_epochs_with_failures_and_fees() {
    let mut it = Challenged { network: test_network::empty(10), random: random() };
    let mut stakes: vector<StakedWal> = vector[];
    4u64.do!(|i| {
        it.network.register(1_000 * (i as u16), 10, 20, 1_000_000_000_000);
        stakes.push_back(it.network.stake(i, 100 + i));
    });
    it.network.next_epoch();
    let mut with_fees = 0;
    20u64.do!(|n| {
        let (storage, _) = it.network.reserve((n + 1) * 100 * MIB, 3);
        storage.destroy();
        let moved = it.network.stake(n % 4, 7 + n);
        stakes.push_back(moved);
        // benched nodes commit to nothing
        it.network.wait(250);
        it.open();
        let members = vector[0, 1, 2, 3].filter!(|i| it.shards(*i) > 0);
        members.do!(|i| it.commit(i, 0, ROOT));
        it.network.wait(300);
        it.draw(0);
        it.pass_all(members.filter!(|i| (n + *i) % 5 > 0 && (*i != 3 || n % 7 > 3)));
        it.end_epoch();
        4u64.do!(|i| it.rejoin(i));
        stakes = it.take_back(stakes);
        assert_eq!(it.in_system(&stakes), it.network.supply());
        if (it.network.staking().fees_for_testing() > 1_000) with_fees = with_fees + 1;
    });
    assert!(with_fees > 5);
    destroy(stakes);
    destroy(it);
}

/// Gives notice of all but the first four stakes, and withdraws what can be.
fun take_back(self: &mut Challenged, stakes: vector<StakedWal>): vector<StakedWal> {
    let mut left = vector[];
    stakes.do!(|mut staked| {
        let node_id = staked.node_id();
        let staking = self.network.staking();
        let is_idle = !staking.inner_for_testing().in_a_committee_for_testing(&node_id);
        let is_due = staked.is_withdrawing() && staked.withdraw_epoch() <= self.network.epoch();
        if (left.length() < 4) {
            left.push_back(staked);
        } else if (is_due || (staked.is_staked() && is_idle)) {
            let coin = self.network.withdraw(staked);
            self.network.spend(coin);
        } else {
            if (staked.is_staked()) self.network.request_withdraw(&mut staked);
            left.push_back(staked);
        }
    });
    left
}

fun in_system(self: &mut Challenged, stakes: &vector<StakedWal>): u64 {
    let mut sum = 0;
    stakes.do_ref!(|staked| sum = sum + staked.value());
    4u64.do!(|i| sum = sum + self.rewards(i) + self.commission(i));
    sum = sum + self.network.staking().fees_for_testing();
    let accounting = self.network.system().future_accounting();
    accounting.max_epochs_ahead().do!(|offset| sum = sum + accounting.ring_lookup(offset).rewards());
    sum
}
