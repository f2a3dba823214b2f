/// An object with funds of its own.
module assets::vault;

use sui::balance;
use sui::coin::{Self, Coin};
use sui::funds_accumulator::Withdrawal;
use sui::balance::Balance;
use sui::accumulator::AccumulatorRoot;

public struct Vault has key, store {
    id: UID,
}

public fun new(ctx: &mut TxContext): Vault {
    Vault { id: object::new(ctx) }
}

public fun take<T>(vault: &mut Vault, amount: u64, ctx: &mut TxContext): Coin<T> {
    coin::redeem_funds(balance::withdraw_funds_from_object<T>(&mut vault.id, amount), ctx)
}

/// Redeems a part of a withdrawal; the rest is dropped.
public fun part<T>(
    withdrawal: &mut Withdrawal<Balance<T>>,
    amount: u64,
    ctx: &mut TxContext,
): Coin<T> {
    coin::redeem_funds(withdrawal.split(amount as u256), ctx)
}

public fun settled<T>(root: &AccumulatorRoot, owner: address): u64 {
    balance::settled_funds_value<T>(root, owner)
}
