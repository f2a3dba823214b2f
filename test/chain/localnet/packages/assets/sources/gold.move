/// A currency of the older kind.
module assets::gold;

use sui::coin;

public struct GOLD has drop {}

fun init(witness: GOLD, ctx: &mut TxContext) {
    let (cap, metadata) = coin::create_currency(
        witness,
        2,
        b"AU",
        b"Gold",
        b"Shines",
        option::none(),
        ctx,
    );
    transfer::public_freeze_object(metadata);
    transfer::public_transfer(cap, ctx.sender())
}
