/// Staking as users and nodes call it: registration, votes, stake, and the change of epochs.
module walrus::staking;

use std::string::String;
use sui::balance::{Self, Balance};
use sui::clock::Clock;
use sui::coin::Coin;
use sui::dynamic_field;
use sui::vec_map::VecMap;
use wal::wal::{WAL, ProtectedTreasury};
use walrus::auth::{Self, Authenticated, Authorized};
use walrus::challenge_rounds::{Self, Challenges, Failures};
use walrus::committee::Committee;
use walrus::node_metadata::NodeMetadata;
use walrus::parameters::{Self, Bylaws, Parameters};
use walrus::stake_fees;
use walrus::staked_wal::StakedWal;
use walrus::staking_inner::{Self, StakingInnerV1};
use walrus::storage_node::{Self, StorageNodeCap};
use walrus::system::System;

/// There is nothing to migrate to, or not yet.
const EInvalidMigration: u64 = 0;
/// The object is of another version than this package.
const EWrongVersion: u64 = 1;
/// The function has a successor.
const EDeprecatedFunction: u64 = 2;

/// Version of the objects that this package works with.
const VERSION: u64 = 4;

/// Dynamic field: the epoch from which on objects may be migrated after an upgrade.
const MIGRATION_EPOCH_KEY: vector<u8> = b"migration_epoch";
/// Dynamic field: storage challenges, from the first one on.
const CHALLENGES_KEY: vector<u8> = b"challenges";
/// Dynamic field: fees of stake that are still to be burned and shared out, from the first one on.
const FEES_KEY: vector<u8> = b"stake_fees";
/// Dynamic field: what nodes have voted for and vote on, from the first vote on.
const BYLAWS_KEY: vector<u8> = b"bylaws";

/// Shared; the state is a dynamic field under the version.
public struct Staking has key {
    id: UID,
    version: u64,
    package_id: ID,
    new_package_id: Option<ID>,
}

/// Shares the staking object. Durations are in ms.
public(package) fun create(
    epoch_zero_duration: u64,
    epoch_duration: u64,
    n_shards: u16,
    package_id: ID,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    transfer::share_object(
        new(epoch_zero_duration, epoch_duration, n_shards, package_id, clock, ctx),
    )
}

fun new(
    epoch_zero_duration: u64,
    epoch_duration: u64,
    n_shards: u16,
    package_id: ID,
    clock: &Clock,
    ctx: &mut TxContext,
): Staking {
    let mut id = object::new(ctx);
    dynamic_field::add(
        &mut id,
        VERSION,
        staking_inner::new(epoch_zero_duration, epoch_duration, n_shards, clock, ctx),
    );
    Staking { id, version: VERSION, package_id, new_package_id: option::none() }
}

// === Nodes ===

/// Registers a node with its own staking pool. The capability is its operator's, and receives its commission.
public fun register_candidate(
    staking: &mut Staking,
    name: String,
    network_address: String,
    metadata: NodeMetadata,
    public_key: vector<u8>,
    network_public_key: vector<u8>,
    proof_of_possession: vector<u8>,
    commission_rate: u16,
    storage_price: u64,
    write_price: u64,
    node_capacity: u64,
    ctx: &mut TxContext,
): StorageNodeCap {
    let inner = staking.inner_mut();
    let node_id = inner.create_pool(
        name,
        network_address,
        metadata,
        public_key,
        network_public_key,
        proof_of_possession,
        commission_rate,
        storage_price,
        write_price,
        node_capacity,
        ctx,
    );
    let cap = storage_node::new_cap(node_id, ctx);
    let receiver = auth::authorized_object(object::id(&cap));
    inner.set_commission_receiver(node_id, auth::authenticate_sender(ctx), receiver);
    cap
}

public fun node_metadata(self: &Staking, node_id: ID): NodeMetadata {
    self.inner().node_metadata(node_id)
}

