/// An object with funds of its own.
module assets::vault;

use sui::accumulator::AccumulatorRoot;
use sui::address;
use sui::balance::{Self, Balance};
use sui::coin::{Self, Coin};
use sui::funds_accumulator::Withdrawal;

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

/// Sends nothing, to many addresses.
public fun scatter<T>(count: u64) {
    count.do!(|i| balance::zero<T>().send_funds(address::from_u256(i as u256 + 1)))
}

public fun settled<T>(root: &AccumulatorRoot, owner: address): u64 {
    balance::settled_funds_value<T>(root, owner)
}
