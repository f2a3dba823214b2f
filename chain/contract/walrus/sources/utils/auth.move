/// Who may do something (`Authorized`, stored), and proof of who asks (`Authenticated`, for one transaction).
module walrus::auth;

/// Either the sender or the holder of an object.
public enum Authenticated has drop {
    Sender(address),
    Object(ID),
}

/// Either an address or whoever can pass an object.
public enum Authorized has copy, drop, store {
    Address(address),
    ObjectID(ID),
}

/// Acts as the sender.
public fun authenticate_sender(ctx: &TxContext): Authenticated {
    Authenticated::Sender(ctx.sender())
}

/// Acts as the holder of `obj`.
public fun authenticate_with_object<T: key>(obj: &T): Authenticated {
    Authenticated::Object(object::id(obj))
}

public fun authorized_address(addr: address): Authorized {
    Authorized::Address(addr)
}

public fun authorized_object(id: ID): Authorized {
    Authorized::ObjectID(id)
}

/// Whether the one who asks is the one who may.
public(package) fun matches(authenticated: &Authenticated, authorized: &Authorized): bool {
    match (authorized) {
        Authorized::Address(expected) => match (authenticated) {
            Authenticated::Sender(actual) => actual == expected,
            Authenticated::Object(_) => false,
        },
        Authorized::ObjectID(expected) => match (authenticated) {
            Authenticated::Sender(_) => false,
            Authenticated::Object(actual) => actual == expected,
        },
    }
}
