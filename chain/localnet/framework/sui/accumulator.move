/// The root object below which the balances of addresses are kept, each as a dynamic field.
module sui::accumulator;

use sui::dynamic_field as field;

const ENotSystemAddress: u64 = 0;

public struct AccumulatorRoot has key {
    id: UID,
}

/// An accumulated amount.
public struct U128 has store {
    value: u128,
}

/// Names the field of an address; `T` is what accumulates, such as `Balance<SUI>`.
public struct Key<phantom T> has copy, drop, store {
    address: address,
}

#[allow(unused_function)]
fun create(ctx: &TxContext) {
    assert!(ctx.sender() == @0x0, ENotSystemAddress);
    transfer::share_object(AccumulatorRoot { id: object::sui_accumulator_root_object_id() })
}

public(package) fun accumulator_key<T>(address: address): Key<T> {
    Key { address }
}

/// The ID of an address's field.
public(package) fun accumulator_address<T>(address: address): address {
    field::hash_type_and_key(object::sui_accumulator_root_address(), accumulator_key<T>(address))
}

/// What the ledger has settled for the address; none when the field is not there.
public(package) fun settled<T>(root: &AccumulatorRoot, address: address): Option<u128> {
    let key = accumulator_key<T>(address);
    if (!field::exists_with_type<Key<T>, U128>(&root.id, key)) return option::none();
    let amount: &U128 = field::borrow(&root.id, key);
    option::some(amount.value)
}
