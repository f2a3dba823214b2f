#[test_only]
module walrus::committee_tests;

use std::unit_test::assert_eq;
use sui::vec_map::{Self, VecMap};
use walrus::active_set;
use walrus::apportionment::{dhondt, max_shards_per_node};
use walrus::committee::{Self, Committee};
use walrus::votes;

// === Apportionment ===

#[test]
fun shards_follow_stake() {
    assert_eq!(dhondt(10, &vector[100, 60, 40]), vector[5, 3, 2]);
    assert_eq!(dhondt(10, &vector[340, 280, 160, 60]), vector[4, 4, 2, 0]);
    assert_eq!(dhondt(7, &vector[1]), vector[7]);
}

#[test]
fun ties_go_to_the_first() {
    assert_eq!(dhondt(10, &vector[10, 10, 10]), vector[4, 3, 3]);
    assert_eq!(dhondt(10, &vector[100, 100, 100, 100]), vector[3, 3, 2, 2]);
    // 20 / 2 = 10 / 1: stakes do not matter
    assert_eq!(dhondt(2, &vector[10, 20]), vector[1, 1]);
    assert_eq!(dhondt(2, &vector[20, 10]), vector[2, 0]);
}

#[test]
fun nobody_gets_more_than_the_cap() {
    // ceil(9 * 20 / 30) = 6
    assert_eq!(dhondt(9, &vector[1000, 1, 1]), vector[6, 2, 1]);
    assert_eq!(dhondt(9, &vector[1, 1000, 1000]), vector[0, 5, 4]);
    // 22 nodes: 10 of 100 each at most
    let mut stakes = vector::tabulate!(22, |_| 1);
    *&mut stakes[3] = 1_000_000;
    let shards = dhondt(100, &stakes);
    assert_eq!(shards[3], 10);
    assert_eq!(shards.fold!(0, |sum, n| sum + n), 100);
}

#[test]
fun caps() {
    assert_eq!(max_shards_per_node(1, 10), 10);
    assert_eq!(max_shards_per_node(2, 10), 10);
    assert_eq!(max_shards_per_node(4, 10), 5);
    assert_eq!(max_shards_per_node(13, 100), 16);
    assert_eq!(max_shards_per_node(19, 1000), 106);
    assert_eq!(max_shards_per_node(20, 1000), 100);
    assert_eq!(max_shards_per_node(100, 1000), 100);
    assert_eq!(max_shards_per_node(30, 7), 1);
}

#[test]
fun no_stake_no_shards() {
    assert_eq!(dhondt(10, &vector[5, 0, 5]), vector[5, 0, 5]);
}

/// The start from quotas gives what the plain method gives, shard by shard.
#[test]
fun same_as_the_plain_method() {
    let mut seed = 17u64;
    let mut round = 0;
    while (round < 20) {
        let stakes = vector::tabulate!(2 + round % 7, |_| {
            seed = (seed * 48_271) % 2_147_483_647;
            seed % 1_000 + 1
        });
        let fast = dhondt(31, &stakes);
        assert_eq!(fast, plain(31, &stakes));
        round = round + 1;
    }
}

fun plain(n_shards: u16, stakes: &vector<u64>): vector<u16> {
    let cap = max_shards_per_node(stakes.length(), n_shards);
    let mut shards: vector<u16> = stakes.map_ref!(|_| 0);
    let mut left = n_shards;
    while (left > 0) {
        let mut best: Option<u64> = option::none();
        let mut i = 0;
        while (i < stakes.length()) {
            if (shards[i] < cap) {
                if (best.is_none()) best = option::some(i)
                else {
                    let b = *best.borrow();
                    let of_i = stakes[i] * ((shards[b] as u64) + 1);
                    let of_b = stakes[b] * ((shards[i] as u64) + 1);
                    if (of_i > of_b) best = option::some(i);
                }
            };
            i = i + 1;
        };
        let winner = best.destroy_some();
        *&mut shards[winner] = shards[winner] + 1;
        left = left - 1;
    };
    shards
}

// === Committees ===

fun numbers(ids: vector<address>, shards: vector<u16>): VecMap<ID, u16> {
    vec_map::from_keys_values(ids.map!(|id| id.to_id()), shards)
}

fun shards_of(committee: &Committee, id: address): vector<u16> {
    *committee.shards(&id.to_id())
}

#[test]
fun the_first_committee_is_in_order_of_node_id() {
    let committee = committee::initialize(
        numbers(vector[@0xffff, @0x2, @0x100], vector[2, 3, 1]),
    );
    let ids = committee.to_inner().keys();
    assert_eq!(ids, vector[@0x2.to_id(), @0x100.to_id(), @0xffff.to_id()]);
    assert_eq!(shards_of(&committee, @0x2), vector[0, 1, 2]);
    assert_eq!(shards_of(&committee, @0x100), vector[3]);
    assert_eq!(shards_of(&committee, @0xffff), vector[4, 5]);
    assert_eq!(committee.size(), 3);
    assert_eq!(committee.weight(&@0x3.to_id()), 0);
}

