/// State and rules of staking, behind the versioned `Staking` object: pools, committees, the clock of epochs.
module walrus::staking_inner;

use std::string::String;
use sui::balance::{Self, Balance};
use sui::bls12381::UncompressedG1;
use sui::clock::Clock;
use sui::coin::Coin;
use sui::group_ops::Element;
use sui::object_table::{Self, ObjectTable};
use sui::vec_map::{Self, VecMap};
use wal::wal::WAL;
use walrus::active_set::{Self, ActiveSet};
use walrus::apportionment;
use walrus::auth::{Authenticated, Authorized};
use walrus::bls_aggregate::{Self, BlsCommittee};
use walrus::challenge_events;
use walrus::challenge_rounds::Failures;
use walrus::committee::{Self, Committee};
use walrus::committee_votes;
use walrus::epoch_parameters::{Self, EpochParams};
use walrus::events;
use walrus::extended_field::{Self, ExtendedField};
use walrus::node_metadata::NodeMetadata;
use walrus::parameters::Parameters;
use walrus::pool_context::{Self, PoolContext};
use walrus::staked_wal::StakedWal;
use walrus::staking_pool::{Self, StakingPool};
use walrus::storage_node::StorageNodeCap;

/// The call does not fit the state of the epoch, or comes too early.
const EWrongEpochState: u64 = 0;
/// The call is for another epoch than the current one.
const EInvalidSyncEpoch: u64 = 1;
/// The node has reported this epoch already.
const EDuplicateSyncDone: u64 = 2;
/// Nobody has any stake.
const ENoStake: u64 = 3;
/// The node is not in the committee.
const ENotInCommittee: u64 = 4;
/// The next committee is not selected yet.
const ENextCommitteeIsEmpty: u64 = 6;
/// There is no such node.
const EPoolNotFound: u64 = 8;

/// Most nodes that can have shards.
const ACTIVE_SET_MAX_SIZE: u16 = 150;
/// FROST that a node needs to be in the active set, besides being among the first: any stake counts.
const ACTIVE_SET_THRESHOLD: u64 = 0;

public enum EpochState has copy, drop, store {
    /// shards move; the weight that has reported to be done
    EpochChangeSync(u16),
    /// since (ms)
    EpochChangeDone(u64),
    /// committee and parameters of the next epoch are known; holds when EpochChangeDone began (ms)
    NextParamsSelected(u64),
}

public struct StakingInnerV1 has store {
    n_shards: u16,
    /// ms
    epoch_duration: u64,
    /// ms; when epoch 0 ends at the earliest
    first_epoch_start: u64,
    /// by node ID, which is the pool's object ID
    pools: ObjectTable<ID, StakingPool>,
    epoch: u32,
    active_set: ExtendedField<ActiveSet>,
    next_committee: Option<Committee>,
    committee: Committee,
    previous_committee: Committee,
    next_epoch_params: Option<EpochParams>,
    epoch_state: EpochState,
    /// keys of the next committee as of its selection, by node ID
    next_epoch_public_keys: ExtendedField<VecMap<ID, Element<UncompressedG1>>>,
}

/// Epoch 0, without a committee.
public(package) fun new(
    epoch_zero_duration: u64,
    epoch_duration: u64,
    n_shards: u16,
    clock: &Clock,
    ctx: &mut TxContext,
): StakingInnerV1 {
    let now = clock.timestamp_ms();
    StakingInnerV1 {
        n_shards,
        epoch_duration,
        first_epoch_start: now + epoch_zero_duration,
        pools: object_table::new(ctx),
        epoch: 0,
        active_set: extended_field::new(
            active_set::new(ACTIVE_SET_MAX_SIZE, ACTIVE_SET_THRESHOLD),
            ctx,
        ),
        next_committee: option::none(),
        committee: committee::empty(),
        previous_committee: committee::empty(),
        next_epoch_params: option::none(),
        epoch_state: EpochState::EpochChangeDone(now),
        next_epoch_public_keys: extended_field::new(vec_map::empty(), ctx),
    }
}

// === Nodes ===

