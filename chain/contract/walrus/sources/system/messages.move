/// The messages that storage nodes sign: intent type, version 0, app ID 3, epoch, body, all in BCS.
module walrus::messages;

use sui::bcs::{Self, BCS};
use sui::bls12381::bls12381_min_pk_verify;

/// The header is not one of this app's.
const EIncorrectAppId: u64 = 0;
/// The message is of an epoch in which it has no effect.
const EIncorrectEpoch: u64 = 1;
/// The message is of another type than the call wants.
const EInvalidMsgType: u64 = 2;
/// The intent's version is unknown.
const EIncorrectIntentVersion: u64 = 3;
/// The persistence is neither permanent nor deletable.
const EInvalidBlobPersistenceType: u64 = 4;
/// A BLS public key does not have 48 bytes.
const EInvalidKeyLength: u64 = 6;

const APP_ID: u8 = 3;
const INTENT_VERSION: u8 = 0;
const BLS_KEY_LEN: u64 = 48;

const PROOF_OF_POSSESSION: u8 = 0;
const BLOB_CERT: u8 = 1;
const INVALID_BLOB_ID: u8 = 2;
const DENY_LIST_UPDATE: u8 = 4;
const DENY_LIST_BLOB_DELETED: u8 = 5;
const PROTOCOL_VERSION: u8 = 6;

/// What an operator signs with a BLS key to show that it is theirs; bound to the sender and the epoch.
public struct ProofOfPossessionMessage has drop {
    intent_type: u8,
    intent_version: u8,
    intent_app: u8,
    epoch: u32,
    sui_address: address,
    bls_key: vector<u8>,
}

/// A message whose header was read. It exists only once enough weight signed it.
public struct CertifiedMessage has drop {
    intent_type: u8,
    intent_version: u8,
    cert_epoch: u32,
    message: vector<u8>,
    /// shards that signed
    stake_support: u16,
}

/// How long nodes promise to keep a blob.
public enum BlobPersistenceType has copy, drop {
    Permanent,
    Deletable { object_id: ID },
}

/// Enough nodes keep a blob.
public struct CertifiedBlobMessage has drop {
    blob_id: u256,
    blob_persistence_type: BlobPersistenceType,
}

/// At least one correct node found a blob wrongly encoded.
public struct CertifiedInvalidBlobId has drop {
    blob_id: u256,
}

/// The new deny list of a node.
public struct DenyListUpdateMessage has drop {
    storage_node_id: ID,
    deny_list_sequence_number: u64,
    deny_list_size: u64,
    deny_list_root: u256,
}

/// At least one correct node has the blob on its deny list.
public struct DenyListBlobDeleted has drop {
    blob_id: u256,
}

/// The protocol version that nodes use from an epoch on.
public struct ProtocolVersionMessage has drop {
    start_epoch: u32,
    protocol_version: u64,
}

// === Reading ===

/// Reads the header. Only a committee may call this, after it verified the signatures.
public(package) fun new_certified_message(
    message: vector<u8>,
    committee_epoch: u32,
    stake_support: u16,
): CertifiedMessage {
    let mut reader = bcs::new(message);
    let intent_type = reader.peel_u8();
    let intent_version = reader.peel_u8();
    assert!(intent_version == INTENT_VERSION, EIncorrectIntentVersion);
    assert!(reader.peel_u8() == APP_ID, EIncorrectAppId);
    let cert_epoch = reader.peel_u32();
    assert!(cert_epoch == committee_epoch, EIncorrectEpoch);
    let message = reader.into_remainder_bytes();
    CertifiedMessage { intent_type, intent_version, cert_epoch, message, stake_support }
}

/// Body: blob ID, then 0 (permanent) or 1 and an object ID (deletable).
public(package) fun certify_blob_message(message: CertifiedMessage): CertifiedBlobMessage {
    let mut body = message.body(BLOB_CERT);
    let blob_id = body.peel_u256();
    let persistence = body.peel_u8();
    let blob_persistence_type = if (persistence == 0) {
        BlobPersistenceType::Permanent
    } else if (persistence == 1) {
        BlobPersistenceType::Deletable { object_id: body.peel_address().to_id() }
    } else {
        abort EInvalidBlobPersistenceType
    };
    CertifiedBlobMessage { blob_id, blob_persistence_type }
}

/// For a blob that the committee agreed on without signatures: an event blob.
public(package) fun permanent_blob_message(blob_id: u256): CertifiedBlobMessage {
    CertifiedBlobMessage { blob_id, blob_persistence_type: BlobPersistenceType::Permanent }
}

/// Body: blob ID.
public(package) fun invalid_blob_id_message(message: CertifiedMessage): CertifiedInvalidBlobId {
    let mut body = message.body(INVALID_BLOB_ID);
    let blob_id = body.peel_u256();
    CertifiedInvalidBlobId { blob_id }
}

