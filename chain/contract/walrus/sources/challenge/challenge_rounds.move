/// Rounds of storage challenges, as far as they know neither staking nor signatures: what happens when, who has
/// committed to what it holds, and who has shown it.
///
/// An epoch has a few rounds of equal length, counted from when its change was done. In each a salt is drawn, nodes
/// commit to everything that they owe under that salt, a seed is drawn that says what is asked, and nodes pass that
/// answered. So what a node has is fixed before anybody knows what will be asked.
module walrus::challenge_rounds;

use sui::balance::{Self, Balance};
use sui::table::{Self, Table};
use sui::vec_map::{Self, VecMap};
use wal::wal::WAL;
use walrus::bls_aggregate;
use walrus::challenge_events as events;
use walrus::parameters::Parameters;

/// Nobody owes anything yet: shards still move, or there is no committee.
const EEpochChanging: u64 = 0;
/// The round is not that far.
const ETooEarly: u64 = 1;
/// The time for it is over.
const ETooLate: u64 = 2;
/// The round is open already.
const EAlreadyOpen: u64 = 3;
/// There is no such round in this epoch.
const ENoRound: u64 = 4;
/// The node has committed already.
const EAlreadyCommitted: u64 = 5;
/// A root does not have 32 bytes.
const EInvalidRoot: u64 = 6;
/// What is asked in the round is drawn already.
const EAlreadyDrawn: u64 = 7;
/// What is asked in the round is not drawn yet.
const ENotDrawn: u64 = 8;
/// The node has not committed to anything in the round.
const ENotCommitted: u64 = 9;
/// The certificate is for another root than the node has committed to.
const EWrongRoot: u64 = 10;
/// The certificate is for another draw.
const EWrongSeed: u64 = 11;
/// The node has passed already.
const EAlreadyPassed: u64 = 12;

/// Most rounds that an epoch can have.
const MAX_ROUNDS: u8 = 4;
const ROOT_LENGTH: u64 = 32;
const ALL_BASIS_POINTS: u64 = 10_000;

/// One round of the current epoch. `drop`, so that an old one can go whatever is in it.
public struct Round has drop, store {
    salt: vector<u8>,
    /// none before it is drawn
    seed: Option<vector<u8>>,
    /// ms
    commit_until: u64,
    /// ms
    pass_until: u64,
    /// by node ID
    roots: VecMap<ID, vector<u8>>,
    /// by position in the committee
    passed: vector<bool>,
    /// shards of those that have passed
    weight: u16,
}

/// All there is of challenges; of rounds those of one epoch, until the next one begins with its own.
public struct Challenges has store {
    epoch: u32,
    /// by number, from 0 on
    rounds: Table<u8, Round>,
    /// the last epoch in which nodes could fail
    last_counted: u32,
}

/// Who has failed in an epoch.
public struct Failures has copy, drop {
    epoch: u32,
    /// in order of the committee
    node_ids: vector<ID>,
    /// the last epoch before in which nodes could fail
    counted_before: u32,
    parameters: Parameters,
}

public(package) fun new(ctx: &mut TxContext): Challenges {
    Challenges { epoch: 0, rounds: table::new(ctx), last_counted: 0 }
}

/// Opens the round of now. `since` is when the epoch's change was done; times are in ms. Takes away what is left of
/// an earlier epoch.
public(package) fun open(
    self: &mut Challenges,
    parameters: &Parameters,
    epoch: u32,
    since: Option<u64>,
    duration: u64,
    members: u64,
    salt: vector<u8>,
    now: u64,
) {
    assert!(since.is_some(), EEpochChanging);
    self.forget_before(epoch);
    let since = since.destroy_some();
    let length = duration / (parameters.rounds() as u64);
    let number = (now - since) / length;
    assert!(number < (parameters.rounds() as u64), ETooLate);
    let start = since + number * length;
    let commit_until = start + share_of(length, parameters.commit_until());
    let pass_until = start + share_of(length, parameters.pass_until());
    assert!(now >= start + share_of(length, parameters.open_from()), ETooEarly);
    assert!(now < commit_until, ETooLate);
    let number = number as u8;
    assert!(!self.rounds.contains(number), EAlreadyOpen);
    let round = Round {
        salt,
        seed: option::none(),
        commit_until,
        pass_until,
        roots: vec_map::empty(),
        passed: vector::tabulate!(members, |_| false),
        weight: 0,
    };
    self.rounds.add(number, round);
    events::emit_opened(epoch, number, salt, parameters.draws(), commit_until, pass_until);
}

fun forget_before(self: &mut Challenges, epoch: u32) {
    if (self.epoch == epoch) return;
    self.epoch = epoch;
    MAX_ROUNDS.do!(|number| {
        if (self.rounds.contains(number)) {
            let _ = self.rounds.remove(number);
        }
    });
}