/// Sets the BLS key for the next epoch in which the node is selected.
public fun set_next_public_key(
    self: &mut Staking,
    cap: &StorageNodeCap,
    public_key: vector<u8>,
    proof_of_possession: vector<u8>,
    ctx: &mut TxContext,
) {
    self.inner_mut().set_next_public_key(cap, public_key, proof_of_possession, ctx)
}

public fun set_name(self: &mut Staking, cap: &StorageNodeCap, name: String) {
    self.inner_mut().set_name(cap, name)
}

public fun set_network_address(self: &mut Staking, cap: &StorageNodeCap, network_address: String) {
    self.inner_mut().set_network_address(cap, network_address)
}

public fun set_network_public_key(
    self: &mut Staking,
    cap: &StorageNodeCap,
    network_public_key: vector<u8>,
) {
    self.inner_mut().set_network_public_key(cap, network_public_key)
}

public fun set_node_metadata(self: &mut Staking, cap: &StorageNodeCap, metadata: NodeMetadata) {
    self.inner_mut().set_node_metadata(cap, metadata)
}

// === Commission ===

/// Sets the commission rate (basis points) from the epoch after the next on.
public fun set_next_commission(staking: &mut Staking, cap: &StorageNodeCap, commission_rate: u16) {
    staking.inner_mut().set_next_commission(cap, commission_rate)
}

/// Pays out the commission to its receiver.
public fun collect_commission(
    staking: &mut Staking,
    node_id: ID,
    auth: Authenticated,
    ctx: &mut TxContext,
): Coin<WAL> {
    staking.inner_mut().collect_commission(node_id, auth).into_coin(ctx)
}

public fun set_commission_receiver(
    staking: &mut Staking,
    node_id: ID,
    auth: Authenticated,
    receiver: Authorized,
) {
    staking.inner_mut().set_commission_receiver(node_id, auth, receiver)
}

/// Adds `commissions[i]` to what the node `node_ids[i]` can collect.
public fun add_commission_to_pools(
    staking: &mut Staking,
    node_ids: vector<ID>,
    commissions: vector<Balance<WAL>>,
) {
    staking.inner_mut().add_commission_to_pools(node_ids, commissions)
}

// === Governance ===

/// Sets who votes for the node on upgrades and slashing.
public fun set_governance_authorized(
    staking: &mut Staking,
    node_id: ID,
    auth: Authenticated,
    authorized: Authorized,
) {
    staking.inner_mut().set_governance_authorized(node_id, auth, authorized)
}

public(package) fun check_governance_authorization(
    staking: &Staking,
    node_id: ID,
    auth: &Authenticated,
): bool {
    staking.inner().check_governance_authorization(node_id, auth)
}

public(package) fun get_current_node_weight(staking: &Staking, node_id: ID): u16 {
    staking.inner().get_current_node_weight(&node_id)
}

public(package) fun is_quorum(staking: &Staking, weight: u16): bool {
    staking.inner().is_quorum(weight)
}

/// Burns the commission of a node.
public(package) fun burn_commission(
    staking: &mut Staking,
    node_id: ID,
    treasury: &mut ProtectedTreasury,
    ctx: &mut TxContext,
) {
    let commission = staking.inner_mut().extract_commission_to_burn(node_id);
    wal::wal::burn(treasury, commission.into_coin(ctx));
}

// === Committees ===

public fun committee(staking: &Staking): &Committee { staking.inner().committee() }

public fun previous_committee(staking: &Staking): &Committee {
    staking.inner().previous_committee()
}

/// The committee that the stake of now would give for the next epoch.
public fun compute_next_committee(staking: &Staking): Committee {
    staking.inner().compute_next_committee()
}

// === Votes ===

/// Votes for FROST per MiB and epoch.
public fun set_storage_price_vote(self: &mut Staking, cap: &StorageNodeCap, storage_price: u64) {
    self.inner_mut().set_storage_price_vote(cap, storage_price)
}

