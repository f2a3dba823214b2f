/// A blob on chain: what was promised about some bytes, by the storage it holds.
module walrus::blob;

use std::string::String;
use sui::bcs;
use sui::dynamic_field;
use sui::hash;
use walrus::encoding;
use walrus::events;
use walrus::messages::CertifiedBlobMessage;
use walrus::metadata::{Self, Metadata};
use walrus::storage_resource::Storage;

public use fun walrus::shared_blob::new as Blob.share;

/// The blob is not certified.
const ENotCertified: u64 = 0;
/// The blob is permanent.
const EBlobNotDeletable: u64 = 1;
/// The storage is not for the current epoch.
const EResourceBounds: u64 = 2;
/// The storage is smaller than the encoded blob.
const EResourceSize: u64 = 3;
/// The blob was certified before.
const EAlreadyCertified: u64 = 5;
/// The blob ID does not follow from root, encoding and size, or is another one.
const EInvalidBlobId: u64 = 6;
/// There are attributes already.
const EDuplicateMetadata: u64 = 7;
/// There are no attributes.
const EMissingMetadata: u64 = 8;
/// The certificate is for the other kind of persistence.
const EInvalidBlobPersistenceType: u64 = 9;
/// The certificate is for another object.
const EInvalidBlobObject: u64 = 10;

/// Dynamic field with the attributes.
const METADATA_DF: vector<u8> = b"metadata";

public struct Blob has key, store {
    id: UID,
    registered_epoch: u32,
    blob_id: u256,
    /// bytes before encoding
    size: u64,
    encoding_type: u8,
    /// none until certified
    certified_epoch: Option<u32>,
    storage: Storage,
    deletable: bool,
}

/// What a blob ID is the hash of, in BCS.
public struct BlobIdDerivation has drop {
    encoding_type: u8,
    size: u64,
    root_hash: u256,
}

// === Accessors ===

public fun object_id(self: &Blob): ID { object::id(self) }

public fun registered_epoch(self: &Blob): u32 { self.registered_epoch }

public fun blob_id(self: &Blob): u256 { self.blob_id }

public fun size(self: &Blob): u64 { self.size }

public fun encoding_type(self: &Blob): u8 { self.encoding_type }

public fun certified_epoch(self: &Blob): &Option<u32> { &self.certified_epoch }

public fun storage(self: &Blob): &Storage { &self.storage }

public fun is_deletable(self: &Blob): bool { self.deletable }

/// Bytes that the blob takes on all shards together.
public fun encoded_size(self: &Blob, n_shards: u16): u64 {
    encoding::encoded_blob_length(self.size, self.encoding_type, n_shards)
}

/// First epoch in which the blob is no longer kept.
public fun end_epoch(self: &Blob): u32 { self.storage.end_epoch() }

public(package) fun storage_mut(self: &mut Blob): &mut Storage { &mut self.storage }

/// Blake2b-256 of encoding type, size and root, read as a little-endian number.
public fun derive_blob_id(root_hash: u256, encoding_type: u8, size: u64): u256 {
    let preimage = bcs::to_bytes(&BlobIdDerivation { encoding_type, size, root_hash });
    bcs::new(hash::blake2b256(&preimage)).peel_u256()
}

// === Life cycle ===

/// Registers a blob; its storage must hold now and be large enough.
public(package) fun new(
    storage: Storage,
    blob_id: u256,
    root_hash: u256,
    size: u64,
    encoding_type: u8,
    deletable: bool,
    registered_epoch: u32,
    n_shards: u16,
    ctx: &mut TxContext,
): Blob {
    let id = object::new(ctx);
    assert!(registered_epoch >= storage.start_epoch(), EResourceBounds);
    assert!(registered_epoch < storage.end_epoch(), EResourceBounds);
    let encoded_size = encoding::encoded_blob_length(size, encoding_type, n_shards);
    assert!(encoded_size <= storage.size(), EResourceSize);
    assert!(derive_blob_id(root_hash, encoding_type, size) == blob_id, EInvalidBlobId);
    events::emit_blob_registered(
        registered_epoch,
        blob_id,
        size,
        encoding_type,
        storage.end_epoch(),
        deletable,
        id.to_inner(),
    );
    Blob {
        id,
        registered_epoch,
        blob_id,
        size,
        encoding_type,
        certified_epoch: option::none(),
        storage,
        deletable,
    }
}

