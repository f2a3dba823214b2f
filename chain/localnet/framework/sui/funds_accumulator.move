/// Funds of addresses and objects: what is sent accumulates, and is withdrawn within a limit.
module sui::funds_accumulator;

use std::internal;
use sui::accumulator;

public use fun withdrawal_split as Withdrawal.split;
public use fun withdrawal_join as Withdrawal.join;
public use fun withdrawal_limit as Withdrawal.limit;
public use fun withdrawal_owner as Withdrawal.owner;

const EOverflow: u64 = 0;
#[error(code = 1)]
const EInvalidSubLimit: vector<u8> = b"A part of a withdrawal cannot exceed what is left of its limit.";
#[error(code = 2)]
const EOwnerMismatch: vector<u8> = b"Only withdrawals of one owner can be joined.";

/// The right to take up to `limit` from the owner's funds. What is not redeemed stays there.
public struct Withdrawal<phantom T: store> has drop {
    owner: address,
    limit: u256,
}

public fun withdrawal_owner<T: store>(withdrawal: &Withdrawal<T>): address {
    withdrawal.owner
}

public fun withdrawal_limit<T: store>(withdrawal: &Withdrawal<T>): u256 {
    withdrawal.limit
}

public fun withdrawal_split<T: store>(
    withdrawal: &mut Withdrawal<T>,
    sub_limit: u256,
): Withdrawal<T> {
    assert!(sub_limit <= withdrawal.limit, EInvalidSubLimit);
    withdrawal.limit = withdrawal.limit - sub_limit;
    Withdrawal { owner: withdrawal.owner, limit: sub_limit }
}

public fun withdrawal_join<T: store>(withdrawal: &mut Withdrawal<T>, other: Withdrawal<T>) {
    let Withdrawal { owner, limit } = other;
    assert!(owner == withdrawal.owner, EOwnerMismatch);
    assert!(limit <= std::u256::max_value!() - withdrawal.limit, EOverflow);
    withdrawal.limit = withdrawal.limit + limit
}

/// All of the limit, taken out.
public(package) fun redeem<T: store>(withdrawal: Withdrawal<T>, _: internal::Permit<T>): T {
    let Withdrawal { owner, limit } = withdrawal;
    withdraw_from_accumulator_address(accumulator::accumulator_address<T>(owner), owner, limit)
}

/// The funds of an object are at the disposal of whoever has its `UID`.
#[allow(unused_mut_parameter)]
public(package) fun withdraw_from_object<T: store>(obj: &mut UID, limit: u256): Withdrawal<T> {
    Withdrawal { owner: obj.to_address(), limit }
}

public(package) fun add_impl<T: store>(value: T, recipient: address) {
    add_to_accumulator_address(accumulator::accumulator_address<T>(recipient), recipient, value)
}

native fun add_to_accumulator_address<T: store>(accumulator: address, recipient: address, value: T);

native fun withdraw_from_accumulator_address<T: store>(
    accumulator: address,
    owner: address,
    value: u256,
): T;
