/// Settings that change with the epoch: what is written now is read from the next epoch on.
module sui::config;

use sui::dynamic_field::{Self as field, Field};

const EAlreadySetForEpoch: u64 = 0;
const ENotSetForEpoch: u64 = 1;
#[allow(unused_const)]
const EBCSSerializationFailure: u64 = 2;

public struct Config<phantom WriteCap> has key {
    id: UID,
}

public struct Setting<Value: copy + drop + store> has drop, store {
    data: Option<SettingData<Value>>,
}

public struct SettingData<Value: copy + drop + store> has drop, store {
    newer_value_epoch: u64,
    newer_value: Option<Value>,
    older_value_opt: Option<Value>,
}

public(package) fun new<WriteCap>(_cap: &mut WriteCap, ctx: &mut TxContext): Config<WriteCap> {
    Config { id: object::new(ctx) }
}

/// Sets a value for the next epoch; it must not have been set in this one. Answers the one that fell out.
#[allow(unused_mut_parameter)]
public(package) fun add_for_next_epoch<
    WriteCap,
    Name: copy + drop + store,
    Value: copy + drop + store,
>(
    config: &mut Config<WriteCap>,
    _cap: &mut WriteCap,
    name: Name,
    value: Value,
    ctx: &mut TxContext,
): Option<Value> {
    let epoch = ctx.epoch();
    if (!field::exists_(&config.id, name)) {
        let data = SettingData {
            newer_value_epoch: epoch,
            newer_value: option::some(value),
            older_value_opt: option::none(),
        };
        field::add(&mut config.id, name, Setting { data: option::some(data) });
        return option::none()
    };
    let setting: &mut Setting<Value> = field::borrow_mut(&mut config.id, name);
    let SettingData { newer_value_epoch, newer_value, older_value_opt } = setting.data.extract();
    let is_newer = epoch > newer_value_epoch;
    assert!(is_newer || newer_value.is_none(), EAlreadySetForEpoch);
    let (older_value_opt, dropped) = if (is_newer) (newer_value, older_value_opt)
    else (older_value_opt, option::none());
    setting
        .data
        .fill(SettingData {
            newer_value_epoch: epoch,
            newer_value: option::some(value),
            older_value_opt,
        });
    dropped
}

/// No value from the next epoch on. Answers the one that was to come.
#[allow(unused_mut_parameter)]
public(package) fun remove_for_next_epoch<
    WriteCap,
    Name: copy + drop + store,
    Value: copy + drop + store,
>(
    config: &mut Config<WriteCap>,
    _cap: &mut WriteCap,
    name: Name,
    ctx: &mut TxContext,
): Option<Value> {
    if (!field::exists_(&config.id, name)) return option::none();
    let epoch = ctx.epoch();
    let setting: &mut Setting<Value> = field::borrow_mut(&mut config.id, name);
    let SettingData { newer_value_epoch, newer_value, older_value_opt } = setting.data.extract();
    let (older_value_opt, removed) = if (epoch > newer_value_epoch) (newer_value, option::none())
    else (older_value_opt, newer_value);
    let is_empty = older_value_opt.is_none();
    setting
        .data
        .fill(SettingData {
            newer_value_epoch: epoch,
            newer_value: option::none(),
            older_value_opt,
        });
    if (is_empty) {
        field::remove<Name, Setting<Value>>(&mut config.id, name);
    };
    removed
}

public(package) fun exists_with_type_for_next_epoch<
    WriteCap,
    Name: copy + drop + store,
    Value: copy + drop + store,
>(
    config: &Config<WriteCap>,
    name: Name,
    ctx: &TxContext,
): bool {
    if (!field::exists_with_type<Name, Setting<Value>>(&config.id, name)) return false;
    let setting: &Setting<Value> = field::borrow(&config.id, name);
    let data = setting.data.borrow();
    data.newer_value_epoch == ctx.epoch() && data.newer_value.is_some()
}

#[allow(unused_mut_parameter)]
public(package) fun borrow_for_next_epoch_mut<
    WriteCap,
    Name: copy + drop + store,
    Value: copy + drop + store,
>(
    config: &mut Config<WriteCap>,
    _cap: &mut WriteCap,
    name: Name,
    ctx: &mut TxContext,
): &mut Value {
    let epoch = ctx.epoch();
    let setting: &mut Setting<Value> = field::borrow_mut(&mut config.id, name);
    let data = setting.data.borrow_mut();
    assert!(data.newer_value_epoch == epoch && data.newer_value.is_some(), ENotSetForEpoch);
    data.newer_value.borrow_mut()
}

public(package) fun read_setting_for_next_epoch<
    WriteCap,
    Name: copy + drop + store,
    Value: copy + drop + store,
>(
    config: &Config<WriteCap>,
    name: Name,
): Option<Value> {
    if (!field::exists_with_type<Name, Setting<Value>>(&config.id, name)) return option::none();
    let setting: &Setting<Value> = field::borrow(&config.id, name);
    setting.data.borrow().newer_value
}

public(package) fun read_setting<Name: copy + drop + store, Value: copy + drop + store>(
    config: ID,
    name: Name,
    ctx: &TxContext,
): Option<Value> {
    let parent = config.to_address();
    read_setting_impl<Field<Name, Setting<Value>>, Setting<Value>, SettingData<Value>, Value>(
        parent,
        field::hash_type_and_key(parent, name),
        ctx.epoch(),
    )
}

/// The value that counts in the epoch: the newer one when it was set in an earlier epoch, else the older one.
native fun read_setting_impl<
    FieldSettingValue: key,
    SettingValue: store,
    SettingDataValue: store,
    Value: copy + drop + store,
>(
    config: address,
    name: address,
    current_epoch: u64,
): Option<Value>;