/// Marks the blob as certified by a certificate for exactly this blob, persistence and object.
public(package) fun certify_with_certified_msg(
    self: &mut Blob,
    current_epoch: u32,
    message: CertifiedBlobMessage,
) {
    assert!(self.blob_id == message.certified_blob_id(), EInvalidBlobId);
    assert!(self.certified_epoch.is_none(), EAlreadyCertified);
    assert!(current_epoch < self.storage.end_epoch(), EResourceBounds);
    let persistence = message.blob_persistence_type();
    assert!(persistence.is_deletable() == self.deletable, EInvalidBlobPersistenceType);
    if (self.deletable) {
        assert!(persistence.object_id() == option::some(object::id(self)), EInvalidBlobObject);
    };
    self.certified_epoch.fill(current_epoch);
    self.emit_certified(false);
}

/// Ends a deletable blob that has not expired and frees its storage.
public(package) fun delete(mut self: Blob, epoch: u32): Storage {
    self.drop_metadata();
    let Blob { id, storage, deletable, blob_id, certified_epoch, .. } = self;
    assert!(deletable, EBlobNotDeletable);
    assert!(storage.end_epoch() > epoch, EResourceBounds);
    let object_id = id.to_inner();
    id.delete();
    events::emit_blob_deleted(
        epoch,
        blob_id,
        storage.end_epoch(),
        object_id,
        certified_epoch.is_some(),
    );
    storage
}

/// Destroys the object, its attributes and its storage. The nodes keep the bytes until the end epoch.
public fun burn(mut self: Blob) {
    self.drop_metadata();
    let Blob { id, storage, .. } = self;
    id.delete();
    storage.destroy();
}

/// Only a certified blob that is still kept can be extended.
public(package) fun assert_certified_not_expired(self: &Blob, current_epoch: u32) {
    assert!(self.certified_epoch.is_some(), ENotCertified);
    assert!(current_epoch < self.storage.end_epoch(), EResourceBounds);
}

/// Appends a reservation of the same size that begins where the blob's ends.
public(package) fun extend_with_resource(self: &mut Blob, extension: Storage, current_epoch: u32) {
    self.assert_certified_not_expired(current_epoch);
    assert!(extension.end_epoch() > self.storage.end_epoch(), EResourceBounds);
    self.storage.fuse_periods(extension);
    self.emit_certified(true);
}

/// An extension tells the epoch of the first certification, too: that of the committee which has the blob's quorum.
public(package) fun emit_certified(self: &Blob, is_extension: bool) {
    events::emit_blob_certified(
        *self.certified_epoch.borrow(),
        self.blob_id,
        self.storage.end_epoch(),
        self.deletable,
        object::id(self),
        is_extension,
    )
}

// === Attributes ===

/// Gives the blob attributes; it must have none.
public fun add_metadata(self: &mut Blob, metadata: Metadata) {
    assert!(!self.has_metadata(), EDuplicateMetadata);
    dynamic_field::add(&mut self.id, METADATA_DF, metadata)
}

/// Gives the blob attributes and returns those it had.
public fun add_or_replace_metadata(self: &mut Blob, metadata: Metadata): Option<Metadata> {
    let old = if (self.has_metadata()) option::some(self.take_metadata()) else option::none();
    self.add_metadata(metadata);
    old
}

/// Takes the attributes off.
public fun take_metadata(self: &mut Blob): Metadata {
    assert!(self.has_metadata(), EMissingMetadata);
    dynamic_field::remove(&mut self.id, METADATA_DF)
}

/// Sets one attribute.
public fun insert_or_update_metadata_pair(self: &mut Blob, key: String, value: String) {
    if (!self.has_metadata()) self.add_metadata(metadata::new());
    self.metadata_mut().insert_or_update(key, value)
}

/// Removes one attribute, which must be there.
public fun remove_metadata_pair(self: &mut Blob, key: &String): (String, String) {
    self.metadata_mut().remove(key)
}

/// Removes one attribute if it is there.
public fun remove_metadata_pair_if_exists(self: &mut Blob, key: &String): Option<String> {
    if (self.has_metadata()) self.metadata_mut().remove_if_exists(key) else option::none()
}

fun has_metadata(self: &Blob): bool {
    dynamic_field::exists_(&self.id, METADATA_DF)
}

fun metadata_mut(self: &mut Blob): &mut Metadata {
    assert!(self.has_metadata(), EMissingMetadata);
    dynamic_field::borrow_mut(&mut self.id, METADATA_DF)
}

fun drop_metadata(self: &mut Blob) {
    if (self.has_metadata()) {
        self.take_metadata();
    }
}
