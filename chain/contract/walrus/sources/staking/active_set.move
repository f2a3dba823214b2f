/// The nodes with the most stake: those that can get shards.
module walrus::active_set;

/// A set cannot be of size zero.
const EZeroMaxSize: u64 = 0;

public struct ActiveSetEntry has copy, drop, store {
    node_id: ID,
    staked_amount: u64,
}

public struct ActiveSet has copy, drop, store {
    max_size: u16,
    /// FROST below which a node cannot be in the set
    threshold_stake: u64,
    nodes: vector<ActiveSetEntry>,
    total_stake: u64,
}

public(package) fun new(max_size: u16, threshold_stake: u64): ActiveSet {
    assert!(max_size > 0, EZeroMaxSize);
    ActiveSet { max_size, threshold_stake, nodes: vector[], total_stake: 0 }
}

/// Sets a node's stake: updates, adds or removes it. A full set takes in a node only with more stake than its
/// weakest, whose place it gets. Answers whether the node is in the set now. The order of nodes decides ties of
/// the apportionment: a new one comes last, and the last one gets the place of one that leaves.
public(package) fun insert_or_update(set: &mut ActiveSet, node_id: ID, staked_amount: u64): bool {
    if (staked_amount == 0 || staked_amount < set.threshold_stake) {
        set.remove(node_id);
        return false
    };
    let found = set.nodes.find_index!(|entry| entry.node_id == node_id);
    if (found.is_some()) {
        let entry = &mut set.nodes[found.destroy_some()];
        set.total_stake = set.total_stake - entry.staked_amount + staked_amount;
        entry.staked_amount = staked_amount;
        return true
    };
    let entry = ActiveSetEntry { node_id, staked_amount };
    if (set.nodes.length() < (set.max_size as u64)) {
        set.nodes.push_back(entry);
    } else {
        let at = set.weakest();
        let weakest = &mut set.nodes[at];
        if (weakest.staked_amount >= staked_amount) return false;
        set.total_stake = set.total_stake - weakest.staked_amount;
        *weakest = entry;
    };
    set.total_stake = set.total_stake + staked_amount;
    true
}

public(package) fun remove(set: &mut ActiveSet, node_id: ID) {
    let found = set.nodes.find_index!(|entry| entry.node_id == node_id);
    if (found.is_some()) {
        let ActiveSetEntry { staked_amount, .. } = set.nodes.swap_remove(found.destroy_some());
        set.total_stake = set.total_stake - staked_amount;
    }
}

/// The first of the entries with the least stake.
fun weakest(set: &ActiveSet): u64 {
    let mut at = 0;
    let mut i = 1;
    while (i < set.nodes.length()) {
        if (set.nodes[i].staked_amount < set.nodes[at].staked_amount) at = i;
        i = i + 1;
    };
    at
}

public(package) fun contains(set: &ActiveSet, node_id: &ID): bool {
    set.nodes.any!(|entry| &entry.node_id == node_id)
}

/// Node IDs and their stakes, side by side.
public(package) fun ids_and_stakes(set: &ActiveSet): (vector<ID>, vector<u64>) {
    let mut ids = vector[];
    let mut stakes = vector[];
    set.nodes.do_ref!(|entry| {
        ids.push_back(entry.node_id);
        stakes.push_back(entry.staked_amount);
    });
    (ids, stakes)
}

public(package) fun total_stake(set: &ActiveSet): u64 { set.total_stake }

public(package) fun size(set: &ActiveSet): u64 { set.nodes.length() }