/// Registers a node and makes its pool; answers the node ID.
public(package) fun create_pool(
    self: &mut StakingInnerV1,
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
): ID {
    let wctx = pool_context::new(self.epoch, self.is_selected(), false, false);
    let pool = staking_pool::new(
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
        &wctx,
        ctx,
    );
    let node_id = pool.node_id();
    self.pools.add(node_id, pool);
    node_id
}

public(package) fun pool(self: &StakingInnerV1, node_id: ID): &StakingPool {
    self.pools.borrow(node_id)
}

fun pool_mut(self: &mut StakingInnerV1, node_id: ID): &mut StakingPool {
    self.pools.borrow_mut(node_id)
}

fun pool_context(self: &StakingInnerV1, node_id: &ID): PoolContext {
    pool_context::new(
        self.epoch,
        self.is_selected(),
        self.committee.contains(node_id),
        self.next_committee.is_some_and!(|next| next.contains(node_id)),
    )
}

public(package) fun node_metadata(self: &StakingInnerV1, node_id: ID): NodeMetadata {
    self.pool(node_id).node_info().metadata()
}

public(package) fun set_next_public_key(
    self: &mut StakingInnerV1,
    cap: &StorageNodeCap,
    public_key: vector<u8>,
    proof_of_possession: vector<u8>,
    ctx: &TxContext,
) {
    let epoch = self.epoch;
    self
        .pool_mut(cap.node_id())
        .set_next_public_key(public_key, proof_of_possession, epoch, ctx);
}

public(package) fun set_name(self: &mut StakingInnerV1, cap: &StorageNodeCap, name: String) {
    self.pool_mut(cap.node_id()).set_name(name);
}

public(package) fun set_network_address(
    self: &mut StakingInnerV1,
    cap: &StorageNodeCap,
    network_address: String,
) {
    self.pool_mut(cap.node_id()).set_network_address(network_address);
}

public(package) fun set_network_public_key(
    self: &mut StakingInnerV1,
    cap: &StorageNodeCap,
    network_public_key: vector<u8>,
) {
    self.pool_mut(cap.node_id()).node_info_mut().set_network_public_key(network_public_key);
}

public(package) fun set_node_metadata(
    self: &mut StakingInnerV1,
    cap: &StorageNodeCap,
    metadata: NodeMetadata,
) {
    self.pool_mut(cap.node_id()).node_info_mut().set_node_metadata(metadata);
}

// === Commission and governance ===

public(package) fun set_next_commission(
    self: &mut StakingInnerV1,
    cap: &StorageNodeCap,
    commission_rate: u16,
) {
    let epoch = self.epoch;
    self.pool_mut(cap.node_id()).set_next_commission(commission_rate, epoch);
}

public(package) fun collect_commission(
    self: &mut StakingInnerV1,
    node_id: ID,
    auth: Authenticated,
): Balance<WAL> {
    self.pool_mut(node_id).collect_commission(auth)
}

public(package) fun set_commission_receiver(
    self: &mut StakingInnerV1,
    node_id: ID,
    auth: Authenticated,
    receiver: Authorized,
) {
    self.pool_mut(node_id).set_commission_receiver(auth, receiver)
}

/// Blocked, like what nodes earn, until the votes are over.
public(package) fun add_commission_to_pools(
    self: &mut StakingInnerV1,
    node_ids: vector<ID>,
    commissions: vector<Balance<WAL>>,
) {
    let block = !self.is_selected();
    node_ids.zip_do!(commissions, |node_id, commission| {
        self.pool_mut(node_id).add_commission(commission, block)
    });
}

/// Takes out all commission of a node.
public(package) fun extract_commission_to_burn(
    self: &mut StakingInnerV1,
    node_id: ID,
): Balance<WAL> {
    self.pool_mut(node_id).extract_commission()
}

public(package) fun set_governance_authorized(
    self: &mut StakingInnerV1,
    node_id: ID,
    auth: Authenticated,
    authorized: Authorized,
) {
    self.pool_mut(node_id).set_governance_authorized(auth, authorized)
}

public(package) fun check_governance_authorization(
    self: &StakingInnerV1,
    node_id: ID,
    auth: &Authenticated,
): bool {
    self.pool(node_id).governs(auth)
}

