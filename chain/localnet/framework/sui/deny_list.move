/// Who may not use which regulated coin. Denials hold for inputs at once, for receiving from the next epoch on.
module sui::deny_list;

use sui::bag::{Self, Bag};
use sui::config::{Self, Config};
use sui::dynamic_object_field as object_field;
use sui::event;
use sui::table::{Self, Table};
use sui::vec_set::{Self, VecSet};

const ENotSystemAddress: u64 = 0;
const ENotDenied: u64 = 1;
const EInvalidAddress: u64 = 1;

/// Position of coins among the lists of the first version.
const COIN_INDEX: u64 = 0;

/// Well-known packages and objects.
const RESERVED: vector<address> = vector[
    @0x0,
    @0x1,
    @0x2,
    @0x3,
    @0x4,
    @0x5,
    @0x6,
    @0x7,
    @0x8,
    @0x9,
    @0xA,
    @0xB,
    @0xC,
    @0xD,
    @0xE,
    @0xF,
    @0x403,
    @0xDEE9,
];

public struct DenyList has key {
    id: UID,
    lists: Bag,
}

/// Only this module writes the settings.
public struct ConfigWriteCap() has drop;

/// Names the settings of one type.
public struct ConfigKey has copy, drop, store {
    per_type_index: u64,
    per_type_key: vector<u8>,
}

/// Names the setting of an address.
public struct AddressKey(address) has copy, drop, store;

/// Names the setting that stops everybody.
public struct GlobalPauseKey() has copy, drop, store;

public struct PerTypeConfigCreated has copy, drop, store {
    key: ConfigKey,
    config_id: ID,
}

/// The lists of the first version.
public struct PerTypeList has key, store {
    id: UID,
    /// in how many types' lists an address is
    denied_count: Table<address, u64>,
    denied_addresses: Table<vector<u8>, VecSet<address>>,
}

public(package) fun v2_add(
    deny_list: &mut DenyList,
    per_type_index: u64,
    per_type_key: vector<u8>,
    addr: address,
    ctx: &mut TxContext,
) {
    deny_list.set(per_type_index, per_type_key, AddressKey(addr), ctx)
}

public(package) fun v2_remove(
    deny_list: &mut DenyList,
    per_type_index: u64,
    per_type_key: vector<u8>,
    addr: address,
    ctx: &mut TxContext,
) {
    deny_list.unset(per_type_index, per_type_key, AddressKey(addr), ctx)
}

public(package) fun v2_contains_current_epoch(
    deny_list: &DenyList,
    per_type_index: u64,
    per_type_key: vector<u8>,
    addr: address,
    ctx: &TxContext,
): bool {
    deny_list.is_set_now(per_type_index, per_type_key, AddressKey(addr), ctx)
}

public(package) fun v2_contains_next_epoch(
    deny_list: &DenyList,
    per_type_index: u64,
    per_type_key: vector<u8>,
    addr: address,
): bool {
    deny_list.is_set_next(per_type_index, per_type_key, AddressKey(addr))
}

public(package) fun v2_enable_global_pause(
    deny_list: &mut DenyList,
    per_type_index: u64,
    per_type_key: vector<u8>,
    ctx: &mut TxContext,
) {
    deny_list.set(per_type_index, per_type_key, GlobalPauseKey(), ctx)
}

public(package) fun v2_disable_global_pause(
    deny_list: &mut DenyList,
    per_type_index: u64,
    per_type_key: vector<u8>,
    ctx: &mut TxContext,
) {
    deny_list.unset(per_type_index, per_type_key, GlobalPauseKey(), ctx)
}

public(package) fun v2_is_global_pause_enabled_current_epoch(
    deny_list: &DenyList,
    per_type_index: u64,
    per_type_key: vector<u8>,
    ctx: &TxContext,
): bool {
    deny_list.is_set_now(per_type_index, per_type_key, GlobalPauseKey(), ctx)
}

public(package) fun v2_is_global_pause_enabled_next_epoch(
    deny_list: &DenyList,
    per_type_index: u64,
    per_type_key: vector<u8>,
): bool {
    deny_list.is_set_next(per_type_index, per_type_key, GlobalPauseKey())
}

/// Takes a type's addresses from the first version's list into settings.
public(package) fun migrate_v1_to_v2(
    deny_list: &mut DenyList,
    per_type_index: u64,
    per_type_key: vector<u8>,
    ctx: &mut TxContext,
) {
    let list: &mut PerTypeList = deny_list.lists.borrow_mut(per_type_index);
    let mut denied = vector[];
    if (list.denied_addresses.contains(per_type_key)) {
        denied = list.denied_addresses.remove(per_type_key).into_keys();
        denied.do_ref!(|addr| list.count_down(*addr));
    };
    deny_list.ensure_config(per_type_index, per_type_key, ctx);
    denied.do!(|addr| deny_list.v2_add(per_type_index, per_type_key, addr, ctx))
}

public(package) fun v1_add(
    deny_list: &mut DenyList,
    per_type_index: u64,
    `type`: vector<u8>,
    addr: address,
) {
    assert!(!is_reserved(&addr), EInvalidAddress);
    let list: &mut PerTypeList = deny_list.lists.borrow_mut(per_type_index);
    if (!list.denied_addresses.contains(`type`)) {
        list.denied_addresses.add(`type`, vec_set::empty())
    };
    let denied = list.denied_addresses.borrow_mut(`type`);
    if (denied.contains(&addr)) return;
    denied.insert(addr);
    if (!list.denied_count.contains(addr)) list.denied_count.add(addr, 0);
    let count = list.denied_count.borrow_mut(addr);
    *count = *count + 1
}

