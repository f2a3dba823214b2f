/// Votes on parameters: four nodes, of which two have 3 of 10 shards and two have 2. 7 shards decide.
#[test_only]
module walrus::parameter_tests;

use std::unit_test::{assert_eq, destroy};
use sui::package;
use walrus::auth;
use walrus::governance;
use walrus::parameters::Parameters;
use walrus::test_network::{Self, Network};
use walrus::upgrade;

fun vote(self: &mut Network, i: u64, name: vector<u8>, value: u64) {
    let node_id = self.node_id(i);
    let (_, staking, ctx) = self.both();
    let auth = auth::authenticate_sender(ctx);
    governance::vote_for_parameter(staking, auth, node_id, name.to_string(), value, ctx)
}

fun found(self: &mut Network, name: vector<u8>, value: u64) {
    let (_, staking, ctx) = self.both();
    let upgrade_cap = package::test_publish(@0x7e57.to_id(), ctx);
    let cap = upgrade::new(upgrade_cap, ctx);
    governance::set_first_parameter(staking, &cap, name.to_string(), value, ctx);
    destroy(cap);
}

fun now(self: &mut Network): Parameters { self.staking().parameters() }

/// The nodes by falling number of shards: 3, 3, 2, 2.
fun by_weight(self: &mut Network): vector<u64> {
    let mut heavy = vector[];
    let mut light = vector[];
    4u64.do!(|i| {
        let node_id = self.node_id(i);
        let weight = self.staking().inner_for_testing().committee().weight(&node_id);
        if (weight == 3) heavy.push_back(i) else light.push_back(i);
    });
    heavy.append(light);
    heavy
}

use fun vote as Network.vote;
use fun found as Network.found;
use fun now as Network.now;
use fun by_weight as Network.by_weight;

#[test]
fun a_quorum_decides_from_the_next_epoch_on() {
    let mut it = test_network::four();
    let by = it.by_weight();
    // 3 + 2 + 2 shards
    it.vote(by[0], b"draws", 100);
    it.vote(by[2], b"draws", 100);
    it.vote(by[3], b"draws", 100);
    assert_eq!(it.now().draws(), 640);
    it.select();
    assert_eq!(it.now().draws(), 640);
    it.advance();
    assert_eq!(it.now().draws(), 100);
    it.next_epoch();
    assert_eq!(it.now().draws(), 100);
    destroy(it);
}

#[test]
fun six_of_ten_shards_decide_nothing() {
    let mut it = test_network::four();
    let by = it.by_weight();
    it.vote(by[0], b"draws", 100);
    it.vote(by[1], b"draws", 100);
    it.next_epoch();
    assert_eq!(it.now().draws(), 640);
    destroy(it);
}

#[test]
fun votes_lapse_with_their_epoch() {
    let mut it = test_network::four();
    let by = it.by_weight();
    it.vote(by[0], b"draws", 100);
    it.vote(by[1], b"draws", 100);
    it.next_epoch();
    it.vote(by[2], b"draws", 100);
    it.vote(by[3], b"draws", 100);
    it.next_epoch();
    assert_eq!(it.now().draws(), 640);
    destroy(it);
}

#[test]
fun a_node_has_one_vote_which_it_may_change() {
    let mut it = test_network::four();
    let by = it.by_weight();
    it.vote(by[0], b"draws", 100);
    it.vote(by[0], b"draws", 200);
    it.vote(by[1], b"draws", 100);
    it.vote(by[2], b"draws", 100);
    // 5 of 10 are for 100, 3 for 200
    it.vote(by[3], b"draws", 200);
    it.next_epoch();
    assert_eq!(it.now().draws(), 640);
    it.vote(by[0], b"draws", 100);
    it.vote(by[1], b"draws", 200);
    it.vote(by[2], b"draws", 200);
    it.vote(by[0], b"draws", 200);
    it.next_epoch();
    assert_eq!(it.now().draws(), 200);
    destroy(it);
}

#[test]
fun all_that_is_decided_in_an_epoch_comes_together() {
    let mut it = test_network::four();
    3u64.do!(|i| it.vote(i, b"rounds", 2));
    3u64.do!(|i| it.vote(i, b"open_from", 1_000));
    3u64.do!(|i| it.vote(i, b"commit_until", 5_000));
    3u64.do!(|i| it.vote(i, b"pass_until", 8_000));
    3u64.do!(|i| it.vote(i, b"burned_commission", 10_000));
    3u64.do!(|i| it.vote(i, b"strikes", 5));
    it.next_epoch();
    3u64.do!(|i| it.vote(i, b"bench", 7));
    3u64.do!(|i| it.vote(i, b"settle", 4));
    3u64.do!(|i| it.vote(i, b"fee", 0));
    3u64.do!(|i| it.vote(i, b"rounds", 3));
    let now = it.now();
    assert_eq!(now.rounds(), 2);
    assert_eq!(now.open_from(), 1_000);
    assert_eq!(now.commit_until(), 5_000);
    assert_eq!(now.pass_until(), 8_000);
    assert_eq!(now.burned_commission(), 10_000);
    assert_eq!(now.strikes(), 5);
    assert_eq!(now.bench(), 2);
    it.next_epoch();
    let now = it.now();
    assert_eq!(now.rounds(), 3);
    assert_eq!(now.open_from(), 1_000);
    assert_eq!(now.bench(), 7);
    assert_eq!(now.strikes(), 5);
    destroy(it);
}