// === Stake ===

public(package) fun stake_with_pool(
    self: &mut StakingInnerV1,
    to_stake: Coin<WAL>,
    node_id: ID,
    ctx: &mut TxContext,
): StakedWal {
    let wctx = self.pool_context(&node_id);
    let staked = self.pool_mut(node_id).stake(to_stake.into_balance(), &wctx, ctx);
    self.update_active_set(node_id);
    staked
}

public(package) fun request_withdraw_stake(
    self: &mut StakingInnerV1,
    staked_wal: &mut StakedWal,
    parameters: &Parameters,
) {
    let node_id = staked_wal.node_id();
    let wctx = self.pool_context(&node_id);
    self.pool_mut(node_id).request_withdraw_stake(staked_wal, &wctx, parameters);
    self.update_active_set(node_id);
}

/// What is paid out, and the fee that was taken.
public(package) fun withdraw_stake(
    self: &mut StakingInnerV1,
    staked_wal: StakedWal,
    parameters: &Parameters,
    ctx: &mut TxContext,
): (Coin<WAL>, Balance<WAL>) {
    let node_id = staked_wal.node_id();
    let wctx = self.pool_context(&node_id);
    let (paid, fee) = self.pool_mut(node_id).withdraw_stake(staked_wal, &wctx, parameters);
    self.update_active_set(node_id);
    (paid.into_coin(ctx), fee)
}

public(package) fun can_withdraw_staked_wal_early(
    self: &StakingInnerV1,
    staked_wal: &StakedWal,
): bool {
    staked_wal.can_withdraw_early(&self.pool_context(&staked_wal.node_id()))
}

public(package) fun calculate_rewards(
    self: &StakingInnerV1,
    node_id: ID,
    staked_principal: u64,
    activation_epoch: u32,
    withdraw_epoch: u32,
): u64 {
    assert!(self.pools.contains(node_id), EPoolNotFound);
    self.pool(node_id).calculate_rewards(staked_principal, activation_epoch, withdraw_epoch)
}

public(package) fun try_join_active_set(self: &mut StakingInnerV1, cap: &StorageNodeCap) {
    self.update_active_set(cap.node_id());
}

/// Sets the node's stake for the next selection. Whatever changes a stake may let its node in, but for one that has
/// failed too often.
fun update_active_set(self: &mut StakingInnerV1, node_id: ID) {
    if (self.pool(node_id).is_benched(self.epoch)) return;
    let open_epoch = self.pool_context(&node_id).next_open_epoch();
    let stake = self.pool(node_id).wal_balance_at_epoch(open_epoch);
    self.active_set.borrow_mut().insert_or_update(node_id, stake);
}

// === Votes ===

public(package) fun set_storage_price_vote(
    self: &mut StakingInnerV1,
    cap: &StorageNodeCap,
    storage_price: u64,
) {
    self.pool_mut(cap.node_id()).set_next_storage_price(storage_price);
}

public(package) fun set_write_price_vote(
    self: &mut StakingInnerV1,
    cap: &StorageNodeCap,
    write_price: u64,
) {
    self.pool_mut(cap.node_id()).set_next_write_price(write_price);
}

public(package) fun set_node_capacity_vote(
    self: &mut StakingInnerV1,
    cap: &StorageNodeCap,
    node_capacity: u64,
) {
    self.pool_mut(cap.node_id()).set_next_node_capacity(node_capacity);
}

/// The prices by the current votes of the current committee; before there is one nothing can be bought.
public(package) fun recalculate_prices(self: &StakingInnerV1): (u64, u64) {
    if (self.committee.size() == 0) return (std::u64::max_value!(), std::u64::max_value!());
    committee_votes::prices(&self.pools, &self.committee, self.n_shards)
}

// === Epoch change ===

