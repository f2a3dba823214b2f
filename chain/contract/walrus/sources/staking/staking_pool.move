/// A node's pool: the stake behind it, its rewards and commission, its votes.
///
/// Stake earns from its activation epoch on. For each epoch the pool records an exchange rate between FROST and
/// shares; rewards raise it. A stake's worth at a later epoch is its principal in shares at the rate of its
/// activation epoch, in FROST at the later rate. So `wal_balance` is what all active stake is worth, of which
/// the principals lie in the stakers' objects and the rewards in `rewards_pool`.
module walrus::staking_pool;

use std::string::String;
use sui::bag::{Self, Bag};
use sui::balance::{Self, Balance};
use sui::bls12381::bls12381_min_pk_verify;
use sui::table::{Self, Table};
use wal::wal::WAL;
use walrus::auth::{Self, Authenticated, Authorized};
use walrus::messages;
use walrus::node_metadata::NodeMetadata;
use walrus::pending_values::{Self, PendingValues};
use walrus::pool_context::PoolContext;
use walrus::pool_exchange_rate::{Self, PoolExchangeRate};
use walrus::staked_wal::{Self, StakedWal};
use walrus::storage_node::{Self, StorageNodeInfo};

/// The pool was advanced to this epoch already.
const EPoolAlreadyUpdated: u64 = 0;
/// More than 100%.
const EIncorrectCommissionRate: u64 = 1;
/// The stake belongs to another pool.
const EIncorrectPoolId: u64 = 2;
/// The signature does not show that the BLS key is the sender's.
const EInvalidProofOfPossession: u64 = 3;
/// The stake is withdrawing already.
const ENotStaked: u64 = 4;
/// The stake can be withdrawn without a request.
const EWithdrawDirectly: u64 = 5;
/// A withdrawal must be requested first.
const ENotWithdrawing: u64 = 6;
/// The stake's withdrawal epoch is still to come.
const EWithdrawEpochNotReached: u64 = 7;
/// The caller may not do this for the pool.
const EAuthorizationFailure: u64 = 8;

/// 100%.
const N_BASIS_POINTS: u16 = 10_000;

public enum PoolState has copy, drop, store {
    Active,
    /// leaves in this epoch
    Withdrawing(u32),
    Withdrawn,
}

/// What a node votes for.
public struct VotingParams has copy, drop, store {
    /// FROST per storage unit and epoch
    storage_price: u64,
    /// FROST per storage unit
    write_price: u64,
    /// bytes
    node_capacity: u64,
}

/// Key in `extra_fields` of how much of the commission (FROST, u64) is blocked: what was earned last, until the votes
/// on it are over.
public struct NewEpochCommissionBlockedForCollection has copy, drop, store {}

public struct StakingPool has key, store {
    id: UID,
    state: PoolState,
    voting_params: VotingParams,
    node_info: StorageNodeInfo,
    /// first epoch in which the pool can have active stake
    activation_epoch: u32,
    /// epoch to which the pool was advanced
    latest_epoch: u32,
    /// FROST that the active stake is worth
    wal_balance: u64,
    num_shares: u64,
    /// shares that leave, by epoch
    pending_shares_withdraw: PendingValues,
    /// principals that leave one epoch after their activation, by activation epoch: their shares are known then
    pre_active_withdrawals: PendingValues,
    pending_commission_rate: PendingValues,
    /// basis points
    commission_rate: u16,
    exchange_rates: Table<u32, PoolExchangeRate>,
    /// FROST that become active, by epoch
    pending_stake: PendingValues,
    rewards_pool: Balance<WAL>,
    commission: Balance<WAL>,
    commission_receiver: Authorized,
    governance_authorized: Authorized,
    extra_fields: Bag,
}

/// A pool for a new node; the sender proves that the BLS key is theirs.
public(package) fun new(
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
    wctx: &PoolContext,
    ctx: &mut TxContext,
): StakingPool {
    assert!(commission_rate <= N_BASIS_POINTS, EIncorrectCommissionRate);
    verify_possession(wctx.epoch(), &public_key, &proof_of_possession, ctx);
    let id = object::new(ctx);
    let node_id = id.to_inner();
    StakingPool {
        id,
        state: PoolState::Active,
        voting_params: VotingParams { storage_price, write_price, node_capacity },
        node_info: storage_node::new(
            name,
            node_id,
            network_address,
            public_key,
            network_public_key,
            metadata,
            ctx,
        ),
        activation_epoch: wctx.next_open_epoch(),
        latest_epoch: wctx.epoch(),
        wal_balance: 0,
        num_shares: 0,
        pending_shares_withdraw: pending_values::empty(),
        pre_active_withdrawals: pending_values::empty(),
        pending_commission_rate: pending_values::empty(),
        commission_rate,
        exchange_rates: table::new(ctx),
        pending_stake: pending_values::empty(),
        rewards_pool: balance::zero(),
        commission: balance::zero(),
        commission_receiver: auth::authorized_address(ctx.sender()),
        governance_authorized: auth::authorized_address(ctx.sender()),
        extra_fields: bag::new(ctx),
    }
}

