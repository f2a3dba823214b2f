/// Stake of a pool that has not counted for long: which came when, and when it leaves again.
module walrus::recent_stake;

/// Epochs after which stake is recent by no vote.
const LONGEST: u32 = 10;

/// FROST that count in the epochs from `since` on, before `until`.
public struct Recent has copy, drop, store {
    since: u32,
    until: u32,
    amount: u64,
}

public struct RecentStake(vector<Recent>) has copy, drop, store;

public(package) fun empty(): RecentStake { RecentStake(vector[]) }

/// Notes stake that comes, and forgets what nobody calls recent any more in this epoch.
public(package) fun add(self: &mut RecentStake, since: u32, amount: u64, epoch: u32) {
    let mut kept = vector[];
    self.0.do!(|recent| {
        if (recent.until > epoch && recent.since + LONGEST > epoch) kept.push_back(recent);
    });
    self.0 = kept;
    self.put(since, std::u32::max_value!(), amount);
}

/// Takes back stake that was to stay; what is forgotten is not there.
public(package) fun remove(self: &mut RecentStake, since: u32, amount: u64): u64 {
    let stays = std::u32::max_value!();
    let found = self.0.find_index!(|recent| recent.since == since && recent.until == stays);
    if (found.is_none()) return 0;
    let recent = &mut self.0[found.destroy_some()];
    let amount = amount.min(recent.amount);
    recent.amount = recent.amount - amount;
    amount
}

/// Notes that stake which was to stay leaves in an epoch.
public(package) fun leave(self: &mut RecentStake, since: u32, until: u32, amount: u64) {
    let amount = self.remove(since, amount);
    if (amount > 0) self.put(since, until, amount);
}

fun put(self: &mut RecentStake, since: u32, until: u32, amount: u64) {
    let found = self.0.find_index!(|recent| recent.since == since && recent.until == until);
    if (found.is_some()) {
        let recent = &mut self.0[found.destroy_some()];
        recent.amount = recent.amount + amount;
    } else {
        self.0.push_back(Recent { since, until, amount });
    }
}

/// FROST that count in an epoch, and began to within the last `settle` epochs, this one included.
public(package) fun amount_at(self: &RecentStake, epoch: u32, settle: u8): u64 {
    let mut sum = 0;
    self.0.do_ref!(|recent| {
        let counts = recent.since <= epoch && epoch < recent.until;
        if (counts && epoch < recent.since + (settle as u32)) sum = sum + recent.amount;
    });
    sum
}

#[test_only]
public fun size_for_testing(self: &RecentStake): u64 { self.0.length() }
