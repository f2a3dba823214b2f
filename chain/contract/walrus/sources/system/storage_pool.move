/// Storage that many blobs share: a pool holds one reservation, and a deleted blob's bytes can be used again.
module walrus::storage_pool;

use std::string::String;
use sui::dynamic_field;
use sui::object_table::{Self, ObjectTable};
use walrus::blob;
use walrus::encoding;
use walrus::events;
use walrus::messages::CertifiedBlobMessage;
use walrus::metadata::{Self, Metadata};
use walrus::storage_resource::Storage;

/// The blob is permanent.
const EBlobNotDeletable: u64 = 0;
/// The pool has expired, or the storage has not begun.
const EResourceBounds: u64 = 1;
/// The blob was certified before.
const EAlreadyCertified: u64 = 2;
/// The blob ID does not follow from root, encoding and size, or is another one.
const EInvalidBlobId: u64 = 3;
/// The certificate is for the other kind of persistence.
const EInvalidBlobPersistenceType: u64 = 4;
/// The certificate is for another object.
const EInvalidBlobObject: u64 = 5;
/// The pool has too few bytes left.
const EInsufficientCapacity: u64 = 6;
/// Blobs are in the pool.
const EPoolNotEmpty: u64 = 7;
/// The object is of another version than this package.
const EWrongVersion: u64 = 10;
/// The storage ends in another epoch than the pool.
const EIncompatibleEndEpoch: u64 = 11;
/// There are attributes already.
const EDuplicateMetadata: u64 = 12;
/// There are no attributes.
const EMissingMetadata: u64 = 13;
/// More than 100%.
const EInvalidPercent: u64 = 14;

const VERSION: u64 = 1;

/// Dynamic field with the attributes of a blob.
const METADATA_DF: vector<u8> = b"metadata";

public struct StoragePool has key, store {
    id: UID,
    version: u64,
}

public struct StoragePoolInnerV1 has store {
    storage: Storage,
    /// sum of the encoded sizes of the blobs
    used_encoded_bytes: u64,
    blob_count: u64,
    /// by blob ID
    blobs: ObjectTable<u256, PooledBlob>,
}

/// A blob that lives as long as its pool.
public struct PooledBlob has key, store {
    id: UID,
    registered_epoch: u32,
    blob_id: u256,
    unencoded_size: u64,
    encoding_type: u8,
    certified_epoch: Option<u32>,
    storage_pool_id: ID,
    deletable: bool,
}

// === Accessors ===

public fun start_epoch(self: &StoragePool): u32 { self.inner().storage.start_epoch() }

public fun end_epoch(self: &StoragePool): u32 { self.inner().storage.end_epoch() }

public fun reserved_encoded_capacity_bytes(self: &StoragePool): u64 { self.inner().storage.size() }

public fun used_encoded_bytes(self: &StoragePool): u64 { self.inner().used_encoded_bytes }

public fun available_encoded_bytes(self: &StoragePool): u64 {
    let inner = self.inner();
    inner.storage.size() - inner.used_encoded_bytes
}

public fun storage(self: &StoragePool): &Storage { &self.inner().storage }

public fun blob_count(self: &StoragePool): u64 { self.inner().blob_count }

public fun contains_blob(self: &StoragePool, blob_id: u256): bool {
    self.inner().blobs.contains(blob_id)
}

/// The object ID that confirmations of a deletable blob name.
public fun blob_object_id(self: &StoragePool, blob_id: u256): ID {
    object::id(self.inner().blobs.borrow(blob_id))
}

public fun object_id(self: &StoragePool): ID { object::id(self) }

fun inner(self: &StoragePool): &StoragePoolInnerV1 {
    assert!(self.version == VERSION, EWrongVersion);
    dynamic_field::borrow(&self.id, VERSION)
}

fun inner_mut(self: &mut StoragePool): &mut StoragePoolInnerV1 {
    assert!(self.version == VERSION, EWrongVersion);
    dynamic_field::borrow_mut(&mut self.id, VERSION)
}

// === Pool ===

/// A pool out of a reservation, which must hold in `epoch`, the current one.
public(package) fun create(storage: Storage, epoch: u32, ctx: &mut TxContext): StoragePool {
    let mut id = object::new(ctx);
    events::emit_storage_pool_created(
        epoch,
        id.to_inner(),
        storage.size(),
        storage.start_epoch(),
        storage.end_epoch(),
    );
    let inner = StoragePoolInnerV1 {
        storage,
        used_encoded_bytes: 0,
        blob_count: 0,
        blobs: object_table::new(ctx),
    };
    dynamic_field::add(&mut id, VERSION, inner);
    StoragePool { id, version: VERSION }
}

