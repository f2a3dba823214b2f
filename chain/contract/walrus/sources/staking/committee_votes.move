/// What a committee has voted for, by its nodes' pools.
module walrus::committee_votes;

use sui::object_table::ObjectTable;
use walrus::committee::Committee;
use walrus::staking_pool::StakingPool;
use walrus::votes;

/// Storage and write price that 2f + 1 shards accept: each the lowest that they voted for or less.
public(package) fun prices(
    pools: &ObjectTable<ID, StakingPool>,
    committee: &Committee,
    n_shards: u16,
): (u64, u64) {
    let mut storage = votes::empty();
    let mut write = votes::empty();
    let (node_ids, shards) = committee.to_inner().into_keys_values();
    node_ids.zip_do!(shards, |node_id, shards| {
        let pool = &pools[node_id];
        let weight = shards.length() as u16;
        storage.add(pool.storage_price(), weight);
        write.add(pool.write_price(), weight);
    });
    (storage.quorum_below(n_shards), write.quorum_below(n_shards))
}

/// A node that offers c bytes for w of n shards allows c * n / w in all; the highest that 2f + 1 shards allow.
public(package) fun capacity(
    pools: &ObjectTable<ID, StakingPool>,
    committee: &Committee,
    n_shards: u16,
): u64 {
    let mut capacity = votes::empty();
    let (node_ids, shards) = committee.to_inner().into_keys_values();
    node_ids.zip_do!(shards, |node_id, shards| {
        let weight = shards.length();
        let offered = (pools[node_id].node_capacity() as u128) * (n_shards as u128);
        let total = (offered / (weight as u128)).min(std::u64::max_value!() as u128);
        capacity.add(total as u64, weight as u16);
    });
    capacity.quorum_above(n_shards)
}
