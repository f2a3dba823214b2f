/// One value kept outside its parent struct, as a dynamic field: so that a large value is loaded only when
/// used, and its type can change in an upgrade although struct layouts cannot.
module walrus::extended_field;

use sui::dynamic_field;

/// Owner of the value; `T` only keeps different fields apart.
public struct ExtendedField<phantom T: store> has key, store {
    id: UID,
}

/// Name of the dynamic field.
public struct Key() has copy, drop, store;

/// A field with this value.
public fun new<T: store>(value: T, ctx: &mut TxContext): ExtendedField<T> {
    let mut id = object::new(ctx);
    dynamic_field::add(&mut id, Key(), value);
    ExtendedField { id }
}

/// The value.
public fun borrow<T: store>(field: &ExtendedField<T>): &T {
    dynamic_field::borrow(&field.id, Key())
}

/// The value, to change it.
public fun borrow_mut<T: store>(field: &mut ExtendedField<T>): &mut T {
    dynamic_field::borrow_mut(&mut field.id, Key())
}

/// Puts in another value and gives back the old one.
public fun swap<T: store>(field: &mut ExtendedField<T>, value: T): T {
    let old = dynamic_field::remove(&mut field.id, Key());
    dynamic_field::add(&mut field.id, Key(), value);
    old
}

/// Gives back the value; the field is gone.
public fun destroy<T: store>(field: ExtendedField<T>): T {
    let ExtendedField { mut id } = field;
    let value = dynamic_field::remove(&mut id, Key());
    id.delete();
    value
}