/// Gives back the reservation of an empty pool.
public fun destroy(self: StoragePool): Storage {
    let StoragePool { mut id, version } = self;
    let inner: StoragePoolInnerV1 = dynamic_field::remove(&mut id, version);
    let StoragePoolInnerV1 { storage, blob_count, blobs, .. } = inner;
    assert!(blob_count == 0, EPoolNotEmpty);
    blobs.destroy_empty();
    id.delete();
    storage
}

public(package) fun extend_end_epoch(self: &mut StoragePool, extended_epochs: u32, epoch: u32) {
    self.inner_mut().storage.extend_end_epoch(extended_epochs);
    events::emit_storage_pool_extended(epoch, object::id(self), self.end_epoch());
}

public(package) fun increase_capacity(self: &mut StoragePool, bytes: u64) {
    self.inner_mut().storage.increase_size(bytes)
}

/// Takes in a reservation that holds now and ends with the pool.
public(package) fun increase_capacity_with_storage(
    self: &mut StoragePool,
    other: Storage,
    epoch: u32,
) {
    assert!(other.start_epoch() <= epoch, EResourceBounds);
    assert!(other.end_epoch() == self.end_epoch(), EIncompatibleEndEpoch);
    self.increase_capacity(other.size());
    other.destroy();
}

/// Takes `size` unused bytes out of the pool, for all its epochs: what is past cannot be used anyway.
public(package) fun decrease_capacity_by_size(
    self: &mut StoragePool,
    size: u64,
    ctx: &mut TxContext,
): Storage {
    assert!(size <= self.available_encoded_bytes(), EInsufficientCapacity);
    let storage = &mut self.inner_mut().storage;
    let kept = storage.size() - size;
    storage.split_by_size(kept, ctx)
}

/// A part of the unused bytes, rounded down.
public(package) fun percent_of_unused(self: &StoragePool, percent: u8): u64 {
    assert!(percent <= 100, EInvalidPercent);
    let available = self.available_encoded_bytes() as u128;
    (available * (percent as u128) / 100) as u64
}

// === Blobs ===

/// Registers a blob; answers its encoded size.
public(package) fun register_blob(
    self: &mut StoragePool,
    blob_id: u256,
    root_hash: u256,
    unencoded_size: u64,
    encoding_type: u8,
    deletable: bool,
    registered_epoch: u32,
    n_shards: u16,
    ctx: &mut TxContext,
): u64 {
    assert!(
        blob::derive_blob_id(root_hash, encoding_type, unencoded_size) == blob_id,
        EInvalidBlobId,
    );
    let encoded_size = encoding::encoded_blob_length(unencoded_size, encoding_type, n_shards);
    assert!(encoded_size <= self.available_encoded_bytes(), EInsufficientCapacity);
    let id = object::new(ctx);
    let storage_pool_id = object::id(self);
    events::emit_pooled_blob_registered(
        registered_epoch,
        blob_id,
        unencoded_size,
        encoding_type,
        deletable,
        id.to_inner(),
        storage_pool_id,
    );
    let inner = self.inner_mut();
    inner.used_encoded_bytes = inner.used_encoded_bytes + encoded_size;
    inner.blob_count = inner.blob_count + 1;
    inner
        .blobs
        .add(
            blob_id,
            PooledBlob {
                id,
                registered_epoch,
                blob_id,
                unencoded_size,
                encoding_type,
                certified_epoch: option::none(),
                storage_pool_id,
                deletable,
            },
        );
    encoded_size
}

/// Marks a blob as certified by a certificate for exactly this blob, persistence and object.
public(package) fun certify_blob(
    self: &mut StoragePool,
    blob_id: u256,
    epoch: u32,
    message: CertifiedBlobMessage,
) {
    let end_epoch = self.end_epoch();
    let blob = self.inner_mut().blobs.borrow_mut(blob_id);
    assert!(blob_id == message.certified_blob_id(), EInvalidBlobId);
    assert!(epoch < end_epoch, EResourceBounds);
    assert!(blob.certified_epoch.is_none(), EAlreadyCertified);
    let persistence = message.blob_persistence_type();
    assert!(persistence.is_deletable() == blob.deletable, EInvalidBlobPersistenceType);
    let object_id = object::id(blob);
    if (blob.deletable) {
        assert!(persistence.object_id() == option::some(object_id), EInvalidBlobObject);
    };
    blob.certified_epoch.fill(epoch);
    events::emit_pooled_blob_certified(
        epoch,
        blob_id,
        blob.deletable,
        object_id,
        blob.storage_pool_id,
    );
}

