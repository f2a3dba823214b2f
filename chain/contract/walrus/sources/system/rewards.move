/// How an epoch's payments are divided.
module walrus::rewards;

use sui::balance::Balance;
use sui::vec_map::{Self, VecMap};
use wal::wal::WAL;
use walrus::bls_aggregate::BlsCommittee;

/// Basis points of the payments that are burned.
const BURN_BASIS_POINTS: u128 = 300;
const ALL_BASIS_POINTS: u128 = 10_000;

/// Takes out the 3% that are burned, rounded down.
public(package) fun take_to_burn(pot: &mut Balance<WAL>): Balance<WAL> {
    let amount = share(pot.value(), BURN_BASIS_POINTS, ALL_BASIS_POINTS);
    pot.split(amount)
}

/// Splits the pot by weight * (used capacity - deny list size), each part rounded down; the rest stays in the pot.
public(package) fun split(
    pot: &mut Balance<WAL>,
    committee: &BlsCommittee,
    used_capacity: u64,
    deny_list_sizes: &VecMap<ID, u64>,
): VecMap<ID, Balance<WAL>> {
    let (node_ids, weights) = committee.to_vec_map().into_keys_values();
    let mut stored = vector[];
    let mut total_stored = 0u128;
    let mut i = 0;
    while (i < node_ids.length()) {
        let node_id = &node_ids[i];
        let denied = if (deny_list_sizes.contains(node_id)) deny_list_sizes[node_id] else 0;
        let by_node = (weights[i] as u128) * ((used_capacity - denied.min(used_capacity)) as u128);
        stored.push_back(by_node);
        total_stored = total_stored + by_node;
        i = i + 1;
    };
    let total = pot.value();
    let mut rewards = vec_map::empty();
    i = 0;
    while (i < node_ids.length()) {
        let amount = share(total, stored[i], total_stored.max(1));
        rewards.insert(node_ids[i], pot.split(amount));
        i = i + 1;
    };
    rewards
}

/// amount * part / whole, rounded down; in u256, for the product may exceed u128.
fun share(amount: u64, part: u128, whole: u128): u64 {
    ((amount as u256) * (part as u256) / (whole as u256)) as u64
}
