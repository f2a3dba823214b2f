/// Events of votes on parameters.
module walrus::parameter_events;

use std::string::String;
use sui::event;

/// A node is for a value.
public struct ParameterVoted has copy, drop {
    epoch: u32,
    node_id: ID,
    name: String,
    value: u64,
    /// shards that are for it now
    weight: u16,
}

/// From this epoch on a parameter has this value.
public struct ParameterDecided has copy, drop {
    epoch: u32,
    name: String,
    value: u64,
}

public(package) fun emit_voted(epoch: u32, node_id: ID, name: String, value: u64, weight: u16) {
    event::emit(ParameterVoted { epoch, node_id, name, value, weight })
}

public(package) fun emit_decided(epoch: u32, name: String, value: u64) {
    event::emit(ParameterDecided { epoch, name, value })
}
