/// Proof that the module of a type takes part in a call.
module std::internal;

/// Only the module that defines `T` can make one: the verifier sees to it.
public struct Permit<phantom T>() has drop;

public fun permit<T>(): Permit<T> {
    Permit()
}
