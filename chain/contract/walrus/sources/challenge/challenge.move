/// Storage challenges as nodes call them. Floe's own: Walrus has nothing of the kind.
///
/// What draws random bytes does the same whatever they are, and is private, so that nobody takes back a draw that it
/// does not like.
module walrus::challenge;

use sui::bcs;
use sui::clock::Clock;
use sui::random::Random;
use walrus::staking::Staking;
use walrus::storage_node::StorageNodeCap;
use walrus::system::System;

/// The node is not in the committee.
const ENotInCommittee: u64 = 0;
/// The certificate is not about a challenge.
const EInvalidMessage: u64 = 1;
/// The certificate is of another epoch.
const EWrongEpoch: u64 = 2;

/// Apart from 3, which is Walrus's: no signature of one is worth anything to the other.
const APP_ID: u8 = 70;
const INTENT_VERSION: u8 = 0;
const PASS: u8 = 0;
/// Type, version, app, epoch, round, node ID, root, seed.
const MESSAGE_LENGTH: u64 = 3 + 4 + 1 + 32 + 32 + 32;
const RANDOM_BYTES: u16 = 32;

/// Opens the round of now; anyone may, once.
entry fun open(staking: &mut Staking, random: &Random, clock: &Clock, ctx: &mut TxContext) {
    let salt = random.new_generator(ctx).generate_bytes(RANDOM_BYTES);
    staking.open_challenge(salt, clock, ctx);
}

/// Commits the node to what it holds: the root of a tree over all that it owes.
entry fun commit(
    staking: &mut Staking,
    cap: &StorageNodeCap,
    round: u8,
    root: vector<u8>,
    clock: &Clock,
) {
    let node_id = cap.node_id();
    assert!(staking.committee().contains(&node_id), ENotInCommittee);
    let epoch = staking.epoch();
    staking.challenges_mut().commit(epoch, round, node_id, root, clock.timestamp_ms());
}

/// Draws what is asked in the round; anyone may, once.
entry fun draw(
    staking: &mut Staking,
    round: u8,
    random: &Random,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    let seed = random.new_generator(ctx).generate_bytes(RANDOM_BYTES);
    let epoch = staking.epoch();
    staking.challenges_mut().draw(epoch, round, seed, clock.timestamp_ms());
}

/// Notes that f + 1 shards have seen a node prove what it was asked: one of them is correct. Anyone may bring it.
entry fun pass(
    staking: &mut Staking,
    system: &System,
    signature: vector<u8>,
    signers_bitmap: vector<u8>,
    message: vector<u8>,
    clock: &Clock,
) {
    system.committee().verify_one_correct_node(signature, signers_bitmap, &message);
    assert!(message.length() == MESSAGE_LENGTH, EInvalidMessage);
    let mut reader = bcs::new(message);
    let header = vector[reader.peel_u8(), reader.peel_u8(), reader.peel_u8()];
    assert!(header == vector[PASS, INTENT_VERSION, APP_ID], EInvalidMessage);
    let epoch = staking.epoch();
    assert!(reader.peel_u32() == epoch, EWrongEpoch);
    let round = reader.peel_u8();
    let node_id = reader.peel_address().to_id();
    let root = vector::tabulate!(32, |_| reader.peel_u8());
    let seed = reader.into_remainder_bytes();

    let position = staking.committee().inner().get_idx_opt(&node_id);
    assert!(position.is_some(), ENotInCommittee);
    let weight = staking.committee().weight(&node_id);
    staking
        .challenges_mut()
        .pass(
            epoch,
            round,
            node_id,
            position.destroy_some(),
            weight,
            root,
            seed,
            clock.timestamp_ms(),
        );
}

#[test_only]
public fun message_for_testing(
    epoch: u32,
    round: u8,
    node_id: ID,
    root: vector<u8>,
    seed: vector<u8>,
): vector<u8> {
    let mut message = vector[PASS, INTENT_VERSION, APP_ID];
    message.append(bcs::to_bytes(&epoch));
    message.push_back(round);
    message.append(node_id.to_bytes());
    message.append(root);
    message.append(seed);
    message
}

#[test_only]
public fun open_for_testing(
    staking: &mut Staking,
    random: &Random,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    open(staking, random, clock, ctx)
}

#[test_only]
public fun commit_for_testing(
    staking: &mut Staking,
    cap: &StorageNodeCap,
    round: u8,
    root: vector<u8>,
    clock: &Clock,
) {
    commit(staking, cap, round, root, clock)
}

#[test_only]
public fun draw_for_testing(
    staking: &mut Staking,
    round: u8,
    random: &Random,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    draw(staking, round, random, clock, ctx)
}

#[test_only]
public fun pass_for_testing(
    staking: &mut Staking,
    system: &System,
    signature: vector<u8>,
    signers_bitmap: vector<u8>,
    message: vector<u8>,
    clock: &Clock,
) {
    pass(staking, system, signature, signers_bitmap, message, clock)
}