fun verify_possession(
    epoch: u32,
    public_key: &vector<u8>,
    proof_of_possession: &vector<u8>,
    ctx: &TxContext,
) {
    let message = messages::proof_of_possession(epoch, ctx.sender(), public_key);
    assert!(
        bls12381_min_pk_verify(proof_of_possession, public_key, &message),
        EInvalidProofOfPossession,
    );
}

// === Stake ===

/// Stakes; counts from the next epoch whose committee is not selected yet.
public(package) fun stake(
    pool: &mut StakingPool,
    to_stake: Balance<WAL>,
    wctx: &PoolContext,
    ctx: &mut TxContext,
): StakedWal {
    let activation_epoch = wctx.next_open_epoch();
    pool.pending_stake.insert_or_add(activation_epoch, to_stake.value());
    staked_wal::mint(pool.node_id(), to_stake, activation_epoch, ctx)
}

/// Gives notice: the stake stays as long as the committees that it was counted for.
public(package) fun request_withdraw_stake(
    pool: &mut StakingPool,
    staked_wal: &mut StakedWal,
    wctx: &PoolContext,
) {
    assert!(staked_wal.node_id() == pool.node_id(), EIncorrectPoolId);
    assert!(staked_wal.is_staked(), ENotStaked);
    assert!(!staked_wal.can_withdraw_early(wctx), EWithdrawDirectly);
    let withdraw_epoch = if (wctx.in_next_committee()) wctx.epoch() + 2
    else if (wctx.in_current_committee()) wctx.epoch() + 1
    else abort EWithdrawDirectly;

    let activation_epoch = staked_wal.activation_epoch();
    if (activation_epoch <= wctx.epoch()) {
        let rate = pool.exchange_rate_at_epoch(activation_epoch);
        let shares = rate.convert_to_share_amount(staked_wal.value());
        pool.pending_shares_withdraw.insert_or_add(withdraw_epoch, shares);
    } else {
        pool.pre_active_withdrawals.insert_or_add(activation_epoch, staked_wal.value());
    };
    staked_wal.set_withdrawing(withdraw_epoch);
}

/// Pays out a stake: principal and rewards.
public(package) fun withdraw_stake(
    pool: &mut StakingPool,
    staked_wal: StakedWal,
    wctx: &PoolContext,
): Balance<WAL> {
    assert!(staked_wal.node_id() == pool.node_id(), EIncorrectPoolId);
    let activation_epoch = staked_wal.activation_epoch();
    let value = staked_wal.value();
    if (staked_wal.can_withdraw_early(wctx)) {
        pool.pending_stake.reduce(activation_epoch, value);
        return staked_wal.into_balance()
    };
    let worth = if (staked_wal.is_withdrawing()) {
        let withdraw_epoch = staked_wal.withdraw_epoch();
        assert!(withdraw_epoch <= wctx.epoch(), EWithdrawEpochNotReached);
        pool.worth_at(value, activation_epoch, withdraw_epoch)
    } else {
        assert!(!wctx.in_current_committee() && !wctx.in_next_committee(), ENotWithdrawing);
        let worth = pool.worth_at(value, activation_epoch, wctx.epoch());
        pool.remove_active(worth, wctx.epoch());
        worth
    };
    let rewards = (worth - value.min(worth)).min(pool.rewards_pool.value());
    let mut paid = staked_wal.into_balance();
    paid.join(pool.rewards_pool.split(rewards));
    paid
}

/// Rewards of a principal between two epochs.
public(package) fun calculate_rewards(
    pool: &StakingPool,
    staked_principal: u64,
    activation_epoch: u32,
    withdraw_epoch: u32,
): u64 {
    let worth = pool.worth_at(staked_principal, activation_epoch, withdraw_epoch);
    worth - staked_principal.min(worth)
}

