/// Which node has which shards, in order of node ID; and the change from one assignment to the next that moves as
/// few shards as possible.
module walrus::committee;

use sui::vec_map::{Self, VecMap};

/// The numbers of shards do not add up.
const EInvalidShardAssignment: u64 = 0;

public struct Committee(VecMap<ID, vector<u16>>) has copy, drop, store;

public(package) fun empty(): Committee { Committee(vec_map::empty()) }

/// Gives out the shards from 0 on, in order of node ID.
public(package) fun initialize(assigned_number: VecMap<ID, u16>): Committee {
    empty().transition(assigned_number)
}

/// The committee with the new numbers of shards: everyone keeps what the new number allows, the rest changes
/// hands. From an empty committee, all shards from 0 on are given out.
public(package) fun transition(cmt: &Committee, assigned_number: VecMap<ID, u16>): Committee {
    let assigned = sort_by_id(assigned_number);
    let mut free = vector[];
    let mut kept = vec_map::empty();
    let (old_ids, old_shards) = cmt.0.into_keys_values();
    old_ids.zip_do!(old_shards, |id, mut shards| {
        let keeps = if (assigned.contains(&id)) assigned[&id] as u64 else 0;
        while (shards.length() > keeps) free.push_back(shards.pop_back());
        kept.insert(id, shards);
    });
    let (ids, numbers) = assigned.into_keys_values();
    if (old_ids_empty(cmt)) {
        let mut total = 0;
        numbers.do_ref!(|number| total = total + *number);
        while (total > 0) {
            total = total - 1;
            free.push_back(total);
        }
    };
    let mut next = vec_map::empty();
    ids.zip_do!(numbers, |id, number| {
        if (number > 0) {
            let mut shards = if (kept.contains(&id)) kept[&id] else vector[];
            while (shards.length() < (number as u64)) {
                assert!(!free.is_empty(), EInvalidShardAssignment);
                shards.push_back(free.pop_back());
            };
            next.insert(id, shards);
        }
    });
    assert!(free.is_empty(), EInvalidShardAssignment);
    Committee(next)
}

fun old_ids_empty(cmt: &Committee): bool { cmt.0.is_empty() }

/// The same pairs in order of the IDs as big-endian numbers.
fun sort_by_id(map: VecMap<ID, u16>): VecMap<ID, u16> {
    let (ids, numbers) = map.into_keys_values();
    let mut order: vector<u64> = vector[];
    let mut keys = vector[];
    let mut i = 0;
    while (i < ids.length()) {
        let key = ids[i].to_address().to_u256();
        keys.push_back(key);
        let mut at = order.length();
        while (at > 0 && keys[order[at - 1]] > key) at = at - 1;
        order.insert(i, at);
        i = i + 1;
    };
    let mut sorted = vec_map::empty();
    order.do!(|at| sorted.insert(ids[at], numbers[at]));
    sorted
}

public(package) fun contains(cmt: &Committee, node_id: &ID): bool { cmt.0.contains(node_id) }

/// Shards of a node, which must be a member.
public fun shards(cmt: &Committee, node_id: &ID): &vector<u16> { cmt.0.get(node_id) }

/// Number of nodes.
public fun size(cmt: &Committee): u64 { cmt.0.length() }

public fun inner(cmt: &Committee): &VecMap<ID, vector<u16>> { &cmt.0 }

public fun to_inner(cmt: &Committee): VecMap<ID, vector<u16>> { cmt.0 }

/// Number of shards of a node; 0 when it is no member.
public(package) fun weight(cmt: &Committee, node_id: &ID): u16 {
    if (cmt.contains(node_id)) cmt.shards(node_id).length() as u16 else 0
}
