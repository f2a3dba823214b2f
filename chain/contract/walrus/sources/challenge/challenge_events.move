/// Events of storage challenges.
module walrus::challenge_events;

use sui::event;

/// A round is open. What was certified before the epoch, and lives where this event stands, is owed.
public struct ChallengeOpened has copy, drop {
    epoch: u32,
    round: u8,
    salt: vector<u8>,
    /// pieces that each node will be asked for
    draws: u16,
    /// ms
    commit_until: u64,
    /// ms
    pass_until: u64,
}

/// A node has committed to what it holds.
public struct ChallengeCommitted has copy, drop {
    epoch: u32,
    round: u8,
    node_id: ID,
    root: vector<u8>,
}

/// What nodes are asked for follows from the seed.
public struct ChallengeDrawn has copy, drop {
    epoch: u32,
    round: u8,
    seed: vector<u8>,
}

/// A node has shown that it holds what it committed to.
public struct ChallengePassed has copy, drop {
    epoch: u32,
    round: u8,
    node_id: ID,
}

/// A node has not, and the epoch is over.
public struct ChallengeFailed has copy, drop {
    epoch: u32,
    node_id: ID,
    /// FROST of its commission that are burned, apart from what it would have earned
    burned: u64,
    /// first epoch in which it can be selected again; 0 when it still can
    benched_until: u32,
}

public(package) fun emit_opened(
    epoch: u32,
    round: u8,
    salt: vector<u8>,
    draws: u16,
    commit_until: u64,
    pass_until: u64,
) {
    event::emit(ChallengeOpened { epoch, round, salt, draws, commit_until, pass_until })
}

public(package) fun emit_committed(epoch: u32, round: u8, node_id: ID, root: vector<u8>) {
    event::emit(ChallengeCommitted { epoch, round, node_id, root })
}

public(package) fun emit_drawn(epoch: u32, round: u8, seed: vector<u8>) {
    event::emit(ChallengeDrawn { epoch, round, seed })
}

public(package) fun emit_passed(epoch: u32, round: u8, node_id: ID) {
    event::emit(ChallengePassed { epoch, round, node_id })
}

public(package) fun emit_failed(epoch: u32, node_id: ID, burned: u64, benched_until: u32) {
    event::emit(ChallengeFailed { epoch, node_id, burned, benched_until })
}
