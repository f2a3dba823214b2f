/// A regulated currency of the registry, made by an initializer.
module assets::silver;

use sui::coin_registry;

public struct SILVER has drop {}

fun init(witness: SILVER, ctx: &mut TxContext) {
    let (mut builder, cap) = coin_registry::new_currency_with_otw(
        witness,
        3,
        b"AG".to_string(),
        b"Silver".to_string(),
        b"Tarnishes".to_string(),
        b"https://silver.example/icon".to_string(),
        ctx,
    );
    let deny_cap = builder.make_regulated(false, ctx);
    let metadata_cap = builder.finalize(ctx);
    transfer::public_transfer(cap, ctx.sender());
    transfer::public_transfer(deny_cap, ctx.sender());
    transfer::public_transfer(metadata_cap, ctx.sender())
}