#[test]
fun what_stake_pays_changes_a_whole_epoch_after_it_is_decided() {
    let mut it = test_network::four();
    3u64.do!(|i| it.vote(i, b"fee", 1_000));
    3u64.do!(|i| it.vote(i, b"rounds", 2));
    it.next_epoch();
    3u64.do!(|i| it.vote(i, b"settle", 10));
    3u64.do!(|i| it.vote(i, b"fee", 50));
    assert_eq!(it.now().rounds(), 2);
    assert_eq!(it.now().fee(), 100);
    assert_eq!(it.now().settle(), 2);
    it.next_epoch();
    assert_eq!(it.now().fee(), 1_000);
    assert_eq!(it.now().settle(), 2);
    it.next_epoch();
    assert_eq!(it.now().fee(), 50);
    assert_eq!(it.now().settle(), 10);
    assert_eq!(it.now().rounds(), 2);
    it.next_epoch();
    assert_eq!(it.now().fee(), 50);
    destroy(it);
}

#[test]
fun who_could_leave_for_free_can_until_the_vote_is_in_force() {
    let mut it = test_network::four();
    let mut first = it.stake(0, 5);
    let mut second = it.stake(0, 5);
    it.next_epoch();
    it.next_epoch();
    it.next_epoch();
    3u64.do!(|i| it.vote(i, b"settle", 10));
    it.next_epoch();
    it.request_withdraw(&mut first);
    it.next_epoch();
    it.request_withdraw(&mut second);
    it.next_epoch();
    let free = it.withdraw(first);
    let charged = it.withdraw(second);
    assert_eq!(it.spend(free), 5_000_000_000);
    assert_eq!(it.spend(charged), 4_950_000_000);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::parameters::EDuplicateVote)]
fun nobody_votes_twice_for_a_value() {
    let mut it = test_network::four();
    it.vote(0, b"draws", 100);
    it.vote(0, b"draws", 100);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::parameters::EDecided)]
fun what_is_decided_stands_for_the_epoch() {
    let mut it = test_network::four();
    3u64.do!(|i| it.vote(i, b"draws", 100));
    it.vote(0, b"draws", 200);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::parameters::ENoSuchParameter)]
fun only_what_is_there_is_voted_on() {
    let mut it = test_network::four();
    it.vote(0, b"Draws", 100);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::parameters::EOutOfBounds)]
fun nobody_votes_for_less_than_may_be() {
    let mut it = test_network::four();
    it.vote(0, b"rounds", 0);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::parameters::EOutOfBounds)]
fun nobody_votes_for_more_than_may_be() {
    let mut it = test_network::four();
    it.vote(0, b"rounds", 5);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::staking_inner::ENotInCommittee)]
fun only_members_vote() {
    let mut it = test_network::four();
    let i = it.register(0, 10, 20, 1_000);
    it.vote(i, b"draws", 100);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::governance::ENotAuthorized)]
fun only_who_governs_a_node_votes_for_it() {
    let mut it = test_network::four();
    let node_id = it.node_id(0);
    let (_, staking, ctx) = it.both();
    let other = auth::authorized_address(@0x1);
    staking.set_governance_authorized(node_id, auth::authenticate_sender(ctx), other);
    it.vote(0, b"draws", 100);
    destroy(it);
}

#[test]
fun a_network_begins_with_what_its_founder_sets() {
    let mut it = test_network::empty(10);
    it.found(b"draws", 40);
    assert_eq!(it.now().draws(), 40);
    it.found(b"strikes", 1);
    assert_eq!(it.now().draws(), 40);
    assert_eq!(it.now().strikes(), 1);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::governance::EFounded)]
fun a_founder_sets_nothing_once_nodes_decide() {
    let mut it = test_network::four();
    it.found(b"draws", 40);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::parameters::EOutOfBounds)]
fun a_founder_keeps_to_the_bounds() {
    let mut it = test_network::empty(10);
    it.found(b"draws", 15);
    destroy(it);
}
