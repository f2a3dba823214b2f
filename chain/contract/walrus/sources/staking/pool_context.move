/// The moment at which something is asked of a pool, and where its node stands.
module walrus::pool_context;

public struct PoolContext has copy, drop {
    epoch: u32,
    committee_selected: bool,
    in_current_committee: bool,
    in_next_committee: bool,
}

public(package) fun new(
    epoch: u32,
    committee_selected: bool,
    in_current_committee: bool,
    in_next_committee: bool,
): PoolContext {
    PoolContext { epoch, committee_selected, in_current_committee, in_next_committee }
}

public(package) fun epoch(self: &PoolContext): u32 { self.epoch }

/// The epoch for which stake can still change the committee.
public(package) fun next_open_epoch(self: &PoolContext): u32 {
    if (self.committee_selected) self.epoch + 2 else self.epoch + 1
}

/// Whether the node has no shards now, or certainly none in the next epoch.
public(package) fun is_leaving(self: &PoolContext): bool {
    !self.in_next_committee && (self.committee_selected || !self.in_current_committee)
}

public(package) fun in_current_committee(self: &PoolContext): bool { self.in_current_committee }

public(package) fun in_next_committee(self: &PoolContext): bool { self.in_next_committee }