/// A member commits to what it holds.
public(package) fun commit(
    self: &mut Challenges,
    epoch: u32,
    number: u8,
    node_id: ID,
    root: vector<u8>,
    now: u64,
) {
    assert!(root.length() == ROOT_LENGTH, EInvalidRoot);
    let round = self.round_mut(epoch, number);
    assert!(now < round.commit_until, ETooLate);
    assert!(!round.roots.contains(&node_id), EAlreadyCommitted);
    round.roots.insert(node_id, root);
    events::emit_committed(epoch, number, node_id, root);
}

/// Fixes what is asked in a round.
public(package) fun draw(
    self: &mut Challenges,
    epoch: u32,
    number: u8,
    seed: vector<u8>,
    now: u64,
) {
    let round = self.round_mut(epoch, number);
    assert!(now >= round.commit_until, ETooEarly);
    assert!(now < round.pass_until, ETooLate);
    assert!(round.seed.is_none(), EAlreadyDrawn);
    round.seed.fill(seed);
    events::emit_drawn(epoch, number, seed);
}

/// Enough weight has seen the member at this position prove what was asked under this root and seed.
public(package) fun pass(
    self: &mut Challenges,
    epoch: u32,
    number: u8,
    node_id: ID,
    position: u64,
    weight: u16,
    root: vector<u8>,
    seed: vector<u8>,
    now: u64,
) {
    let round = self.round_mut(epoch, number);
    assert!(round.seed.is_some(), ENotDrawn);
    assert!(now < round.pass_until, ETooLate);
    assert!(round.roots.contains(&node_id), ENotCommitted);
    assert!(round.roots[&node_id] == root, EWrongRoot);
    assert!(round.seed.borrow() == seed, EWrongSeed);
    assert!(!round.passed[position], EAlreadyPassed);
    *&mut round.passed[position] = true;
    round.weight = round.weight + weight;
    events::emit_passed(epoch, number, node_id);
}

fun round_mut(self: &mut Challenges, epoch: u32, number: u8): &mut Round {
    assert!(self.epoch == epoch && self.rounds.contains(number), ENoRound);
    self.rounds.borrow_mut(number)
}

/// Settles the epoch that ends: a member fails that has not passed in a round that counts. A round in which fewer than
/// f + 1 shards passed counts for nobody, nor does an epoch in which fewer have passed in all its rounds: there the
/// network failed, not the nodes, and those that are left are never too few.
public(package) fun settle(
    self: &mut Challenges,
    parameters: Parameters,
    epoch: u32,
    members: vector<ID>,
    weights: vector<u16>,
    n_shards: u16,
): Failures {
    let mut failed = members.map_ref!(|_| false);
    let mut counts = false;
    if (self.epoch == epoch) {
        MAX_ROUNDS.do!(|number| {
            if (self.rounds.contains(number)) {
                let round = self.rounds.borrow(number);
                if (bls_aggregate::is_validity(round.weight, n_shards)) {
                    counts = true;
                    failed = failed.zip_map!(round.passed, |before, passed| before || !passed);
                }
            }
        });
    };
    let mut node_ids = vector[];
    let mut weight = 0;
    let mut i = 0;
    while (i < members.length()) {
        if (failed[i]) node_ids.push_back(members[i]) else weight = weight + weights[i];
        i = i + 1;
    };
    if (!bls_aggregate::is_validity(weight, n_shards)) {
        counts = false;
        node_ids = vector[];
    };
    let failures = Failures {
        epoch,
        node_ids,
        counted_before: self.last_counted,
        parameters,
    };
    if (counts) self.last_counted = epoch;
    failures
}

/// Takes the failed nodes' rewards out, of all in order of the committee.
public(package) fun withhold(self: &Failures, rewards: &mut VecMap<ID, Balance<WAL>>): Balance<WAL> {
    let mut withheld = balance::zero();
    let mut next = 0;
    let mut i = 0;
    while (next < self.node_ids.length()) {
        let (node_id, reward) = rewards.get_entry_by_idx_mut(i);
        if (*node_id == self.node_ids[next]) {
            withheld.join(reward.withdraw_all());
            next = next + 1;
        };
        i = i + 1;
    };
    withheld
}

fun share_of(length: u64, basis_points: u16): u64 {
    ((length as u128) * (basis_points as u128) / (ALL_BASIS_POINTS as u128)) as u64
}

// === Accessors ===

public(package) fun epoch(self: &Failures): u32 { self.epoch }

public(package) fun node_ids(self: &Failures): vector<ID> { self.node_ids }

public(package) fun counted_before(self: &Failures): u32 { self.counted_before }

public(package) fun burned_commission(self: &Failures): u16 { self.parameters.burned_commission() }

public(package) fun strikes(self: &Failures): u8 { self.parameters.strikes() }

public(package) fun bench(self: &Failures): u8 { self.parameters.bench() }

#[test_only]
public fun seed_for_testing(self: &Challenges, number: u8): vector<u8> {
    *self.rounds[number].seed.borrow()
}

#[test_only]
public fun salt_for_testing(self: &Challenges, number: u8): vector<u8> { self.rounds[number].salt }

#[test_only]
public fun size_for_testing(self: &Challenges): u64 { self.rounds.length() }
