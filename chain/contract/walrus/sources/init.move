/// Brings a network to life after the package was published.
module walrus::init;

use std::type_name;
use sui::clock::Clock;
use sui::package::{Self, Publisher, UpgradeCap};
use walrus::display;
use walrus::events;
use walrus::slashing;
use walrus::staking::{Self, Staking};
use walrus::system::{Self, System};
use walrus::upgrade::{Self, EmergencyUpgradeCap};

/// System and staking would not be of one package and version.
const EInvalidMigration: u64 = 0;
/// The upgrade capability is another package's.
const EInvalidUpgradeCap: u64 = 1;
/// The function has a successor.
const EDeprecatedFunction: u64 = 2;

/// One-time witness.
public struct INIT has drop {}

/// The right to initialize, once; the publisher gets it.
public struct InitCap has key, store {
    id: UID,
    publisher: Publisher,
}

fun init(otw: INIT, ctx: &mut TxContext) {
    let publisher = package::claim(otw, ctx);
    transfer::transfer(InitCap { id: object::new(ctx), publisher }, ctx.sender());
}

/// Shares the system and the staking object and how objects are shown, and locks the upgrade capability up. Durations
/// are in ms.
public fun initialize_walrus(
    init_cap: InitCap,
    upgrade_cap: UpgradeCap,
    epoch_zero_duration: u64,
    epoch_duration: u64,
    n_shards: u16,
    max_epochs_ahead: u32,
    clock: &Clock,
    ctx: &mut TxContext,
): EmergencyUpgradeCap {
    let own_package = type_name::with_defining_ids<InitCap>().address_string();
    assert!(
        own_package == upgrade_cap.package().to_address().to_ascii_string(),
        EInvalidUpgradeCap,
    );
    initialize(
        init_cap,
        upgrade_cap,
        epoch_zero_duration,
        epoch_duration,
        n_shards,
        max_epochs_ahead,
        clock,
        ctx,
    )
}

fun initialize(
    init_cap: InitCap,
    upgrade_cap: UpgradeCap,
    epoch_zero_duration: u64,
    epoch_duration: u64,
    n_shards: u16,
    max_epochs_ahead: u32,
    clock: &Clock,
    ctx: &mut TxContext,
): EmergencyUpgradeCap {
    let InitCap { id, publisher } = init_cap;
    id.delete();
    let package_id = upgrade_cap.package();
    system::create_empty(max_epochs_ahead, package_id, ctx);
    staking::create(epoch_zero_duration, epoch_duration, n_shards, package_id, clock, ctx);
    slashing::new(ctx);
    display::create(publisher, ctx);
    upgrade::new(upgrade_cap, ctx)
}

/// Deprecated: aborts.
public fun migrate(_staking: &mut Staking, _system: &mut System) {
    abort EDeprecatedFunction
}

/// After an upgrade was committed: moves both objects to the new package.
entry fun migrate_v2(staking: &mut Staking, system: &mut System, _ctx: &mut TxContext) {
    staking.migrate();
    system.migrate();
    assert!(staking.package_id() == system.package_id(), EInvalidMigration);
    assert!(staking.version() == system.version(), EInvalidMigration);
    events::emit_contract_upgraded(staking.epoch(), staking.package_id(), staking.version());
}

#[test_only]
public fun migrate_for_testing(staking: &mut Staking, system: &mut System, ctx: &mut TxContext) {
    migrate_v2(staking, system, ctx)
}

#[test_only]
public fun init_for_testing(ctx: &mut TxContext) { init(INIT {}, ctx) }

/// In tests the package's address is 0x0, which is no upgrade capability's.
#[test_only]
public fun initialize_for_testing(
    init_cap: InitCap,
    upgrade_cap: UpgradeCap,
    epoch_zero_duration: u64,
    epoch_duration: u64,
    n_shards: u16,
    max_epochs_ahead: u32,
    clock: &Clock,
    ctx: &mut TxContext,
): EmergencyUpgradeCap {
    initialize(
        init_cap,
        upgrade_cap,
        epoch_zero_duration,
        epoch_duration,
        n_shards,
        max_epochs_ahead,
        clock,
        ctx,
    )
}
