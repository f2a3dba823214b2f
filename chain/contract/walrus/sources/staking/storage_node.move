/// A node's record in its staking pool, and the capability with which its operator acts for it.
module walrus::storage_node;

use std::string::String;
use sui::bls12381::{UncompressedG1, g1_from_bytes, g1_to_uncompressed_g1};
use sui::group_ops::Element;
use walrus::event_blob::EventBlobAttestation;
use walrus::extended_field::{Self, ExtendedField};
use walrus::node_metadata::NodeMetadata;

/// The network key does not have 33 bytes.
const EInvalidNetworkPublicKey: u64 = 0;

const NETWORK_KEY_LEN: u64 = 33;

public struct StorageNodeInfo has store {
    name: String,
    /// ID of the staking pool
    node_id: ID,
    network_address: String,
    public_key: Element<UncompressedG1>,
    /// takes the place of `public_key` when the pool goes to the next epoch
    next_epoch_public_key: Option<Element<UncompressedG1>>,
    network_public_key: vector<u8>,
    metadata: ExtendedField<NodeMetadata>,
}

public struct StorageNodeCap has key, store {
    id: UID,
    node_id: ID,
    last_epoch_sync_done: u32,
    last_event_blob_attestation: Option<EventBlobAttestation>,
    deny_list_root: u256,
    deny_list_sequence: u64,
    deny_list_size: u64,
}

/// Keys: BLS 48 bytes (compressed G1), network 33 bytes.
public(package) fun new(
    name: String,
    node_id: ID,
    network_address: String,
    public_key: vector<u8>,
    network_public_key: vector<u8>,
    metadata: NodeMetadata,
    ctx: &mut TxContext,
): StorageNodeInfo {
    assert!(network_public_key.length() == NETWORK_KEY_LEN, EInvalidNetworkPublicKey);
    StorageNodeInfo {
        name,
        node_id,
        network_address,
        public_key: parse_key(&public_key),
        next_epoch_public_key: option::none(),
        network_public_key,
        metadata: extended_field::new(metadata, ctx),
    }
}

public(package) fun new_cap(node_id: ID, ctx: &mut TxContext): StorageNodeCap {
    StorageNodeCap {
        id: object::new(ctx),
        node_id,
        last_epoch_sync_done: 0,
        last_event_blob_attestation: option::none(),
        deny_list_root: 0,
        deny_list_sequence: 0,
        deny_list_size: 0,
    }
}

// === Capability ===

/// The pool that the capability acts for.
public fun node_id(cap: &StorageNodeCap): ID { cap.node_id }

public fun last_epoch_sync_done(cap: &StorageNodeCap): u32 { cap.last_epoch_sync_done }

/// Wants a mutable reference for no reason but the callers that Walrus has.
public fun last_event_blob_attestation(cap: &mut StorageNodeCap): Option<EventBlobAttestation> {
    cap.last_event_blob_attestation
}

public fun deny_list_root(cap: &StorageNodeCap): u256 { cap.deny_list_root }

public fun deny_list_sequence(cap: &StorageNodeCap): u64 { cap.deny_list_sequence }

public(package) fun set_last_epoch_sync_done(cap: &mut StorageNodeCap, epoch: u32) {
    cap.last_epoch_sync_done = epoch;
}

public(package) fun set_last_event_blob_attestation(
    cap: &mut StorageNodeCap,
    attestation: EventBlobAttestation,
) {
    cap.last_event_blob_attestation = option::some(attestation);
}

public(package) fun set_deny_list_properties(
    cap: &mut StorageNodeCap,
    root: u256,
    sequence: u64,
    size: u64,
) {
    cap.deny_list_root = root;
    cap.deny_list_sequence = sequence;
    cap.deny_list_size = size;
}

// === Record ===

public fun id(self: &StorageNodeInfo): ID { self.node_id }

/// The key that was announced, or else the one in force.
public(package) fun next_epoch_public_key(self: &StorageNodeInfo): Element<UncompressedG1> {
    *self.next_epoch_public_key.borrow_with_default(&self.public_key)
}

public(package) fun metadata(self: &StorageNodeInfo): NodeMetadata { *self.metadata.borrow() }

public(package) fun set_next_public_key(self: &mut StorageNodeInfo, public_key: vector<u8>) {
    self.next_epoch_public_key = option::some(parse_key(&public_key));
}

/// Puts the next key in force, if there is one.
public(package) fun rotate_public_key(self: &mut StorageNodeInfo) {
    if (self.next_epoch_public_key.is_some()) {
        self.public_key = self.next_epoch_public_key.extract();
    }
}

public(package) fun set_name(self: &mut StorageNodeInfo, name: String) { self.name = name; }

public(package) fun set_network_address(self: &mut StorageNodeInfo, network_address: String) {
    self.network_address = network_address;
}

public(package) fun set_network_public_key(
    self: &mut StorageNodeInfo,
    network_public_key: vector<u8>,
) {
    assert!(network_public_key.length() == NETWORK_KEY_LEN, EInvalidNetworkPublicKey);
    self.network_public_key = network_public_key;
}

public(package) fun set_node_metadata(self: &mut StorageNodeInfo, metadata: NodeMetadata) {
    self.metadata.swap(metadata);
}

fun parse_key(public_key: &vector<u8>): Element<UncompressedG1> {
    g1_to_uncompressed_g1(&g1_from_bytes(public_key))
}
