/// What weighted votes decide.
module walrus::votes;

use walrus::bls_aggregate;

public struct Vote has copy, drop {
    value: u64,
    weight: u16,
}

/// Votes in ascending order of value.
public struct Votes has drop {
    votes: vector<Vote>,
}

public(package) fun empty(): Votes { Votes { votes: vector[] } }

public(package) fun add(self: &mut Votes, value: u64, weight: u16) {
    let mut at = self.votes.length();
    while (at > 0 && self.votes[at - 1].value > value) at = at - 1;
    self.votes.insert(Vote { value, weight }, at);
}

/// The lowest value such that 2f + 1 shards voted for it or less; 0 without votes.
public(package) fun quorum_below(self: &Votes, n_shards: u16): u64 {
    let mut weight = 0;
    let mut i = 0;
    while (i < self.votes.length()) {
        let vote = &self.votes[i];
        weight = weight + vote.weight;
        if (bls_aggregate::is_quorum(weight, n_shards)) return vote.value;
        i = i + 1;
    };
    0
}

/// The highest value such that 2f + 1 shards voted for it or more; 0 without votes.
public(package) fun quorum_above(self: &Votes, n_shards: u16): u64 {
    let mut weight = 0;
    let mut i = self.votes.length();
    while (i > 0) {
        i = i - 1;
        let vote = &self.votes[i];
        weight = weight + vote.weight;
        if (bls_aggregate::is_quorum(weight, n_shards)) return vote.value;
    };
    0
}