/// FROST that a principal has become.
fun worth_at(pool: &StakingPool, principal: u64, activation_epoch: u32, epoch: u32): u64 {
    let shares = pool.exchange_rate_at_epoch(activation_epoch).convert_to_share_amount(principal);
    pool.exchange_rate_at_epoch(epoch).convert_to_wal_amount(shares)
}

/// Takes stake out at once, at the current rate.
fun remove_active(pool: &mut StakingPool, worth: u64, epoch: u32) {
    pool.wal_balance = pool.wal_balance - worth.min(pool.wal_balance);
    let rate = pool.exchange_rate_at_epoch(epoch);
    pool.num_shares = rate.convert_to_share_amount(pool.wal_balance);
}

/// The rate at which what was due in an epoch was converted: that of the first advance in or after it.
/// Whatever becomes active or leaves has its rate under its own epoch; other epochs may have to be searched for.
public(package) fun exchange_rate_at_epoch(pool: &StakingPool, epoch: u32): PoolExchangeRate {
    let mut epoch = epoch.max(pool.activation_epoch);
    while (epoch <= pool.latest_epoch) {
        if (pool.exchange_rates.contains(epoch)) return pool.exchange_rates[epoch];
        epoch = epoch + 1;
    };
    pool_exchange_rate::new(pool.wal_balance, pool.num_shares)
}

/// FROST of active stake in a coming epoch, as it is known now.
public(package) fun wal_balance_at_epoch(pool: &StakingPool, epoch: u32): u64 {
    let rate = pool_exchange_rate::new(pool.wal_balance, pool.num_shares);
    let leaving = rate.convert_to_wal_amount(pool.pending_shares_withdraw.value_at(epoch));
    // principals that are active before `epoch` have left in it
    let leaving_early = pool.pre_active_withdrawals.value_at(epoch - 1);
    let total = pool.wal_balance + pool.pending_stake.value_at(epoch);
    total - (leaving + leaving_early).min(total)
}

// === Epoch change ===

/// Moves the pool to `epoch`: takes the commission from the rewards, records the rate, and applies what is due.
public(package) fun advance_epoch(pool: &mut StakingPool, mut rewards: Balance<WAL>, epoch: u32) {
    assert!(epoch > pool.latest_epoch, EPoolAlreadyUpdated);
    let total = rewards.value();
    let commission = (total as u128) * (pool.commission_rate as u128) / (N_BASIS_POINTS as u128);
    pool.block_commission(rewards.split(commission as u64));
    pool.wal_balance = pool.wal_balance + rewards.value();
    pool.rewards_pool.join(rewards);
    pool.latest_epoch = epoch;
    pool.process_pending(epoch);
    let rate = pool.pending_commission_rate.flush_latest(epoch);
    if (rate.is_some()) pool.commission_rate = rate.destroy_some() as u16;
}

fun process_pending(pool: &mut StakingPool, epoch: u32) {
    let rate = pool_exchange_rate::new(pool.wal_balance, pool.num_shares);
    if (epoch >= pool.activation_epoch) pool.record_rate(epoch, rate);
    // a pool that was idle converts what became due meanwhile at this rate, too
    let stakes = pool.pending_stake.due_epochs(epoch);
    stakes.do!(|due| pool.record_rate(due, rate));
    let withdrawals = pool.pending_shares_withdraw.due_epochs(epoch);
    withdrawals.do!(|due| pool.record_rate(due, rate));
    pool.wal_balance = pool.wal_balance + pool.pending_stake.flush(epoch);
    let leaves_next = pool.pre_active_withdrawals.flush(epoch);
    let leaving = rate.convert_to_wal_amount(pool.pending_shares_withdraw.flush(epoch));
    pool.wal_balance = pool.wal_balance - leaving.min(pool.wal_balance);
    pool.num_shares = rate.convert_to_share_amount(pool.wal_balance);
    if (leaves_next > 0) {
        let shares = rate.convert_to_share_amount(leaves_next);
        pool.pending_shares_withdraw.insert_or_add(epoch + 1, shares);
    }
}

fun record_rate(pool: &mut StakingPool, epoch: u32, rate: PoolExchangeRate) {
    if (!pool.exchange_rates.contains(epoch)) pool.exchange_rates.add(epoch, rate);
}

// === Commission ===

/// Adds commission that cannot be collected yet.
fun block_commission(pool: &mut StakingPool, commission: Balance<WAL>) {
    let blocked = pool.blocked_commission() + commission.value();
    pool.commission.join(commission);
    pool.unblock_commission();
    if (blocked > 0) {
        pool.extra_fields.add(NewEpochCommissionBlockedForCollection {}, blocked);
    }
}