public(package) fun v1_remove(
    deny_list: &mut DenyList,
    per_type_index: u64,
    `type`: vector<u8>,
    addr: address,
) {
    assert!(!is_reserved(&addr), EInvalidAddress);
    let list: &mut PerTypeList = deny_list.lists.borrow_mut(per_type_index);
    let denied = list.denied_addresses.borrow_mut(`type`);
    assert!(denied.contains(&addr), ENotDenied);
    denied.remove(&addr);
    list.count_down(addr)
}

public(package) fun v1_contains(
    deny_list: &DenyList,
    per_type_index: u64,
    `type`: vector<u8>,
    addr: address,
): bool {
    if (is_reserved(&addr)) return false;
    let list: &PerTypeList = deny_list.lists.borrow(per_type_index);
    list.denied_count.contains(addr) &&
    list.denied_addresses.contains(`type`) &&
    list.denied_addresses.borrow(`type`).contains(&addr)
}

#[allow(unused_function)]
fun create(ctx: &mut TxContext) {
    assert!(ctx.sender() == @0x0, ENotSystemAddress);
    let mut lists = bag::new(ctx);
    let coins = PerTypeList {
        id: object::new(ctx),
        denied_count: table::new(ctx),
        denied_addresses: table::new(ctx),
    };
    lists.add(COIN_INDEX, coins);
    transfer::share_object(DenyList { id: object::sui_deny_list_object_id(), lists })
}

fun set<Name: copy + drop + store>(
    deny_list: &mut DenyList,
    per_type_index: u64,
    per_type_key: vector<u8>,
    name: Name,
    ctx: &mut TxContext,
) {
    deny_list.ensure_config(per_type_index, per_type_key, ctx);
    let config = deny_list.config_mut(per_type_index, per_type_key);
    if (!config.exists_with_type_for_next_epoch<_, Name, bool>(name, ctx)) {
        config.add_for_next_epoch(&mut ConfigWriteCap(), name, true, ctx);
    };
    *config.borrow_for_next_epoch_mut(&mut ConfigWriteCap(), name, ctx) = true
}

fun unset<Name: copy + drop + store>(
    deny_list: &mut DenyList,
    per_type_index: u64,
    per_type_key: vector<u8>,
    name: Name,
    ctx: &mut TxContext,
) {
    deny_list.ensure_config(per_type_index, per_type_key, ctx);
    let config = deny_list.config_mut(per_type_index, per_type_key);
    config.remove_for_next_epoch<_, Name, bool>(&mut ConfigWriteCap(), name, ctx);
}

fun is_set_now<Name: copy + drop + store>(
    deny_list: &DenyList,
    per_type_index: u64,
    per_type_key: vector<u8>,
    name: Name,
    ctx: &TxContext,
): bool {
    let key = ConfigKey { per_type_index, per_type_key };
    if (!object_field::exists_(&deny_list.id, key)) return false;
    let config: &Config<ConfigWriteCap> = object_field::internal_borrow(&deny_list.id, key);
    config::read_setting(object::id(config), name, ctx).destroy_or!(false)
}

fun is_set_next<Name: copy + drop + store>(
    deny_list: &DenyList,
    per_type_index: u64,
    per_type_key: vector<u8>,
    name: Name,
): bool {
    let key = ConfigKey { per_type_index, per_type_key };
    if (!object_field::exists_(&deny_list.id, key)) return false;
    let config: &Config<ConfigWriteCap> = object_field::internal_borrow(&deny_list.id, key);
    config.read_setting_for_next_epoch(name).destroy_or!(false)
}

fun ensure_config(
    deny_list: &mut DenyList,
    per_type_index: u64,
    per_type_key: vector<u8>,
    ctx: &mut TxContext,
) {
    let key = ConfigKey { per_type_index, per_type_key };
    if (object_field::exists_(&deny_list.id, key)) return;
    let config = config::new(&mut ConfigWriteCap(), ctx);
    event::emit(PerTypeConfigCreated { key, config_id: object::id(&config) });
    object_field::internal_add(&mut deny_list.id, key, config)
}

fun config_mut(
    deny_list: &mut DenyList,
    per_type_index: u64,
    per_type_key: vector<u8>,
): &mut Config<ConfigWriteCap> {
    let key = ConfigKey { per_type_index, per_type_key };
    object_field::internal_borrow_mut(&mut deny_list.id, key)
}

fun is_reserved(addr: &address): bool {
    let reserved = RESERVED;
    reserved.contains(addr)
}

fun count_down(list: &mut PerTypeList, addr: address) {
    let count = list.denied_count.borrow_mut(addr);
    *count = *count - 1;
    if (*count == 0) {
        list.denied_count.remove(addr);
    }
}

#[test_only]
public fun new_for_testing(ctx: &mut TxContext): DenyList {
    let mut lists = bag::new(ctx);
    let coins = PerTypeList {
        id: object::new(ctx),
        denied_count: table::new(ctx),
        denied_addresses: table::new(ctx),
    };
    lists.add(COIN_INDEX, coins);
    DenyList { id: object::new(ctx), lists }
}
