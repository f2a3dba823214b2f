/// One shared display for each type, at an address that follows from the type.
module sui::display_registry;

use std::internal;
use std::string::String;
use sui::derived_object;
use sui::display::Display as LegacyDisplay;
use sui::package::Publisher;
use sui::vec_map::{Self, VecMap};

/// Who may move all older displays at once; on the localnet nobody has its key.
const SYSTEM_MIGRATION_ADDRESS: address =
    @0x80e8249451c1a94b0d4ec317d9dd040f11344dcce6f917218086caf2bb1d7bdd;

#[error(code = 0)]
const ENotSystemAddress: vector<u8> = b"Only the system makes the registry.";
#[error(code = 1)]
const EDisplayAlreadyExists: vector<u8> = b"There is a display for this type.";
#[error(code = 2)]
const ECapAlreadyClaimed: vector<u8> = b"The cap of this display was claimed before.";
#[error(code = 3)]
const ENotValidPublisher: vector<u8> = b"The publisher is of another package than the type.";
#[error(code = 4)]
const EFieldDoesNotExist: vector<u8> = b"The display has no field of this name.";
#[error(code = 5)]
const ECapNotClaimed: vector<u8> = b"An older display stays until the cap of the new one is claimed.";

/// The object at 0xd.
public struct DisplayRegistry has key {
    id: UID,
}

public struct SystemMigrationCap has key {
    id: UID,
}

public struct Display<phantom T> has key {
    id: UID,
    fields: VecMap<String, String>,
    /// none when the system moved it here
    cap_id: Option<ID>,
}

/// The right to change the display of `T`.
public struct DisplayCap<phantom T> has key, store {
    id: UID,
}

/// What the address of a `Display<T>` is derived from.
public struct DisplayKey<phantom T>() has copy, drop, store;

public fun new<T>(
    registry: &mut DisplayRegistry,
    _: internal::Permit<T>,
    ctx: &mut TxContext,
): (Display<T>, DisplayCap<T>) {
    registry.new_display(vec_map::empty(), ctx)
}

public fun new_with_publisher<T>(
    registry: &mut DisplayRegistry,
    publisher: &mut Publisher,
    ctx: &mut TxContext,
): (Display<T>, DisplayCap<T>) {
    assert!(publisher.from_package<T>(), ENotValidPublisher);
    registry.new_display(vec_map::empty(), ctx)
}

public fun unset<T>(display: &mut Display<T>, _: &DisplayCap<T>, name: String) {
    assert!(display.fields.contains(&name), EFieldDoesNotExist);
    display.fields.remove(&name);
}

/// Adds a field, or gives it another value.
public fun set<T>(display: &mut Display<T>, _: &DisplayCap<T>, name: String, value: String) {
    if (display.fields.contains(&name)) {
        display.fields.remove(&name);
    };
    display.fields.insert(name, value)
}

public fun clear<T>(display: &mut Display<T>, _: &DisplayCap<T>) {
    display.fields = vec_map::empty()
}

public fun share<T>(display: Display<T>) {
    transfer::share_object(display)
}

/// The cap of a display that the system moved here, for the older one.
public fun claim<T: key>(
    display: &mut Display<T>,
    legacy: LegacyDisplay<T>,
    ctx: &mut TxContext,
): DisplayCap<T> {
    legacy.destroy();
    display.new_cap(ctx)
}

public fun claim_with_publisher<T: key>(
    display: &mut Display<T>,
    publisher: &mut Publisher,
    ctx: &mut TxContext,
): DisplayCap<T> {
    assert!(display.cap_id.is_none(), ECapAlreadyClaimed);
    assert!(publisher.from_package<T>(), ENotValidPublisher);
    display.new_cap(ctx)
}

public fun system_migration<T: key>(
    registry: &mut DisplayRegistry,
    _: &SystemMigrationCap,
    keys: vector<String>,
    values: vector<String>,
    _ctx: &mut TxContext,
) {
    let key = DisplayKey<T>();
    if (derived_object::exists(&registry.id, key)) return;
    transfer::share_object(Display<T> {
        id: derived_object::claim(&mut registry.id, key),
        fields: vec_map::from_keys_values(keys, values),
        cap_id: option::none(),
    })
}

/// Takes an older display into the registry.
public fun migrate_v1_to_v2<T: key>(
    registry: &mut DisplayRegistry,
    legacy: LegacyDisplay<T>,
    ctx: &mut TxContext,
): (Display<T>, DisplayCap<T>) {
    let fields = *legacy.fields();
    legacy.destroy();
    registry.new_display(fields, ctx)
}

entry fun destroy_system_migration_cap(cap: SystemMigrationCap) {
    let SystemMigrationCap { id } = cap;
    id.delete()
}

entry fun transfer_migration_cap(cap: SystemMigrationCap, recipient: address) {
    transfer::transfer(cap, recipient)
}

public fun delete_legacy<T: key>(display: &Display<T>, legacy: LegacyDisplay<T>) {
    assert!(display.cap_id.is_some(), ECapNotClaimed);
    legacy.destroy()
}

public fun fields<T>(display: &Display<T>): &VecMap<String, String> {
    &display.fields
}

public fun cap_id<T>(display: &Display<T>): Option<ID> {
    display.cap_id
}

fun new_display<T>(
    registry: &mut DisplayRegistry,
    fields: VecMap<String, String>,
    ctx: &mut TxContext,
): (Display<T>, DisplayCap<T>) {
    let key = DisplayKey<T>();
    assert!(!derived_object::exists(&registry.id, key), EDisplayAlreadyExists);
    let mut display = Display {
        id: derived_object::claim(&mut registry.id, key),
        fields,
        cap_id: option::none(),
    };
    let cap = display.new_cap(ctx);
    (display, cap)
}

fun new_cap<T>(display: &mut Display<T>, ctx: &mut TxContext): DisplayCap<T> {
    assert!(display.cap_id.is_none(), ECapAlreadyClaimed);
    let cap = DisplayCap { id: object::new(ctx) };
    display.cap_id.fill(object::id(&cap));
    cap
}

#[allow(unused_function)]
fun create(ctx: &mut TxContext) {
    assert!(ctx.sender() == @0x0, ENotSystemAddress);
    transfer::share_object(DisplayRegistry { id: object::sui_display_registry_object_id() });
    transfer::transfer(SystemMigrationCap { id: object::new(ctx) }, SYSTEM_MIGRATION_ADDRESS)
}