/// Body: node ID, sequence number, size in bytes, root.
public(package) fun deny_list_update_message(message: CertifiedMessage): DenyListUpdateMessage {
    let mut body = message.body(DENY_LIST_UPDATE);
    let storage_node_id = body.peel_address().to_id();
    let deny_list_sequence_number = body.peel_u64();
    let deny_list_size = body.peel_u64();
    let deny_list_root = body.peel_u256();
    DenyListUpdateMessage {
        storage_node_id,
        deny_list_sequence_number,
        deny_list_size,
        deny_list_root,
    }
}

/// Body: blob ID.
public(package) fun deny_list_blob_deleted_message(message: CertifiedMessage): DenyListBlobDeleted {
    let mut body = message.body(DENY_LIST_BLOB_DELETED);
    let blob_id = body.peel_u256();
    DenyListBlobDeleted { blob_id }
}

/// Body: epoch, version.
public(package) fun protocol_version_message(message: CertifiedMessage): ProtocolVersionMessage {
    let mut body = message.body(PROTOCOL_VERSION);
    let start_epoch = body.peel_u32();
    let protocol_version = body.peel_u64();
    ProtocolVersionMessage { start_epoch, protocol_version }
}

/// What comes after the fields of a body is left alone, so that later versions can add to it.
fun body(message: CertifiedMessage, intent_type: u8): BCS {
    let CertifiedMessage { intent_type: actual, message, .. } = message;
    assert!(actual == intent_type, EInvalidMsgType);
    bcs::new(message)
}

// === Proof of possession ===

public(package) fun proof_of_possession(
    epoch: u32,
    sui_address: address,
    bls_key: vector<u8>,
): ProofOfPossessionMessage {
    assert!(bls_key.length() == BLS_KEY_LEN, EInvalidKeyLength);
    ProofOfPossessionMessage {
        intent_type: PROOF_OF_POSSESSION,
        intent_version: INTENT_VERSION,
        intent_app: APP_ID,
        epoch,
        sui_address,
        bls_key,
    }
}

/// What is signed: BCS, but the key without its length.
public(package) fun to_bytes(self: &ProofOfPossessionMessage): vector<u8> {
    let mut message = vector[self.intent_type, self.intent_version, self.intent_app];
    message.append(bcs::to_bytes(&self.epoch));
    message.append(bcs::to_bytes(&self.sui_address));
    message.append(self.bls_key);
    message
}

/// Whether the key signed it.
public(package) fun is_signed(self: &ProofOfPossessionMessage, signature: &vector<u8>): bool {
    bls12381_min_pk_verify(signature, &self.bls_key, &self.to_bytes())
}

// === Accessors ===

public(package) fun cert_epoch(self: &CertifiedMessage): u32 { self.cert_epoch }

public(package) fun weight(self: &CertifiedMessage): u16 { self.stake_support }

public(package) fun certified_blob_id(self: &CertifiedBlobMessage): u256 { self.blob_id }

public(package) fun blob_persistence_type(self: &CertifiedBlobMessage): BlobPersistenceType {
    self.blob_persistence_type
}

public(package) fun is_deletable(self: &BlobPersistenceType): bool {
    match (self) {
        BlobPersistenceType::Permanent => false,
        BlobPersistenceType::Deletable { .. } => true,
    }
}

/// The object whose deletion frees the nodes of their promise; none when permanent.
public(package) fun object_id(self: &BlobPersistenceType): Option<ID> {
    match (self) {
        BlobPersistenceType::Permanent => option::none(),
        BlobPersistenceType::Deletable { object_id } => option::some(*object_id),
    }
}

public(package) fun invalid_blob_id(self: &CertifiedInvalidBlobId): u256 { self.blob_id }

public(package) fun storage_node_id(self: &DenyListUpdateMessage): ID { self.storage_node_id }

public(package) fun sequence_number(self: &DenyListUpdateMessage): u64 {
    self.deny_list_sequence_number
}

public(package) fun size(self: &DenyListUpdateMessage): u64 { self.deny_list_size }

public(package) fun root(self: &DenyListUpdateMessage): u256 { self.deny_list_root }

public(package) fun blob_id(self: &DenyListBlobDeleted): u256 { self.blob_id }

public(package) fun start_epoch(self: &ProtocolVersionMessage): u32 { self.start_epoch }

public(package) fun protocol_version(self: &ProtocolVersionMessage): u64 { self.protocol_version }

#[test_only]
public fun header_for_testing(intent_type: u8, epoch: u32): vector<u8> {
    let mut header = vector[intent_type, INTENT_VERSION, APP_ID];
    header.append(bcs::to_bytes(&epoch));
    header
}
