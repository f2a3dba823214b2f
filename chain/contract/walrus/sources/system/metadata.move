/// Attributes of a blob: a small map of strings that its owner sets.
module walrus::metadata;

use std::string::String;
use sui::vec_map::{Self, VecMap};

public struct Metadata has drop, store {
    metadata: VecMap<String, String>,
}

public fun new(): Metadata {
    Metadata { metadata: vec_map::empty() }
}

/// Sets a value, new or not.
public fun insert_or_update(self: &mut Metadata, key: String, value: String) {
    self.remove_if_exists(&key);
    self.metadata.insert(key, value);
}

/// Removes and returns a pair; aborts when there is none.
public fun remove(self: &mut Metadata, key: &String): (String, String) {
    self.metadata.remove(key)
}

/// The value that was removed, if there was one.
public fun remove_if_exists(self: &mut Metadata, key: &String): Option<String> {
    if (self.metadata.contains(key)) {
        let (_, value) = self.metadata.remove(key);
        option::some(value)
    } else {
        option::none()
    }
}
