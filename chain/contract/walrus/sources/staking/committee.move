/// Which node has which shards, in order of node ID; and the change from one assignment to the next that moves as
/// few shards as possible.
module walrus::committee;

use sui::vec_map::{Self, VecMap};

/// The numbers of shards do not add up.
const EInvalidShardAssignment: u64 = 0;

public struct Committee(VecMap<ID, vector<u16>>) has copy, drop, store;

public(package) fun empty(): Committee { Committee(vec_map::empty()) }

/// Gives out the shards from 0 on, in order of node ID. Who gets none is no member.
public(package) fun initialize(assigned_number: VecMap<ID, u16>): Committee {
    let mut first = 0;
    let mut members = vec_map::empty();
    let (ids, numbers) = sort_by_id(assigned_number).into_keys_values();
    ids.zip_do!(numbers, |id, number| {
        let start: u16 = first;
        if (number > 0) members.insert(id, vector::tabulate!(number as u64, |i| start + (i as u16)));
        first = start + number;
    });
    Committee(members)
}

/// The committee with the new numbers of shards: everyone keeps what the new number allows, the rest changes
/// hands. Which shards move is fixed, for everyone must come to the same assignment: members in order of node ID
/// put theirs on a pile (who leaves in the shards' order, who shrinks from the last shard on), and those that gain
/// take from its top, new members first in the order of `assigned_number`, then old ones in order of node ID.
public(package) fun transition(cmt: &Committee, mut assigned_number: VecMap<ID, u16>): Committee {
    let mut pile = vector[];
    let mut members = vec_map::empty();
    let (old_ids, old_shards) = cmt.0.into_keys_values();
    old_ids.zip_do!(old_shards, |id, mut shards| {
        let mut number = 0;
        if (assigned_number.contains(&id)) (_, number) = assigned_number.remove(&id);
        let keeps = number as u64;
        if (keeps == 0) {
            pile.append(shards);
        } else if (shards.length() < keeps) {
            assigned_number.insert(id, number);
        } else {
            while (shards.length() > keeps) pile.push_back(shards.pop_back());
            members.insert(id, shards);
        }
    });
    let (ids, numbers) = assigned_number.into_keys_values();
    ids.zip_do!(numbers, |id, number| {
        if (number > 0) {
            let mut shards = if (cmt.contains(&id)) *cmt.shards(&id) else vector[];
            while (shards.length() < (number as u64)) {
                assert!(!pile.is_empty(), EInvalidShardAssignment);
                shards.push_back(pile.pop_back());
            };
            members.insert(id, shards);
        }
    });
    assert!(pile.is_empty(), EInvalidShardAssignment);
    Committee(sort_by_id(members))
}

/// The same pairs in order of the IDs as big-endian numbers.
fun sort_by_id<V: copy + drop>(map: VecMap<ID, V>): VecMap<ID, V> {
    let (ids, values) = map.into_keys_values();
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
    order.do!(|at| sorted.insert(ids[at], values[at]));
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