/// Votes for FROST per MiB, once.
public fun set_write_price_vote(self: &mut Staking, cap: &StorageNodeCap, write_price: u64) {
    self.inner_mut().set_write_price_vote(cap, write_price)
}

/// Offers a number of bytes from the next epoch on.
public fun set_node_capacity_vote(self: &mut Staking, cap: &StorageNodeCap, node_capacity: u64) {
    self.inner_mut().set_node_capacity_vote(cap, node_capacity)
}

/// Puts the prices of the current votes in force; anyone may call it.
public fun update_prices(staking: &mut Staking, system: &mut System) {
    let (storage_price, write_price) = staking.inner().recalculate_prices();
    system.set_prices(storage_price, write_price)
}

// === Epoch change ===

/// Ends the votes and selects the next committee, once half the epoch is over; anyone may call it.
public fun voting_end(staking: &mut Staking, clock: &Clock) {
    staking.inner_mut().voting_end(clock)
}

/// Deprecated: aborts.
public fun initiate_epoch_change(_staking: &mut Staking, _system: &mut System, _clock: &Clock) {
    abort EDeprecatedFunction
}

/// Begins the next epoch, once the current one is over; anyone may call it. Burns 3% of the ended epoch's
/// payments, and what nodes lose that failed in its challenges; puts the new committee's prices in force.
public fun initiate_epoch_change_v2(
    staking: &mut Staking,
    system: &mut System,
    treasury: &mut ProtectedTreasury,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    let mut to_burn = system.take_to_burn();
    let inner = staking.inner_mut();
    let committee = inner.next_bls_committee();
    let mut rewards = system.advance_epoch(committee, &inner.next_epoch_params());
    let failures = staking.settle_challenges();
    failures.do_ref!(|failures| { to_burn.join(failures.withhold(&mut rewards)); });
    to_burn.join(staking.share_out_fees(&mut rewards, &failures));
    let inner = staking.inner_mut();
    inner.initiate_epoch_change(clock, rewards);
    failures.do!(|failures| { to_burn.join(inner.punish(&failures)); });
    wal::wal::burn(treasury, to_burn.into_coin(ctx));
    staking.update_prices(system)
}

/// Reports that the node has all its shards of `epoch`.
public fun epoch_sync_done(
    staking: &mut Staking,
    cap: &mut StorageNodeCap,
    epoch: u32,
    clock: &Clock,
) {
    staking.inner_mut().epoch_sync_done(cap, epoch, clock)
}

// === Challenges ===

/// Opens the round of now.
public(package) fun open_challenge(
    staking: &mut Staking,
    salt: vector<u8>,
    clock: &Clock,
    ctx: &mut TxContext,
) {
    let inner = staking.inner();
    let epoch = inner.epoch();
    let since = inner.steady_since();
    let duration = inner.epoch_duration();
    let members = inner.committee().size();
    let parameters = staking.parameters();
    if (!dynamic_field::exists_(&staking.id, CHALLENGES_KEY))
        dynamic_field::add(&mut staking.id, CHALLENGES_KEY, challenge_rounds::new(ctx));
    staking
        .challenges_mut()
        .open(&parameters, epoch, since, duration, members, salt, clock.timestamp_ms());
}

/// There is nothing before the first round.
public(package) fun challenges_mut(staking: &mut Staking): &mut Challenges {
    assert!(staking.version == VERSION, EWrongVersion);
    dynamic_field::borrow_mut(&mut staking.id, CHALLENGES_KEY)
}

/// Who has failed in the epoch that ends.
fun settle_challenges(staking: &mut Staking): Option<Failures> {
    if (!dynamic_field::exists_(&staking.id, CHALLENGES_KEY)) return option::none();
    let inner = staking.inner();
    let epoch = inner.epoch();
    let (members, shards) = inner.committee().to_inner().into_keys_values();
    let weights = shards.map_ref!(|shards| shards.length() as u16);
    let n_shards = inner.n_shards();
    let parameters = staking.parameters();
    option::some(staking.challenges_mut().settle(parameters, epoch, members, weights, n_shards))
}