fun blocked_commission(pool: &StakingPool): u64 {
    let key = NewEpochCommissionBlockedForCollection {};
    if (pool.extra_fields.contains(key)) pool.extra_fields[key] else 0
}

/// Lets all commission be collected.
public(package) fun unblock_commission(pool: &mut StakingPool) {
    let key = NewEpochCommissionBlockedForCollection {};
    if (pool.extra_fields.contains(key)) {
        let _: u64 = pool.extra_fields.remove(key);
    }
}

/// Takes out all commission, blocked or not.
public(package) fun extract_commission(pool: &mut StakingPool): Balance<WAL> {
    pool.unblock_commission();
    pool.commission.withdraw_all()
}

public(package) fun add_commission(pool: &mut StakingPool, commission: Balance<WAL>) {
    pool.commission.join(commission);
}

/// Takes all commission that is not blocked; for the receiver only.
public(package) fun collect_commission(pool: &mut StakingPool, auth: Authenticated): Balance<WAL> {
    assert!(auth.matches(&pool.commission_receiver), EAuthorizationFailure);
    let free = pool.commission.value() - pool.blocked_commission();
    pool.commission.split(free)
}

/// Sets the rate of the commission from the epoch after the next on, so that stakers can react.
public(package) fun set_next_commission(pool: &mut StakingPool, commission_rate: u16, epoch: u32) {
    assert!(commission_rate <= N_BASIS_POINTS, EIncorrectCommissionRate);
    pool.pending_commission_rate.insert_or_replace(epoch + 2, commission_rate as u64);
}

/// Only the receiver can name another.
public(package) fun set_commission_receiver(
    pool: &mut StakingPool,
    auth: Authenticated,
    receiver: Authorized,
) {
    assert!(auth.matches(&pool.commission_receiver), EAuthorizationFailure);
    pool.commission_receiver = receiver;
}

// === Governance ===

/// Only who is authorized can authorize another.
public(package) fun set_governance_authorized(
    pool: &mut StakingPool,
    auth: Authenticated,
    authorized: Authorized,
) {
    assert!(auth.matches(&pool.governance_authorized), EAuthorizationFailure);
    pool.governance_authorized = authorized;
}

public(package) fun governs(pool: &StakingPool, auth: &Authenticated): bool {
    auth.matches(&pool.governance_authorized)
}

// === Votes ===

public(package) fun set_next_storage_price(pool: &mut StakingPool, storage_price: u64) {
    pool.voting_params.storage_price = storage_price;
}

public(package) fun set_next_write_price(pool: &mut StakingPool, write_price: u64) {
    pool.voting_params.write_price = write_price;
}

public(package) fun set_next_node_capacity(pool: &mut StakingPool, node_capacity: u64) {
    pool.voting_params.node_capacity = node_capacity;
}

public(package) fun storage_price(pool: &StakingPool): u64 { pool.voting_params.storage_price }

public(package) fun write_price(pool: &StakingPool): u64 { pool.voting_params.write_price }

public(package) fun node_capacity(pool: &StakingPool): u64 { pool.voting_params.node_capacity }

// === The node's record ===

public(package) fun node_id(pool: &StakingPool): ID { pool.id.to_inner() }

public(package) fun node_info(pool: &StakingPool): &StorageNodeInfo { &pool.node_info }

public(package) fun node_info_mut(pool: &mut StakingPool): &mut StorageNodeInfo {
    &mut pool.node_info
}

/// Sets the BLS key for the next epoch; the sender proves that it is theirs.
public(package) fun set_next_public_key(
    pool: &mut StakingPool,
    public_key: vector<u8>,
    proof_of_possession: vector<u8>,
    epoch: u32,
    ctx: &TxContext,
) {
    verify_possession(epoch, &public_key, &proof_of_possession, ctx);
    pool.node_info.set_next_public_key(public_key);
}

// === Accessors ===

public(package) fun latest_epoch(pool: &StakingPool): u32 { pool.latest_epoch }

public(package) fun wal_balance(pool: &StakingPool): u64 { pool.wal_balance }

public(package) fun num_shares(pool: &StakingPool): u64 { pool.num_shares }

public(package) fun commission_rate(pool: &StakingPool): u16 { pool.commission_rate }

public(package) fun commission_amount(pool: &StakingPool): u64 { pool.commission.value() }

public(package) fun rewards_amount(pool: &StakingPool): u64 { pool.rewards_pool.value() }
