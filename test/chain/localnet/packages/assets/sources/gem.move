/// Items to show and to trade.
module assets::gem;

use std::string::String;
use sui::coin::Coin;
use sui::display_registry::{Display, DisplayCap, DisplayRegistry};
use sui::package;
use sui::sui::SUI;
use sui::transfer_policy::{Self as policy, TransferPolicy, TransferPolicyCap, TransferRequest};

public struct GEM has drop {}

public struct Cut has copy, drop, store {
    name: String,
    facets: u8,
}

public struct Gem has key, store {
    id: UID,
    name: String,
    weight: u64,
    cut: Cut,
    owner: Option<address>,
    note: Option<String>,
    tags: vector<String>,
}

/// Shown by the registry.
public struct Ring has key, store {
    id: UID,
    gem: Cut,
    size: u8,
    bytes: vector<u8>,
}

fun init(witness: GEM, ctx: &mut TxContext) {
    package::claim_and_keep(witness, ctx)
}

public fun new(name: String, weight: u64, ctx: &mut TxContext): Gem {
    Gem {
        id: object::new(ctx),
        name,
        weight,
        cut: Cut { name: b"brilliant".to_string(), facets: 57 },
        owner: option::some(ctx.sender()),
        note: option::none(),
        tags: vector[],
    }
}

public fun ring(size: u8, ctx: &mut TxContext): Ring {
    let gem = Cut { name: b"rose".to_string(), facets: 24 };
    Ring { id: object::new(ctx), gem, size, bytes: vector[0xde, 0xad] }
}

/// Without a publisher: the module of the type alone can do it.
public fun display_ring(
    registry: &mut DisplayRegistry,
    ctx: &mut TxContext,
): (Display<Ring>, DisplayCap<Ring>) {
    sui::display_registry::new(registry, std::internal::permit<Ring>(), ctx)
}

/// A rule of trade: a share of the price for the creator.
public struct Royalty has drop {}

public struct Share has drop, store {
    per_mille: u64,
}

public fun add_royalty<T>(
    policy: &mut TransferPolicy<T>,
    cap: &TransferPolicyCap<T>,
    per_mille: u64,
) {
    policy::add_rule(Royalty {}, policy, cap, Share { per_mille })
}

public fun pay_royalty<T>(
    policy: &mut TransferPolicy<T>,
    request: &mut TransferRequest<T>,
    payment: Coin<SUI>,
) {
    let share: &Share = policy::get_rule(Royalty {}, policy);
    assert!(payment.value() == request.paid() * share.per_mille / 1000);
    policy::add_to_balance(Royalty {}, policy, payment);
    policy::add_receipt(Royalty {}, request)
}

/// An extension of kiosks.
public struct Helper has drop {}

public fun install(
    kiosk: &mut sui::kiosk::Kiosk,
    cap: &sui::kiosk::KioskOwnerCap,
    permissions: u128,
    ctx: &mut TxContext,
) {
    sui::kiosk_extension::add(Helper {}, kiosk, cap, permissions, ctx)
}

public fun help(kiosk: &mut sui::kiosk::Kiosk, gem: Gem, policy: &TransferPolicy<Gem>) {
    sui::kiosk_extension::place(Helper {}, kiosk, gem, policy)
}
