/// A node's pool: the stake behind it, its rewards and commission, its votes.
///
/// Stake earns from its activation epoch on. For each epoch to which it is advanced the pool records an exchange
/// rate between FROST and shares; rewards raise it. A stake's worth at a later epoch is its principal in shares at
/// the rate of its activation epoch, in FROST at the later rate. So `wal_balance` is what all active stake is worth,
/// of which the principals lie in the stakers' objects and the rewards in `rewards_pool`.
///
/// A pool is advanced only into the epochs of its node's committees and the one after them. While it is in none, its
/// rate stays and what becomes due waits.
module walrus::staking_pool;

use std::string::String;
use sui::bag::{Self, Bag};
use sui::balance::{Self, Balance};
use sui::table::{Self, Table};
use wal::wal::WAL;
use walrus::auth::{Self, Authenticated, Authorized};
use walrus::messages;
use walrus::node_metadata::NodeMetadata;
use walrus::parameters::Parameters;
use walrus::pending_values::{Self, PendingValues};
use walrus::pool_context::PoolContext;
use walrus::pool_exchange_rate::{Self, PoolExchangeRate};
use walrus::recent_stake::{Self, RecentStake};
use walrus::staked_wal::{Self, StakedWal};
use walrus::storage_node::{Self, StorageNodeInfo};

/// The pool was advanced to this epoch already.
const EPoolAlreadyUpdated: u64 = 0;
/// The signature does not show that the BLS key is the sender's.
const EInvalidProofOfPossession: u64 = 4;
/// Nothing is staked.
const EZeroStake: u64 = 7;
/// The stake is withdrawing already.
const ENotStaked: u64 = 8;
/// The stake belongs to another pool.
const EIncorrectPoolId: u64 = 9;
/// A withdrawal must be requested first.
const ENotWithdrawing: u64 = 10;
/// The stake's withdrawal epoch is still to come.
const EWithdrawEpochNotReached: u64 = 11;
/// The stake can be withdrawn without a request.
const EWithdrawDirectly: u64 = 13;
/// More than 100%.
const EIncorrectCommissionRate: u64 = 14;
/// The caller may not do this for the pool.
const EAuthorizationFailure: u64 = 15;
/// The network address is too long.
const EInvalidNetworkAddressLength: u64 = 16;
/// The name is too long.
const EInvalidNameLength: u64 = 17;

/// 100%.
const N_BASIS_POINTS: u16 = 10_000;
/// Bytes.
const MAX_NODE_NAME_LENGTH: u64 = 100;
/// Bytes: 253 of a DNS name, a colon and the 5 of a port.
const MAX_NETWORK_ADDRESS_LENGTH: u64 = 259;

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

/// Key in `extra_fields` of how the node has done in challenges and which stake is new, from its first stake on.
public struct RecordKey() has copy, drop, store;

public struct Record has copy, drop, store {
    /// epochs that it failed in a row
    failed: u8,
    /// the last of them; 0 before it has ever failed
    last_failed: u32,
    /// first epoch in which it can be selected again
    benched_until: u32,
    recent: RecentStake,
}

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
    /// principals that leave one epoch after their activation, by the epoch in which they leave: their shares are
    /// known once they are active
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
    verify_possession(wctx.epoch(), public_key, &proof_of_possession, ctx);
    assert_name(&name);
    assert_network_address(&network_address);
    assert!(commission_rate <= N_BASIS_POINTS, EIncorrectCommissionRate);
    let id = object::new(ctx);
    let node_id = id.to_inner();
    let activation_epoch = wctx.next_open_epoch() - 1;
    let mut exchange_rates = table::new(ctx);
    exchange_rates.add(activation_epoch, pool_exchange_rate::flat());
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
        activation_epoch,
        latest_epoch: wctx.epoch(),
        wal_balance: 0,
        num_shares: 0,
        pending_shares_withdraw: pending_values::empty(),
        pre_active_withdrawals: pending_values::empty(),
        pending_commission_rate: pending_values::empty(),
        commission_rate,
        exchange_rates,
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
    public_key: vector<u8>,
    proof_of_possession: &vector<u8>,
    ctx: &TxContext,
) {
    let message = messages::proof_of_possession(epoch, ctx.sender(), public_key);
    assert!(message.is_signed(proof_of_possession), EInvalidProofOfPossession);
}

fun assert_name(name: &String) {
    assert!(name.length() <= MAX_NODE_NAME_LENGTH, EInvalidNameLength);
}

