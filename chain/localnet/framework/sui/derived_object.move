/// Objects at addresses that follow from a parent's ID and a key.
module sui::derived_object;

use sui::dynamic_field as field;

#[error(code = 0)]
const EObjectAlreadyExists: vector<u8> = b"The object of this key was derived before.";

/// Names the parent's field that marks an ID as taken.
public struct Claimed(ID) has copy, drop, store;

/// Keeps derived addresses apart from those of dynamic fields.
public struct DerivedObjectKey<K: copy + drop + store>(K) has copy, drop, store;

public enum ClaimedStatus has store {
    /// Taken for good, even when the object is deleted.
    Reserved,
}

/// The identity that belongs to the key, once.
public fun claim<K: copy + drop + store>(parent: &mut UID, key: K): UID {
    let derived = derive_address(parent.to_inner(), key);
    let mark = Claimed(derived.to_id());
    assert!(!field::exists_(parent, mark), EObjectAlreadyExists);
    field::add(parent, mark, ClaimedStatus::Reserved);
    object::new_uid_from_hash(derived)
}

/// Whether the key's identity was claimed, whatever became of it.
public fun exists<K: copy + drop + store>(parent: &UID, key: K): bool {
    let derived = derive_address(parent.to_inner(), key);
    field::exists_(parent, Claimed(derived.to_id()))
}

public fun derive_address<K: copy + drop + store>(parent: ID, key: K): address {
    field::hash_type_and_key(parent.to_address(), DerivedObjectKey(key))
}
