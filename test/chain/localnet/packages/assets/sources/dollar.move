/// A regulated currency of the older kind.
module assets::dollar;

use sui::coin;

public struct DOLLAR has drop {}

fun init(witness: DOLLAR, ctx: &mut TxContext) {
    let (cap, deny_cap, metadata) = coin::create_regulated_currency_v2(
        witness,
        6,
        b"USD",
        b"Dollar",
        b"Regulated",
        option::none(),
        true,
        ctx,
    );
    transfer::public_freeze_object(metadata);
    transfer::public_transfer(cap, ctx.sender());
    transfer::public_transfer(deny_cap, ctx.sender())
}