/// Half of the fees that were paid in the epoch that ends goes to the pools of those who have not failed; answers what
/// is burned.
fun share_out_fees(
    staking: &mut Staking,
    rewards: &mut VecMap<ID, Balance<WAL>>,
    failures: &Option<Failures>,
): Balance<WAL> {
    if (!dynamic_field::exists_(&staking.id, FEES_KEY)) return balance::zero();
    let failed = failures.map_ref!(|failures| failures.node_ids()).destroy_or!(vector[]);
    let settle = staking.parameters().settle();
    let inner = staking.inner();
    let older = rewards.keys().map!(|node_id| {
        if (failed.contains(&node_id)) 0 else inner.pool(node_id).older_stake(inner.epoch(), settle)
    });
    let fees = dynamic_field::borrow_mut(&mut staking.id, FEES_KEY);
    stake_fees::share_out(fees, rewards, &older)
}

// === Parameters ===

/// Those in force.
public(package) fun parameters(staking: &Staking): Parameters {
    if (!dynamic_field::exists_(&staking.id, BYLAWS_KEY)) return parameters::first();
    let bylaws: &Bylaws = dynamic_field::borrow(&staking.id, BYLAWS_KEY);
    bylaws.at(staking.epoch())
}

/// Gives a member's vote for a value of a parameter.
public(package) fun vote_for_parameter(
    staking: &mut Staking,
    node_id: ID,
    name: String,
    value: u64,
    ctx: &mut TxContext,
) {
    let inner = staking.inner();
    let epoch = inner.epoch();
    let n_shards = inner.n_shards();
    let committee = *inner.committee();
    staking.bylaws_mut(ctx).vote(&committee, n_shards, epoch, node_id, name, value)
}

public(package) fun bylaws_mut(staking: &mut Staking, ctx: &mut TxContext): &mut Bylaws {
    assert!(staking.version == VERSION, EWrongVersion);
    if (!dynamic_field::exists_(&staking.id, BYLAWS_KEY))
        dynamic_field::add(&mut staking.id, BYLAWS_KEY, parameters::new(ctx));
    dynamic_field::borrow_mut(&mut staking.id, BYLAWS_KEY)
}

// === Stake ===

/// Stakes with a node.
public fun stake_with_pool(
    staking: &mut Staking,
    to_stake: Coin<WAL>,
    node_id: ID,
    ctx: &mut TxContext,
): StakedWal {
    staking.inner_mut().stake_with_pool(to_stake, node_id, ctx)
}

/// Gives notice of a withdrawal; a stake that has not counted for long will pay a fee.
public fun request_withdraw_stake(
    staking: &mut Staking,
    staked_wal: &mut StakedWal,
    _ctx: &mut TxContext,
) {
    let parameters = staking.parameters();
    staking.inner_mut().request_withdraw_stake(staked_wal, &parameters)
}

/// Pays out a stake with its rewards.
public fun withdraw_stake(
    staking: &mut Staking,
    staked_wal: StakedWal,
    ctx: &mut TxContext,
): Coin<WAL> {
    let parameters = staking.parameters();
    let (paid, fee) = staking.inner_mut().withdraw_stake(staked_wal, &parameters, ctx);
    if (fee.value() == 0) fee.destroy_zero()
    else {
        if (!dynamic_field::exists_(&staking.id, FEES_KEY))
            dynamic_field::add(&mut staking.id, FEES_KEY, balance::zero<WAL>());
        let fees: &mut Balance<WAL> = dynamic_field::borrow_mut(&mut staking.id, FEES_KEY);
        fees.join(fee);
    };
    paid
}

