/// The WAL coin: what storage is paid with and staked in.
module wal::wal;

use sui::coin::{Self, Coin, TreasuryCap};
use sui::dynamic_object_field as dof;

/// 1 WAL = 10^9 FROST.
const DECIMALS: u8 = 9;
/// All that will ever exist: 5 billion WAL.
const TOTAL_SUPPLY_FROST: u64 = 5_000_000_000 * 1_000_000_000;

/// One-time witness.
public struct WAL has drop {}

/// Shared holder of the treasury cap. Nothing here mints, so the supply only shrinks.
public struct ProtectedTreasury has key {
    id: UID,
}

/// Where the cap hangs below the treasury.
public struct TreasuryCapKey has copy, drop, store {}

/// Mints the whole supply to the publisher, once.
fun init(witness: WAL, ctx: &mut TxContext) {
    let (mut cap, metadata) = coin::create_currency(
        witness,
        DECIMALS,
        b"WAL",
        b"WAL Token",
        b"The token that pays for storage and secures it",
        option::none(),
        ctx,
    );
    transfer::public_transfer(cap.mint(TOTAL_SUPPLY_FROST, ctx), ctx.sender());
    let mut treasury = ProtectedTreasury { id: object::new(ctx) };
    dof::add(&mut treasury.id, TreasuryCapKey {}, cap);
    transfer::share_object(treasury);
    transfer::public_freeze_object(metadata);
}

/// WAL in existence, in FROST.
public fun total_supply(treasury: &ProtectedTreasury): u64 {
    let cap: &TreasuryCap<WAL> = dof::borrow(&treasury.id, TreasuryCapKey {});
    cap.total_supply()
}

/// Destroys a coin for good; anyone may burn what is theirs.
public fun burn(treasury: &mut ProtectedTreasury, coin: Coin<WAL>) {
    let cap: &mut TreasuryCap<WAL> = dof::borrow_mut(&mut treasury.id, TreasuryCapKey {});
    cap.burn(coin);
}

/// A treasury that has minted nothing yet.
#[test_only]
public fun treasury_for_testing(ctx: &mut TxContext): ProtectedTreasury {
    let mut treasury = ProtectedTreasury { id: object::new(ctx) };
    dof::add(
        &mut treasury.id,
        TreasuryCapKey {},
        coin::create_treasury_cap_for_testing<WAL>(ctx),
    );
    treasury
}

#[test_only]
public fun mint_for_testing(
    treasury: &mut ProtectedTreasury,
    amount: u64,
    ctx: &mut TxContext,
): Coin<WAL> {
    let cap: &mut TreasuryCap<WAL> = dof::borrow_mut(&mut treasury.id, TreasuryCapKey {});
    cap.mint(amount, ctx)
}

#[test_only]
public fun init_for_testing(ctx: &mut TxContext) {
    init(WAL {}, ctx)
}