#[test]
fun a_transition_moves_no_more_than_it_must() {
    let before = committee::initialize(
        numbers(vector[@0xa, @0xb, @0xc], vector[4, 3, 3]),
    );
    let after = before.transition(
        numbers(vector[@0xd, @0xb, @0xa], vector[5, 3, 2]),
    );
    assert_eq!(shards_of(&after, @0xa), vector[0, 1]);
    assert_eq!(shards_of(&after, @0xb), vector[4, 5, 6]);
    assert!(!after.contains(&@0xc.to_id()));
    assert_eq!(shards_of(&after, @0xd), vector[9, 8, 7, 2, 3]);
    assert_eq!(after.to_inner().keys(), vector[@0xa.to_id(), @0xb.to_id(), @0xd.to_id()]);
    // and nothing moves when nothing changes
    assert_eq!(after.transition(numbers(vector[@0xa, @0xb, @0xd], vector[2, 3, 5])), after);
}

/// New members take before old ones, in the order of the stakes; old ones follow in order of node ID.
#[test]
fun who_takes_first() {
    let before = committee::initialize(
        numbers(vector[@0xa, @0xb, @0xc, @0xd], vector[4, 1, 1, 4]),
    );
    let after = before.transition(
        numbers(vector[@0xd, @0xc, @0xf, @0xb, @0xe, @0xa], vector[1, 3, 1, 2, 2, 1]),
    );
    // on the pile: 3 2 1 of a, then 9 8 7 of d
    assert_eq!(shards_of(&after, @0xf), vector[7]);
    assert_eq!(shards_of(&after, @0xe), vector[8, 9]);
    assert_eq!(shards_of(&after, @0xb), vector[4, 1]);
    assert_eq!(shards_of(&after, @0xc), vector[5, 2, 3]);
    assert_eq!(shards_of(&after, @0xa), vector[0]);
    assert_eq!(shards_of(&after, @0xd), vector[6]);
}

#[test]
fun who_has_no_shards_is_no_member() {
    let committee = committee::initialize(numbers(vector[@0xa, @0xb], vector[4, 0]));
    assert_eq!(committee.size(), 1);
}

#[test, expected_failure(abort_code = walrus::committee::EInvalidShardAssignment)]
fun shards_are_not_made() {
    committee::initialize(numbers(vector[@0xa], vector[4]))
        .transition(numbers(vector[@0xa], vector[5]));
}

#[test, expected_failure(abort_code = walrus::committee::EInvalidShardAssignment)]
fun shards_are_not_lost() {
    committee::initialize(numbers(vector[@0xa], vector[4]))
        .transition(numbers(vector[@0xa], vector[3]));
}

// === Active set ===

#[test]
fun a_full_set_takes_in_only_the_stronger() {
    let mut set = active_set::new(2, 10);
    assert!(!set.insert_or_update(@0x1.to_id(), 9));
    assert!(set.insert_or_update(@0x1.to_id(), 10));
    assert!(set.insert_or_update(@0x2.to_id(), 20));
    assert!(!set.insert_or_update(@0x3.to_id(), 10));
    assert!(set.insert_or_update(@0x3.to_id(), 11));
    assert!(!set.contains(&@0x1.to_id()));
    assert_eq!(set.total_stake(), 31);
    // it got the place of the one that left
    let (ids, _) = set.ids_and_stakes();
    assert_eq!(ids, vector[@0x3.to_id(), @0x2.to_id()]);
    // of equals the first leaves
    set.insert_or_update(@0x2.to_id(), 11);
    assert!(set.insert_or_update(@0x4.to_id(), 12));
    assert!(set.contains(&@0x2.to_id()) && !set.contains(&@0x3.to_id()));
    // too little stake removes
    assert!(!set.insert_or_update(@0x2.to_id(), 9));
    assert_eq!(set.size(), 1);
    assert_eq!(set.total_stake(), 12);
}

#[test]
fun the_last_gets_the_place_of_who_leaves() {
    let mut set = active_set::new(5, 0);
    vector[@0x1, @0x2, @0x3, @0x4].do!(|id| { set.insert_or_update(id.to_id(), 7); });
    set.insert_or_update(@0x3.to_id(), 9);
    set.insert_or_update(@0x1.to_id(), 0);
    set.insert_or_update(@0x1.to_id(), 5);
    let (ids, stakes) = set.ids_and_stakes();
    assert_eq!(ids, vector[@0x4.to_id(), @0x2.to_id(), @0x3.to_id(), @0x1.to_id()]);
    assert_eq!(stakes, vector[7, 7, 9, 5]);
    assert_eq!(set.total_stake(), 28);
}

#[test]
fun no_stake_no_place() {
    let mut set = active_set::new(2, 0);
    assert!(!set.insert_or_update(@0x1.to_id(), 0));
    assert_eq!(set.size(), 0);
}

#[test, expected_failure(abort_code = walrus::active_set::EZeroMaxSize)]
fun a_set_has_room() { active_set::new(0, 0); }

// === Votes ===

#[test]
fun quorums_of_votes() {
    let mut votes = votes::empty();
    votes.add(30, 2);
    votes.add(10, 3);
    votes.add(40, 2);
    votes.add(20, 3);
    // up to 30: 8 of 10 shards; up to 20 only 6
    assert_eq!(votes.quorum_below(10), 30);
    // from 20 on: 7
    assert_eq!(votes.quorum_above(10), 20);
    assert_eq!(votes::empty().quorum_below(10), 0);
    assert_eq!(votes::empty().quorum_above(10), 0);
}