/// Ends the votes for the next epoch, half an epoch after the last change was done: selects its committee with its
/// keys, and its capacity.
public(package) fun voting_end(self: &mut StakingInnerV1, clock: &Clock) {
    let since = match (self.epoch_state) {
        EpochState::EpochChangeDone(since) => since,
        _ => abort EWrongEpochState,
    };
    self.assert_passed(since, self.epoch_duration / 2, clock);

    self.unblock_commissions();
    let next = self.compute_next_committee();
    let capacity = committee_votes::capacity(&self.pools, &next, self.n_shards);
    let node_ids = next.to_inner().keys();
    let keys = node_ids.map_ref!(|id| self.pool(*id).node_info().next_epoch_public_key());
    self.next_epoch_public_keys.swap(vec_map::from_keys_values(node_ids, keys));
    self.next_committee = option::some(next);
    self.next_epoch_params = option::some(epoch_parameters::new(capacity));
    self.epoch_state = EpochState::NextParamsSelected(since);
    events::emit_epoch_parameters_selected(self.epoch + 1);
}

/// Commission of the last epoch was earned by its committee, the one before the current.
fun unblock_commissions(self: &mut StakingInnerV1) {
    let (node_ids, _) = self.previous_committee.to_inner().into_keys_values();
    node_ids.do!(|node_id| self.pool_mut(node_id).unblock_commission());
}

/// The committee that the stake of now gives for the next epoch.
public(package) fun compute_next_committee(self: &StakingInnerV1): Committee {
    let active_set = self.active_set.borrow();
    assert!(active_set.total_stake() > 0, ENoStake);
    let (node_ids, stakes) = active_set.ids_and_stakes();
    let shards = apportionment::dhondt(self.n_shards, &stakes);
    let numbers = vec_map::from_keys_values(node_ids, shards);
    if (self.committee.size() == 0) committee::initialize(numbers)
    else self.committee.transition(numbers)
}

/// The committee as it signs in the next epoch, with the keys as of its selection; to be asked once.
public(package) fun next_bls_committee(self: &mut StakingInnerV1): BlsCommittee {
    assert!(self.next_committee.is_some(), ENextCommitteeIsEmpty);
    let keys = self.next_epoch_public_keys.swap(vec_map::empty());
    let (node_ids, shards) = self.next_committee.borrow().to_inner().into_keys_values();
    let mut members = vector[];
    node_ids.zip_do!(shards, |node_id, shards| {
        let weight = shards.length() as u16;
        members.push_back(
            bls_aggregate::new_bls_committee_member(keys[&node_id], weight, node_id),
        );
    });
    bls_aggregate::new_bls_committee(self.epoch + 1, members)
}

/// Of the last selection: they stay after the change until the next one.
public(package) fun next_epoch_params(self: &StakingInnerV1): EpochParams {
    *self.next_epoch_params.borrow()
}

/// Begins the next epoch, when the current one has lasted long enough; `rewards` are those of the ended one.
public(package) fun initiate_epoch_change(
    self: &mut StakingInnerV1,
    clock: &Clock,
    rewards: VecMap<ID, Balance<WAL>>,
) {
    let since = match (self.epoch_state) {
        EpochState::NextParamsSelected(since) => since,
        _ => abort EWrongEpochState,
    };
    self.assert_passed(since, self.epoch_duration, clock);
    self.epoch = self.epoch + 1;
    self.previous_committee = self.committee;
    self.committee = self.next_committee.extract();
    self.epoch_state = EpochState::EpochChangeSync(0);

    let (node_ids, rewards) = rewards.into_keys_values();
    node_ids.zip_do!(rewards, |node_id, reward| self.advance_pool(node_id, reward));
    self.committee.to_inner().keys().do!(|node_id| {
        if (!self.previous_committee.contains(&node_id)) self.advance_pool(node_id, balance::zero());
    });
    events::emit_epoch_change_start(self.epoch);
}

fun advance_pool(self: &mut StakingInnerV1, node_id: ID, rewards: Balance<WAL>) {
    let epoch = self.epoch;
    self.pool_mut(node_id).advance_epoch(rewards, epoch);
    self.update_active_set(node_id);
}