fun assert_network_address(network_address: &String) {
    assert!(
        network_address.length() <= MAX_NETWORK_ADDRESS_LENGTH,
        EInvalidNetworkAddressLength,
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
    assert!(to_stake.value() > 0, EZeroStake);
    let activation_epoch = wctx.next_open_epoch();
    pool.pending_stake.insert_or_add(activation_epoch, to_stake.value());
    pool.record_mut().recent.add(activation_epoch, to_stake.value(), wctx.epoch());
    staked_wal::mint(pool.node_id(), to_stake, activation_epoch, ctx)
}

/// Gives notice: the stake stays as long as the committees that it was counted for. Pays a fee, as `parameters` have it,
/// when it has counted for too short a time.
public(package) fun request_withdraw_stake(
    pool: &mut StakingPool,
    staked_wal: &mut StakedWal,
    wctx: &PoolContext,
    parameters: &Parameters,
) {
    assert!(staked_wal.node_id() == pool.node_id(), EIncorrectPoolId);
    assert!(staked_wal.is_staked(), ENotStaked);
    assert!(!staked_wal.can_withdraw_early(wctx), EWithdrawDirectly);
    let activation_epoch = staked_wal.activation_epoch();
    if (activation_epoch > wctx.epoch()) {
        // counted for the next committee only
        let withdraw_epoch = activation_epoch + 1;
        pool.pre_active_withdrawals.insert_or_add(withdraw_epoch, staked_wal.value());
        pool.let_go(staked_wal, withdraw_epoch, wctx, parameters);
        return
    };
    let withdraw_epoch = if (wctx.in_next_committee()) wctx.epoch() + 2
    else if (wctx.in_current_committee()) wctx.epoch() + 1
    else abort EWithdrawDirectly;
    let shares = pool.shares_of(staked_wal.value(), activation_epoch);
    pool.pending_shares_withdraw.insert_or_add(withdraw_epoch, shares);
    pool.let_go(staked_wal, withdraw_epoch, wctx, parameters);
}

fun let_go(
    pool: &mut StakingPool,
    staked_wal: &mut StakedWal,
    withdraw_epoch: u32,
    wctx: &PoolContext,
    parameters: &Parameters,
) {
    staked_wal.set_withdrawing(withdraw_epoch);
    let since = staked_wal.activation_epoch();
    pool.record_mut().recent.leave(since, withdraw_epoch, staked_wal.value());
    pool.charge(staked_wal, wctx, parameters);
}

/// Has a stake that leaves pay the fee, unless it is settled, has lost by a failure of its node, or the node goes without
/// having failed.
fun charge(
    pool: &mut StakingPool,
    staked_wal: &mut StakedWal,
    wctx: &PoolContext,
    parameters: &Parameters,
) {
    let since = staked_wal.activation_epoch();
    let is_settled = wctx.epoch() >= since + (parameters.settle() as u32);
    let was_counted = wctx.in_current_committee() || pool.latest_epoch > since;
    let record = pool.record_mut();
    // an earlier failure has cost this stake nothing
    let has_lost = record.last_failed >= since;
    let is_benched = record.benched_until > since && record.last_failed + 1 == since;
    let goes = wctx.is_leaving() && !(is_benched && was_counted);
    if (is_settled || has_lost || goes || parameters.fee() == 0) return;
    staked_wal.set_fee(parameters.fee());
}

/// Pays out a stake: principal and rewards, and apart from it the fee that it owes.
public(package) fun withdraw_stake(
    pool: &mut StakingPool,
    mut staked_wal: StakedWal,
    wctx: &PoolContext,
    parameters: &Parameters,
): (Balance<WAL>, Balance<WAL>) {
    assert!(staked_wal.node_id() == pool.node_id(), EIncorrectPoolId);
    let activation_epoch = staked_wal.activation_epoch();
    let value = staked_wal.value();
    if (staked_wal.can_withdraw_early(wctx)) {
        pool.pending_stake.reduce(activation_epoch, value);
        pool.record_mut().recent.remove(activation_epoch, value);
        return (staked_wal.into_balance(), balance::zero())
    };
    let leaves_in = if (staked_wal.is_withdrawing()) {
        assert!(staked_wal.withdraw_epoch() <= wctx.epoch(), EWithdrawEpochNotReached);
        staked_wal.withdraw_epoch()
    } else {
        assert!(!wctx.in_current_committee() && !wctx.in_next_committee(), ENotWithdrawing);
        let shares = pool.shares_of(value, activation_epoch);
        pool.pending_shares_withdraw.insert_or_add(wctx.epoch(), shares);
        pool.record_mut().recent.remove(activation_epoch, value);
        pool.charge(&mut staked_wal, wctx, parameters);
        wctx.epoch()
    };
    // what everyone's rounding adds up to may be missing for the last
    let earned = pool.calculate_rewards(value, activation_epoch, leaves_in);
    let rewards = earned.min(pool.rewards_pool.value());
    let fee = staked_wal.pay_fee();
    let mut paid = staked_wal.into_balance();
    paid.join(pool.rewards_pool.split(rewards));
    (paid, fee)
}

/// FROST of active stake without that which began to count within the last `settle` epochs.
public(package) fun older_stake(pool: &StakingPool, epoch: u32, settle: u8): u64 {
    let key = RecordKey();
    if (!pool.extra_fields.contains(key)) return pool.wal_balance;
    let record: &Record = &pool.extra_fields[key];
    pool.wal_balance - record.recent.amount_at(epoch, settle).min(pool.wal_balance)
}

fun record_mut(pool: &mut StakingPool): &mut Record {
    let key = RecordKey();
    if (!pool.extra_fields.contains(key)) {
        let recent = recent_stake::empty();
        pool.extra_fields.add(key, Record { failed: 0, last_failed: 0, benched_until: 0, recent });
    };
    &mut pool.extra_fields[key]
}

/// Rewards of a principal between two epochs.
public(package) fun calculate_rewards(
    pool: &StakingPool,
    staked_principal: u64,
    activation_epoch: u32,
    withdraw_epoch: u32,
): u64 {
    let shares = pool.shares_of(staked_principal, activation_epoch);
    let worth = pool.exchange_rate_at_epoch(withdraw_epoch).convert_to_wal_amount(shares);
    worth - staked_principal.min(worth)
}

/// Shares of a principal that is active since an epoch.
fun shares_of(pool: &StakingPool, principal: u64, activation_epoch: u32): u64 {
    pool.exchange_rate_at_epoch(activation_epoch).convert_to_share_amount(principal)
}

/// The rate of an epoch: the last that was recorded up to it, and for an epoch to come what shares are worth now. That
/// is the rate at which the pool will go on; where almost everyone has left, the last recorded one is far from it.
public(package) fun exchange_rate_at_epoch(pool: &StakingPool, mut epoch: u32): PoolExchangeRate {
    if (epoch > pool.latest_epoch) return pool_exchange_rate::new(pool.wal_balance, pool.num_shares);
    while (epoch >= pool.activation_epoch) {
        if (pool.exchange_rates.contains(epoch)) return pool.exchange_rates[epoch];
        epoch = epoch - 1;
    };
    pool_exchange_rate::flat()
}

/// FROST of active stake in a coming epoch, as it is known now.
public(package) fun wal_balance_at_epoch(pool: &StakingPool, epoch: u32): u64 {
    let rate = pool_exchange_rate::new(pool.wal_balance, pool.num_shares);
    pool.balance_after(&rate, epoch)
}

/// With all that comes and goes up to an epoch. Where everyone leaves, rounding can make it a FROST more than there is.
fun balance_after(pool: &StakingPool, rate: &PoolExchangeRate, epoch: u32): u64 {
    let total = pool.wal_balance + pool.pending_stake.value_at(epoch);
    let leaving = rate.convert_to_wal_amount(pool.shares_leaving(epoch));
    total - leaving.min(total)
}

/// Shares that leave up to an epoch.
fun shares_leaving(pool: &StakingPool, epoch: u32): u64 {
    let mut shares = pool.pending_shares_withdraw.value_at(epoch);
    let (epochs, principals) = pool.pre_active_withdrawals.due(epoch);
    epochs.zip_do!(principals, |leaves_in, principal| {
        shares = shares + pool.shares_of(principal, leaves_in - 1);
    });
    shares
}

// === Epoch change ===

/// Moves the pool to `epoch`: takes the commission from the rewards of the ended one, records the rate, applies what
/// is due and puts an announced key in force.
public(package) fun advance_epoch(pool: &mut StakingPool, mut rewards: Balance<WAL>, epoch: u32) {
    assert!(epoch > pool.latest_epoch, EPoolAlreadyUpdated);
    let total = rewards.value();
    let commission = (total as u128) * (pool.commission_rate as u128) / (N_BASIS_POINTS as u128);
    pool.add_commission(rewards.split(commission as u64), true);
    let rate = pool.pending_commission_rate.flush_latest(epoch);
    if (rate.is_some()) pool.commission_rate = rate.destroy_some() as u16;
    pool.wal_balance = pool.wal_balance + rewards.value();
    pool.rewards_pool.join(rewards);
    pool.node_info.rotate_public_key();
    pool.process_pending(epoch);
    pool.latest_epoch = epoch;
}

/// Stake that comes and stake that goes change hands at the same rate.
fun process_pending(pool: &mut StakingPool, epoch: u32) {
    let rate = pool_exchange_rate::new(pool.wal_balance, pool.num_shares);
    pool.exchange_rates.add(epoch, rate);
    // what became active while the pool stood still does so at this rate, too
    let (activation_epochs, _) = pool.pending_stake.due(epoch - 1);
    activation_epochs.do!(|past| pool.exchange_rates.add(past, rate));
    pool.wal_balance = pool.balance_after(&rate, epoch);
    pool.pending_stake.flush(epoch);
    pool.pending_shares_withdraw.flush(epoch);
    pool.pre_active_withdrawals.flush(epoch);
    pool.num_shares = rate.convert_to_share_amount(pool.wal_balance);
}

// === Challenges ===

/// The node has failed in an epoch; `counted_before` is the last one before in which nodes could fail. Answers how many
/// it has failed in a row.
public(package) fun fail(pool: &mut StakingPool, epoch: u32, counted_before: u32): u8 {
    let record = pool.record_mut();
    let row = if (record.failed > 0 && record.last_failed == counted_before) record.failed else 0;
    record.failed = if (row < std::u8::max_value!()) row + 1 else row;
    record.last_failed = epoch;
    record.failed
}

/// The node cannot be selected for epochs before this one; what it has failed is settled by that.
public(package) fun set_benched_until(pool: &mut StakingPool, epoch: u32) {
    let record = pool.record_mut();
    record.failed = 0;
    record.benched_until = epoch;
}

/// Whether the node may not be selected in this epoch for the next one.
public(package) fun is_benched(pool: &StakingPool, epoch: u32): bool {
    let key = RecordKey();
    if (!pool.extra_fields.contains(key)) return false;
    let record: &Record = &pool.extra_fields[key];
    epoch + 1 < record.benched_until
}

// === Commission ===

/// Adds commission; with `block` it cannot be collected before the votes are over.
public(package) fun add_commission(pool: &mut StakingPool, commission: Balance<WAL>, block: bool) {
    if (block) {
        let blocked = pool.blocked_commission() + commission.value();
        pool.unblock_commission();
        pool.extra_fields.add(NewEpochCommissionBlockedForCollection {}, blocked);
    };
    pool.commission.join(commission);
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

/// Takes out a share of all commission, blocked or not, in basis points.
public(package) fun take_commission(pool: &mut StakingPool, share: u16): Balance<WAL> {
    let blocked = pool.blocked_commission();
    let amount = (pool.commission.value() as u128) * (share as u128) / (N_BASIS_POINTS as u128);
    let taken = pool.commission.split(amount as u64);
    pool.unblock_commission();
    let blocked = blocked.min(pool.commission.value());
    if (blocked > 0) pool.extra_fields.add(NewEpochCommissionBlockedForCollection {}, blocked);
    taken
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

public(package) fun set_name(pool: &mut StakingPool, name: String) {
    assert_name(&name);
    pool.node_info.set_name(name);
}

public(package) fun set_network_address(pool: &mut StakingPool, network_address: String) {
    assert_network_address(&network_address);
    pool.node_info.set_network_address(network_address);
}

/// Announces a BLS key; the sender proves that it is theirs.
public(package) fun set_next_public_key(
    pool: &mut StakingPool,
    public_key: vector<u8>,
    proof_of_possession: vector<u8>,
    epoch: u32,
    ctx: &TxContext,
) {
    verify_possession(epoch, public_key, &proof_of_possession, ctx);
    pool.node_info.set_next_public_key(public_key);
}

// === Accessors ===

public(package) fun latest_epoch(pool: &StakingPool): u32 { pool.latest_epoch }

public(package) fun wal_balance(pool: &StakingPool): u64 { pool.wal_balance }

public(package) fun num_shares(pool: &StakingPool): u64 { pool.num_shares }

public(package) fun commission_rate(pool: &StakingPool): u16 { pool.commission_rate }

public(package) fun commission_amount(pool: &StakingPool): u64 { pool.commission.value() }

public(package) fun rewards_amount(pool: &StakingPool): u64 { pool.rewards_pool.value() }
