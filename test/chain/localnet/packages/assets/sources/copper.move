/// Currencies that are made at any time after publishing.
module assets::copper;

use sui::coin::Coin;
use sui::coin_registry::{CoinRegistry, MetadataCap};

public struct Copper has key {
    id: UID,
}

/// A supply of which nothing can be burnt or minted.
public fun fixed(registry: &mut CoinRegistry, symbol: vector<u8>, ctx: &mut TxContext): (
    Coin<Copper>,
    MetadataCap<Copper>,
) {
    let (mut builder, mut cap) = registry.new_currency<Copper>(
        0,
        symbol.to_string(),
        b"Copper".to_string(),
        b"".to_string(),
        b"".to_string(),
        ctx,
    );
    let coin = cap.mint(1_000, ctx);
    builder.make_supply_fixed(cap);
    (coin, builder.finalize(ctx))
}

public struct Bronze has key {
    id: UID,
}

/// A supply that only gets smaller.
public fun burn_only(registry: &mut CoinRegistry, ctx: &mut TxContext): Coin<Bronze> {
    let (mut builder, mut cap) = registry.new_currency<Bronze>(
        0,
        b"BR".to_string(),
        b"Bronze".to_string(),
        b"".to_string(),
        b"".to_string(),
        ctx,
    );
    let coin = cap.mint(500, ctx);
    builder.make_supply_burn_only(cap);
    transfer::public_transfer(builder.finalize(ctx), ctx.sender());
    coin
}