/// What nodes lose that have failed in the challenges of the ended epoch, besides what they would have earned: a share of
/// their commission, and after too many failures in a row their place in the active set.
public(package) fun punish(self: &mut StakingInnerV1, failures: &Failures): Balance<WAL> {
    let mut burned = balance::zero();
    let epoch = self.epoch;
    failures.node_ids().do!(|node_id| {
        let pool = self.pool_mut(node_id);
        let part = pool.take_commission(failures.burned_commission());
        let row = pool.fail(failures.epoch(), failures.counted_before());
        let mut benched_until = 0;
        if (row >= failures.strikes()) {
            // the committee of the next epoch is the next to be selected
            benched_until = epoch + 1 + (failures.bench() as u32);
            pool.set_benched_until(benched_until);
            self.active_set.borrow_mut().remove(node_id);
        };
        challenge_events::emit_failed(failures.epoch(), node_id, part.value(), benched_until);
        burned.join(part);
    });
    burned
}

/// A node of the committee has all its shards; with 2f + 1 of them the change is done.
public(package) fun epoch_sync_done(
    self: &mut StakingInnerV1,
    cap: &mut StorageNodeCap,
    epoch: u32,
    clock: &Clock,
) {
    let node_id = cap.node_id();
    assert!(epoch == self.epoch, EInvalidSyncEpoch);
    assert!(cap.last_epoch_sync_done() < epoch, EDuplicateSyncDone);
    assert!(self.committee.contains(&node_id), ENotInCommittee);
    cap.set_last_epoch_sync_done(epoch);
    match (self.epoch_state) {
        EpochState::EpochChangeSync(weight) => {
            let weight = weight + self.committee.weight(&node_id);
            if (bls_aggregate::is_quorum(weight, self.n_shards)) {
                self.epoch_state = EpochState::EpochChangeDone(clock.timestamp_ms());
                events::emit_epoch_change_done(epoch);
            } else {
                self.epoch_state = EpochState::EpochChangeSync(weight);
            }
        },
        _ => (),
    };
    events::emit_shards_received(epoch, *self.committee.shards(&node_id));
}

/// Epoch 0 lasts until its fixed end, the others are timed from when their change was done.
fun assert_passed(self: &StakingInnerV1, since: u64, duration: u64, clock: &Clock) {
    let due = if (self.epoch == 0) self.first_epoch_start else since + duration;
    assert!(clock.timestamp_ms() >= due, EWrongEpochState);
}

// === Accessors ===

public(package) fun epoch(self: &StakingInnerV1): u32 { self.epoch }

public(package) fun n_shards(self: &StakingInnerV1): u16 { self.n_shards }

public(package) fun committee(self: &StakingInnerV1): &Committee { &self.committee }

public(package) fun previous_committee(self: &StakingInnerV1): &Committee {
    &self.previous_committee
}

/// Of a member; others have no say.
public(package) fun get_current_node_weight(self: &StakingInnerV1, node_id: &ID): u16 {
    assert!(self.committee.contains(node_id), ENotInCommittee);
    self.committee.weight(node_id)
}

public(package) fun is_quorum(self: &StakingInnerV1, weight: u16): bool {
    bls_aggregate::is_quorum(weight, self.n_shards)
}

/// Whether the next committee is selected.
public(package) fun is_selected(self: &StakingInnerV1): bool { self.next_committee.is_some() }

/// When the change to this epoch was done (ms); none while shards move, and while there is no committee.
public(package) fun steady_since(self: &StakingInnerV1): Option<u64> {
    if (self.committee.size() == 0) return option::none();
    match (self.epoch_state) {
        EpochState::EpochChangeSync(_) => option::none(),
        EpochState::EpochChangeDone(since) => option::some(since),
        EpochState::NextParamsSelected(since) => option::some(since),
    }
}

public(package) fun epoch_duration(self: &StakingInnerV1): u64 { self.epoch_duration }

public(package) fun is_sync_done(self: &StakingInnerV1): bool {
    match (self.epoch_state) {
        EpochState::EpochChangeSync(_) => false,
        _ => true,
    }
}

#[test_only]
public fun active_set_for_testing(self: &StakingInnerV1): (vector<ID>, vector<u64>) {
    self.active_set.borrow().ids_and_stakes()
}

#[test_only]
public fun in_a_committee_for_testing(self: &StakingInnerV1, node_id: &ID): bool {
    let wctx = self.pool_context(node_id);
    wctx.in_current_committee() || wctx.in_next_committee()
}