/// Deletes a deletable blob; its bytes are free again.
public(package) fun delete_blob(
    self: &mut StoragePool,
    blob_id: u256,
    epoch: u32,
    n_shards: u16,
) {
    let blob = self.remove_blob(blob_id, n_shards);
    assert!(blob.deletable, EBlobNotDeletable);
    events::emit_pooled_blob_deleted(
        epoch,
        blob_id,
        object::id(&blob),
        blob.certified_epoch.is_some(),
        blob.storage_pool_id,
    );
    blob.burn();
}

/// Removes a blob, deletable or not.
public(package) fun burn_blob(self: &mut StoragePool, blob_id: u256, n_shards: u16) {
    self.remove_blob(blob_id, n_shards).burn();
}

fun remove_blob(self: &mut StoragePool, blob_id: u256, n_shards: u16): PooledBlob {
    let inner = self.inner_mut();
    let blob = inner.blobs.remove(blob_id);
    let encoded_size = encoding::encoded_blob_length(
        blob.unencoded_size,
        blob.encoding_type,
        n_shards,
    );
    inner.used_encoded_bytes = inner.used_encoded_bytes - encoded_size;
    inner.blob_count = inner.blob_count - 1;
    blob
}

fun burn(mut blob: PooledBlob) {
    if (dynamic_field::exists_(&blob.id, METADATA_DF)) {
        let _: Metadata = dynamic_field::remove(&mut blob.id, METADATA_DF);
    };
    let PooledBlob { id, .. } = blob;
    id.delete();
}

// === Attributes ===

/// Gives a blob attributes; it must have none.
public fun add_blob_metadata(self: &mut StoragePool, blob_id: u256, metadata: Metadata) {
    let blob = self.blob_uid_mut(blob_id);
    assert!(!dynamic_field::exists_(blob, METADATA_DF), EDuplicateMetadata);
    dynamic_field::add(blob, METADATA_DF, metadata)
}

/// Gives a blob attributes and returns those it had.
public fun add_or_replace_blob_metadata(
    self: &mut StoragePool,
    blob_id: u256,
    metadata: Metadata,
): Option<Metadata> {
    let old = if (dynamic_field::exists_(self.blob_uid_mut(blob_id), METADATA_DF)) {
        option::some(self.take_blob_metadata(blob_id))
    } else {
        option::none()
    };
    self.add_blob_metadata(blob_id, metadata);
    old
}

/// Takes the attributes off a blob.
public fun take_blob_metadata(self: &mut StoragePool, blob_id: u256): Metadata {
    let blob = self.blob_uid_mut(blob_id);
    assert!(dynamic_field::exists_(blob, METADATA_DF), EMissingMetadata);
    dynamic_field::remove(blob, METADATA_DF)
}

/// Sets one attribute of a blob.
public fun insert_or_update_blob_metadata_pair(
    self: &mut StoragePool,
    blob_id: u256,
    key: String,
    value: String,
) {
    if (!dynamic_field::exists_(self.blob_uid_mut(blob_id), METADATA_DF)) {
        self.add_blob_metadata(blob_id, metadata::new());
    };
    self.blob_metadata_mut(blob_id).insert_or_update(key, value)
}

/// Removes one attribute of a blob, which must be there.
public fun remove_blob_metadata_pair(
    self: &mut StoragePool,
    blob_id: u256,
    key: &String,
): (String, String) {
    self.blob_metadata_mut(blob_id).remove(key)
}

/// Removes one attribute of a blob if it is there.
public fun remove_blob_metadata_pair_if_exists(
    self: &mut StoragePool,
    blob_id: u256,
    key: &String,
): Option<String> {
    if (dynamic_field::exists_(self.blob_uid_mut(blob_id), METADATA_DF)) {
        self.blob_metadata_mut(blob_id).remove_if_exists(key)
    } else {
        option::none()
    }
}

fun blob_uid_mut(self: &mut StoragePool, blob_id: u256): &mut UID {
    &mut self.inner_mut().blobs.borrow_mut(blob_id).id
}

fun blob_metadata_mut(self: &mut StoragePool, blob_id: u256): &mut Metadata {
    let blob = self.blob_uid_mut(blob_id);
    assert!(dynamic_field::exists_(blob, METADATA_DF), EMissingMetadata);
    dynamic_field::borrow_mut(blob, METADATA_DF)
}
