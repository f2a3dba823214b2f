/// How wallets and explorers show the objects that users own: one template per type, and the right to change them,
/// in one shared object.
module walrus::display;

use std::type_name;
use sui::display::{Self, Display};
use sui::object_bag::{Self, ObjectBag};
use sui::package::Publisher;
use walrus::blob::Blob;
use walrus::staked_wal::StakedWal;
use walrus::storage_resource::Storage;

/// Shared. Templates are under their types' names.
public struct ObjectDisplay has key {
    id: UID,
    inner: ObjectBag,
}

/// Where the publisher is.
public struct PublisherKey() has copy, drop, store;

/// Shares the templates. An upgrade of this package can change them: it has the publisher.
public(package) fun create(publisher: Publisher, ctx: &mut TxContext) {
    let mut inner = object_bag::new(ctx);
    let blob: Display<Blob> = template(
        &publisher,
        b"Blob of {size} bytes",
        b"Registered in epoch {registered_epoch}, certified in {certified_epoch}, deletable: {deletable}",
        ctx,
    );
    inner.add(type_name::with_defining_ids<Blob>(), blob);
    let storage: Display<Storage> = template(
        &publisher,
        b"Storage for {storage_size} bytes",
        b"From epoch {start_epoch} until {end_epoch}",
        ctx,
    );
    inner.add(type_name::with_defining_ids<Storage>(), storage);
    let staked: Display<StakedWal> = template(
        &publisher,
        b"Stake of {principal} FROST",
        b"With the node {node_id}, from epoch {activation_epoch} on",
        ctx,
    );
    inner.add(type_name::with_defining_ids<StakedWal>(), staked);
    inner.add(PublisherKey(), publisher);
    transfer::share_object(ObjectDisplay { id: object::new(ctx), inner })
}

fun template<T: key>(
    publisher: &Publisher,
    name: vector<u8>,
    description: vector<u8>,
    ctx: &mut TxContext,
): Display<T> {
    let mut display = display::new(publisher, ctx);
    display.add(b"name".to_string(), name.to_string());
    display.add(b"description".to_string(), description.to_string());
    display.update_version();
    display
}
