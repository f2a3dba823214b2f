/// Objects at derived addresses, and ways to receive.
module assets::family;

use sui::derived_object;
use sui::transfer::Receiving;

public struct Parent has key, store {
    id: UID,
}

public struct Child has key, store {
    id: UID,
}

public fun parent(ctx: &mut TxContext): Parent {
    Parent { id: object::new(ctx) }
}

public fun child(parent: &mut Parent, key: u64): Child {
    Child { id: derived_object::claim(&mut parent.id, key) }
}

public fun end(child: Child) {
    let Child { id } = child;
    id.delete()
}

public fun has(parent: &Parent, key: u64): bool {
    derived_object::exists(&parent.id, key)
}

public fun address_of(parent: ID, key: u64): address {
    derived_object::derive_address(parent, key)
}

public fun receive(parent: &mut Parent, sent: Receiving<Child>): Child {
    transfer::public_receive(&mut parent.id, sent)
}

public fun receive_in_child(parent: &mut Child, sent: Receiving<Child>): Child {
    transfer::public_receive(&mut parent.id, sent)
}

public fun peek(sent: &Receiving<Child>): ID {
    sent.receiving_object_id()
}

public fun peek_mut(sent: &mut Receiving<Child>): ID {
    sent.receiving_object_id()
}
