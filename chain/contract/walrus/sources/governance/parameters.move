/// What challenges and stake are like, as nodes have voted: which values there are, within which bounds, and ballots
/// on them. Prices and capacity are voted on elsewhere.
///
/// Bounds of what depends on one another do not meet, so that each value fits every other.
module walrus::parameters;

use std::string::String;
use sui::table::{Self, Table};
use sui::vec_map::{Self, VecMap};
use walrus::bls_aggregate;
use walrus::committee::Committee;
use walrus::parameter_events as events;

/// There is no such parameter.
const ENoSuchParameter: u64 = 0;
/// The value is outside of the parameter's bounds.
const EOutOfBounds: u64 = 1;
/// The node has voted for this value already.
const EDuplicateVote: u64 = 2;
/// The parameter has been decided on in this epoch.
const EDecided: u64 = 3;

/// Shares are in basis points.
public struct Parameters has copy, drop, store {
    /// challenges of an epoch
    rounds: u8,
    /// pieces that each node is asked for in one
    draws: u16,
    /// share of a round after which it may be opened
    open_from: u16,
    /// until then nodes commit; from then on it may be drawn
    commit_until: u16,
    /// until then nodes pass
    pass_until: u16,
    /// share of a failed node's commission that is burned
    burned_commission: u16,
    /// failed epochs in a row after which a node leaves the active set
    strikes: u8,
    /// epochs for which it is not selected then
    bench: u8,
    /// epochs from its activation on in which stake does not leave for free
    settle: u8,
    /// share of a principal that such stake pays
    fee: u16,
}

/// What is in force, what will be, and votes on what should be.
public struct Bylaws has store {
    current: Parameters,
    next: Parameters,
    /// epoch for which `next` is in force
    next_from: u32,
    /// in force from the epoch after that on
    later: Parameters,
    /// by parameter
    ballots: Table<String, Ballot>,
}

/// Votes on one parameter in one epoch. A node has one, which it may change until enough agree.
public struct Ballot has drop, store {
    epoch: u32,
    decided: bool,
    /// by node ID
    votes: VecMap<ID, u64>,
}

/// What a network begins with.
public(package) fun first(): Parameters {
    Parameters {
        rounds: 1,
        draws: 640,
        open_from: 2_500,
        commit_until: 5_500,
        pass_until: 9_000,
        burned_commission: 2_500,
        strikes: 3,
        bench: 2,
        settle: 2,
        fee: 100,
    }
}

public(package) fun new(ctx: &mut TxContext): Bylaws {
    let (current, next, later) = (first(), first(), first());
    Bylaws { current, next, next_from: 0, later, ballots: table::new(ctx) }
}

/// Those in force in an epoch: the present one.
public(package) fun at(self: &Bylaws, epoch: u32): Parameters {
    if (epoch < self.next_from) self.current
    else if (epoch == self.next_from) self.next
    else self.later
}

/// Gives the vote of a member. Once 2f + 1 shards are for one value it is in force from the next epoch on; what stake
/// pays from the one after it, so that stakers can react.
public(package) fun vote(
    self: &mut Bylaws,
    committee: &Committee,
    n_shards: u16,
    epoch: u32,
    node_id: ID,
    name: String,
    value: u64,
) {
    assert_bounds(&name, value);
    let ballot = self.ballot_mut(epoch, name);
    assert!(!ballot.decided, EDecided);
    if (ballot.votes.contains(&node_id)) {
        let (_, before) = ballot.votes.remove(&node_id);
        assert!(before != value, EDuplicateVote);
    };
    ballot.votes.insert(node_id, value);
    let mut weight = 0;
    let (voters, values) = ballot.votes.into_keys_values();
    voters.zip_do!(values, |voter, voted| {
        if (voted == value) weight = weight + committee.weight(&voter);
    });
    let decided = bls_aggregate::is_quorum(weight, n_shards);
    ballot.decided = decided;
    events::emit_voted(epoch, node_id, name, value, weight);
    if (!decided) return;
    if (self.next_from <= epoch) {
        self.current = self.at(epoch);
        self.next = self.later;
        self.next_from = epoch + 1;
    };
    let has_notice = name == b"settle".to_string() || name == b"fee".to_string();
    if (!has_notice) self.next.set(&name, value);
    self.later.set(&name, value);
    events::emit_decided(if (has_notice) epoch + 2 else epoch + 1, name, value);
}

/// The parameter's votes of this epoch; those of an earlier one lapse.
fun ballot_mut(self: &mut Bylaws, epoch: u32, name: String): &mut Ballot {
    let ballots = &mut self.ballots;
    if (ballots.contains(name) && ballots[name].epoch != epoch) {
        ballots.remove(name);
    };
    if (!ballots.contains(name)) {
        ballots.add(name, Ballot { epoch, decided: false, votes: vec_map::empty() });
    };
    ballots.borrow_mut(name)
}

/// Sets what a network begins with.
public(package) fun found(self: &mut Bylaws, name: String, value: u64) {
    assert_bounds(&name, value);
    self.next.set(&name, value);
    self.later.set(&name, value);
    events::emit_decided(0, name, value);
}

fun assert_bounds(name: &String, value: u64) {
    let (least, most) = bounds(name);
    assert!(least <= value && value <= most, EOutOfBounds);
}

/// The least and the most that a parameter may be.
fun bounds(name: &String): (u64, u64) {
    let name = name.as_bytes();
    if (name == b"rounds") (1, 4)
    else if (name == b"draws") (16, 1_280)
    else if (name == b"open_from") (0, 4_000)
    else if (name == b"commit_until") (4_500, 7_000)
    else if (name == b"pass_until") (7_500, 9_500)
    else if (name == b"burned_commission") (0, 10_000)
    else if (name == b"strikes") (1, 20)
    else if (name == b"bench") (1, 20)
    else if (name == b"settle") (1, 10)
    else if (name == b"fee") (0, 1_000)
    else abort ENoSuchParameter
}

/// Bounds are such that every value fits its field.
fun set(self: &mut Parameters, name: &String, value: u64) {
    let name = name.as_bytes();
    if (name == b"rounds") self.rounds = value as u8
    else if (name == b"draws") self.draws = value as u16
    else if (name == b"open_from") self.open_from = value as u16
    else if (name == b"commit_until") self.commit_until = value as u16
    else if (name == b"pass_until") self.pass_until = value as u16
    else if (name == b"burned_commission") self.burned_commission = value as u16
    else if (name == b"strikes") self.strikes = value as u8
    else if (name == b"bench") self.bench = value as u8
    else if (name == b"settle") self.settle = value as u8
    else self.fee = value as u16
}

// === Accessors ===

public(package) fun rounds(self: &Parameters): u8 { self.rounds }

public(package) fun draws(self: &Parameters): u16 { self.draws }

public(package) fun open_from(self: &Parameters): u16 { self.open_from }

public(package) fun commit_until(self: &Parameters): u16 { self.commit_until }

public(package) fun pass_until(self: &Parameters): u16 { self.pass_until }

public(package) fun burned_commission(self: &Parameters): u16 { self.burned_commission }

public(package) fun strikes(self: &Parameters): u8 { self.strikes }

public(package) fun bench(self: &Parameters): u8 { self.bench }

public(package) fun settle(self: &Parameters): u8 { self.settle }

public(package) fun fee(self: &Parameters): u16 { self.fee }
