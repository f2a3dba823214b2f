/// How many shards each node gets for its stake: D'Hondt's method with a cap per node.
module walrus::apportionment;

use walrus::apportionment_queue;

/// From this many nodes on, the cap is 1 / SHARD_LIMIT_DENOMINATOR of the shards.
const MIN_NODES_FOR_SHARD_LIMIT: u64 = 20;
const SHARD_LIMIT_DENOMINATOR: u64 = 10;

/// The most shards that one node may have: 10% with 20 nodes or more, else ceil(n * 20 / (nodes * 10)).
public(package) fun max_shards_per_node(n_nodes: u64, n_shards: u16): u16 {
    let n = n_shards as u64;
    if (n_nodes >= MIN_NODES_FOR_SHARD_LIMIT) ((n / SHARD_LIMIT_DENOMINATOR).max(1)) as u16
    else {
        let scaled = n * MIN_NODES_FOR_SHARD_LIMIT;
        (scaled.divide_and_round_up(n_nodes * SHARD_LIMIT_DENOMINATOR).min(n)) as u16
    }
}

/// Shards for each stake, of which some must be there. The next shard always goes to the highest
/// stake / (shards + 1) below the cap; ties go to the lower position.
public(package) fun dhondt(n_shards: u16, stakes: &vector<u64>): vector<u16> {
    let mut total = 0u128;
    stakes.do_ref!(|stake| total = total + (*stake as u128));
    let cap = max_shards_per_node(stakes.length(), n_shards);

    // The method gives everyone the rounded-down quota at least, unless capped: start from there.
    let mut shards = vector[];
    let mut left = n_shards;
    let mut queue = apportionment_queue::new();
    let mut i = 0;
    while (i < stakes.length()) {
        let quota = (n_shards as u128) * (stakes[i] as u128) / total;
        let given = (quota as u16).min(cap);
        shards.push_back(given);
        left = left - given;
        if (given < cap && stakes[i] > 0) queue.push(stakes[i], given, i);
        i = i + 1;
    };
    while (left > 0) {
        let (stake, given, index) = queue.pop();
        *&mut shards[index] = given + 1;
        left = left - 1;
        if (given + 1 < cap) queue.push(stake, given + 1, index);
    };
    shards
}
