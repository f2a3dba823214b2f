/// A stake, owned by the staker.
module walrus::staked_wal;

use sui::balance::{Self, Balance};
use sui::dynamic_field;
use wal::wal::WAL;
use walrus::pool_context::PoolContext;

/// The stake is not withdrawing.
const ENotWithdrawing: u64 = 0;
/// Stakes of different nodes, epochs or states cannot be joined.
const EMetadataMismatch: u64 = 1;
/// Only less than all can be split off.
const EInvalidAmount: u64 = 2;
/// A stake or a part of one would be below the smallest stake.
const EStakeBelowThreshold: u64 = 7;

/// 1 WAL, in FROST.
const MIN_STAKING_THRESHOLD: u64 = 1_000_000_000;
/// 100%.
const N_BASIS_POINTS: u64 = 10_000;
/// Dynamic field of a stake that pays a fee when it leaves: the share of its principal, in basis points.
const FEE_KEY: vector<u8> = b"fee";

public enum StakedWalState has copy, drop, store {
    Staked,
    /// paid out from this epoch on
    Withdrawing { withdraw_epoch: u32 },
}

public struct StakedWal has key, store {
    id: UID,
    state: StakedWalState,
    node_id: ID,
    principal: Balance<WAL>,
    /// first epoch in which it earns
    activation_epoch: u32,
}

public(package) fun mint(
    node_id: ID,
    principal: Balance<WAL>,
    activation_epoch: u32,
    ctx: &mut TxContext,
): StakedWal {
    assert!(principal.value() >= MIN_STAKING_THRESHOLD, EStakeBelowThreshold);
    StakedWal {
        id: object::new(ctx),
        state: StakedWalState::Staked,
        node_id,
        principal,
        activation_epoch,
    }
}

public(package) fun into_balance(sw: StakedWal): Balance<WAL> {
    let StakedWal { id, principal, .. } = sw;
    id.delete();
    principal
}

public(package) fun set_withdrawing(sw: &mut StakedWal, withdraw_epoch: u32) {
    sw.state = StakedWalState::Withdrawing { withdraw_epoch };
}

/// Has the stake pay a share of its principal (basis points) when it leaves.
public(package) fun set_fee(sw: &mut StakedWal, share: u16) {
    dynamic_field::add(&mut sw.id, FEE_KEY, share);
}

/// Takes the fee out of the principal.
public(package) fun pay_fee(sw: &mut StakedWal): Balance<WAL> {
    let share = sw.take_fee();
    if (share == 0) return balance::zero();
    let fee = (sw.principal.value() as u128) * (share as u128) / (N_BASIS_POINTS as u128);
    sw.principal.split(fee as u64)
}

fun fee(sw: &StakedWal): u16 {
    if (!dynamic_field::exists_(&sw.id, FEE_KEY)) return 0;
    *dynamic_field::borrow(&sw.id, FEE_KEY)
}

fun take_fee(sw: &mut StakedWal): u16 {
    if (!dynamic_field::exists_(&sw.id, FEE_KEY)) return 0;
    dynamic_field::remove(&mut sw.id, FEE_KEY)
}

/// Whether the stake counts for nothing yet, so that it can go back without notice: it was not part of the
/// selection of the next committee.
public(package) fun can_withdraw_early(sw: &StakedWal, wctx: &PoolContext): bool {
    if (sw.is_withdrawing()) return false;
    sw.activation_epoch > wctx.epoch() + 1
        || (sw.activation_epoch == wctx.epoch() + 1 && !wctx.in_next_committee())
}

// === Accessors ===

public fun node_id(sw: &StakedWal): ID { sw.node_id }

/// FROST that were staked; rewards come on top.
public fun value(sw: &StakedWal): u64 { sw.principal.value() }

public fun activation_epoch(sw: &StakedWal): u32 { sw.activation_epoch }

public fun is_staked(sw: &StakedWal): bool { sw.state == StakedWalState::Staked }

public fun is_withdrawing(sw: &StakedWal): bool { !sw.is_staked() }

/// The epoch from which a withdrawing stake is paid out.
public fun withdraw_epoch(sw: &StakedWal): u32 {
    match (sw.state) {
        StakedWalState::Withdrawing { withdraw_epoch } => withdraw_epoch,
        StakedWalState::Staked => abort ENotWithdrawing,
    }
}

// === Join and split ===

/// Adds a stake with the same node, activation epoch and state.
public fun join(sw: &mut StakedWal, mut other: StakedWal) {
    let fee = other.take_fee();
    let StakedWal { id, state, node_id, principal, activation_epoch } = other;
    id.delete();
    assert!(sw.state == state, EMetadataMismatch);
    assert!(sw.node_id == node_id, EMetadataMismatch);
    assert!(sw.activation_epoch == activation_epoch, EMetadataMismatch);
    assert!(sw.fee() == fee, EMetadataMismatch);
    sw.principal.join(principal);
}

/// Splits off `amount`; both parts must be at least the smallest stake.
public fun split(sw: &mut StakedWal, amount: u64, ctx: &mut TxContext): StakedWal {
    let value = sw.principal.value();
    assert!(amount < value, EInvalidAmount);
    assert!(amount.min(value - amount) >= MIN_STAKING_THRESHOLD, EStakeBelowThreshold);
    let mut part = StakedWal {
        id: object::new(ctx),
        state: sw.state,
        node_id: sw.node_id,
        principal: sw.principal.split(amount),
        activation_epoch: sw.activation_epoch,
    };
    let fee = sw.fee();
    if (fee > 0) part.set_fee(fee);
    part
}