/// Takes a node with enough stake into the active set, when another has made room.
public fun try_join_active_set(staking: &mut Staking, cap: &StorageNodeCap) {
    staking.inner_mut().try_join_active_set(cap)
}

/// Rewards that a principal has earned with a node between two epochs.
public fun calculate_rewards(
    staking: &Staking,
    node_id: ID,
    staked_principal: u64,
    activation_epoch: u32,
    withdraw_epoch: u32,
): u64 {
    staking
        .inner()
        .calculate_rewards(node_id, staked_principal, activation_epoch, withdraw_epoch)
}

/// Whether a stake counts for nothing yet, so that it can be withdrawn without notice.
public fun can_withdraw_staked_wal_early(staking: &Staking, staked_wal: &StakedWal): bool {
    staking.inner().can_withdraw_staked_wal_early(staked_wal)
}

// === Accessors ===

public fun epoch(staking: &Staking): u32 { staking.inner().epoch() }

public(package) fun version(staking: &Staking): u64 { staking.version }

public(package) fun package_id(staking: &Staking): ID { staking.package_id }

// === Upgrade ===

public(package) fun set_new_package_id(staking: &mut Staking, new_package_id: ID) {
    staking.new_package_id = option::some(new_package_id);
}

/// After an upgrade: notes the epoch from which on objects may be migrated, for upgrades that wait for one.
entry fun set_migration_epoch(staking: &mut Staking) {
    assert!(staking.version < VERSION, EInvalidMigration);
    if (dynamic_field::exists_(&staking.id, MIGRATION_EPOCH_KEY)) return;
    let state: &StakingInnerV1 = dynamic_field::borrow(&staking.id, staking.version);
    let epoch = state.epoch() + 1;
    dynamic_field::add(&mut staking.id, MIGRATION_EPOCH_KEY, epoch);
}

/// Moves the state to this package's version, which needs no migration epoch.
public(package) fun migrate(staking: &mut Staking) {
    assert!(staking.version < VERSION && staking.new_package_id.is_some(), EInvalidMigration);
    let state: StakingInnerV1 = dynamic_field::remove(&mut staking.id, staking.version);
    dynamic_field::add(&mut staking.id, VERSION, state);
    staking.version = VERSION;
    staking.package_id = staking.new_package_id.extract();
}

fun inner(staking: &Staking): &StakingInnerV1 {
    assert!(staking.version == VERSION, EWrongVersion);
    dynamic_field::borrow(&staking.id, VERSION)
}

fun inner_mut(staking: &mut Staking): &mut StakingInnerV1 {
    assert!(staking.version == VERSION, EWrongVersion);
    dynamic_field::borrow_mut(&mut staking.id, VERSION)
}

#[test_only]
public fun new_for_testing(
    epoch_zero_duration: u64,
    epoch_duration: u64,
    n_shards: u16,
    clock: &Clock,
    ctx: &mut TxContext,
): Staking {
    new(epoch_zero_duration, epoch_duration, n_shards, @0x7e57.to_id(), clock, ctx)
}

#[test_only]
public fun fees_for_testing(staking: &Staking): u64 {
    if (!dynamic_field::exists_(&staking.id, FEES_KEY)) return 0;
    let fees: &Balance<WAL> = dynamic_field::borrow(&staking.id, FEES_KEY);
    fees.value()
}

#[test_only]
public fun inner_for_testing(staking: &Staking): &StakingInnerV1 { staking.inner() }

/// As if an older package had made the object.
#[test_only]
public fun downgrade_for_testing(staking: &mut Staking) {
    let state: StakingInnerV1 = dynamic_field::remove(&mut staking.id, VERSION);
    staking.version = VERSION - 1;
    dynamic_field::add(&mut staking.id, VERSION - 1, state);
}

#[test_only]
public fun set_migration_epoch_for_testing(staking: &mut Staking) {
    set_migration_epoch(staking)
}
