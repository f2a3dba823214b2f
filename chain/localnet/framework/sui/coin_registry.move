/// One shared record for each currency, at an address that follows from its type.
module sui::coin_registry;

use std::ascii;
use std::string::String;
use std::type_name::TypeName;
use sui::bag::{Self, Bag};
use sui::balance::{Balance, Supply};
use sui::coin::{Self, Coin, CoinMetadata, DenyCapV2, RegulatedCoinMetadata, TreasuryCap};
use sui::derived_object;
use sui::dynamic_object_field as object_field;
use sui::transfer::Receiving;
use sui::types;
use sui::vec_map::{Self, VecMap};

public use fun make_supply_fixed_init as CurrencyInitializer.make_supply_fixed;
public use fun make_supply_burn_only_init as CurrencyInitializer.make_supply_burn_only;

#[error(code = 0)]
const EMetadataCapAlreadyClaimed: vector<u8> = b"The metadata cap was claimed before.";
#[error(code = 1)]
const ENotSystemAddress: vector<u8> = b"Only the system makes the registry.";
#[error(code = 2)]
const ECurrencyAlreadyExists: vector<u8> = b"There is a currency of this type.";
#[error(code = 3)]
const EDenyListStateAlreadySet: vector<u8> = b"Whether the currency is regulated is known.";
#[error(code = 5)]
const ECannotUpdateManagedMetadata: vector<u8> = b"The owner of the metadata cap alone changes this.";
#[error(code = 6)]
const EInvalidSymbol: vector<u8> = b"A symbol is made of printable ASCII.";
#[error(code = 7)]
const EDenyCapAlreadyCreated: vector<u8> = b"There is a deny cap.";
#[error(code = 8)]
const ECurrencyAlreadyRegistered: vector<u8> = b"The currency is in the registry.";
#[error(code = 9)]
const EEmptySupply: vector<u8> = b"A supply that is fixed cannot be empty.";
#[error(code = 10)]
const ESupplyNotBurnOnly: vector<u8> = b"The supply is not one that only burns.";
#[error(code = 11)]
const EInvariantViolation: vector<u8> = b"This cannot happen.";
#[error(code = 12)]
const EDeletionNotSupported: vector<u8> = b"Older metadata stays.";
#[error(code = 13)]
const ENotOneTimeWitness: vector<u8> = b"The witness is not a one-time witness.";
#[error(code = 14)]
const EBorrowLegacyMetadata: vector<u8> = b"Only currencies of the registry lend older metadata.";

/// The version of regulation that `DenyCapV2` stands for.
const REGULATED_COIN_VERSION: u8 = 0;

/// The object at 0xc.
public struct CoinRegistry has key {
    id: UID,
}

#[allow(unused_field)]
public struct ExtraField(TypeName, vector<u8>) has store;

/// What the address of a `Currency<T>` is derived from.
public struct CurrencyKey<phantom T>() has copy, drop, store;

/// Names the older metadata below a currency.
public struct LegacyMetadataKey() has copy, drop, store;

/// The right to change name, description and icon.
public struct MetadataCap<phantom T> has key, store {
    id: UID,
}

/// Makes sure that borrowed metadata comes back.
public struct Borrow<phantom T> {}

public struct Currency<phantom T> has key {
    id: UID,
    decimals: u8,
    name: String,
    symbol: String,
    description: String,
    icon_url: String,
    supply: Option<SupplyState<T>>,
    regulated: RegulatedState,
    treasury_cap_id: Option<ID>,
    metadata_cap_id: MetadataCapState,
    extra_fields: VecMap<String, ExtraField>,
}

public enum SupplyState<phantom T> has store {
    /// neither mints nor burns
    Fixed(Supply<T>),
    /// burns
    BurnOnly(Supply<T>),
    /// a treasury cap decides
    Unknown,
}

public enum RegulatedState has copy, drop, store {
    Regulated { cap: ID, allow_global_pause: Option<bool>, variant: u8 },
    Unregulated,
    /// from the time before the registry
    Unknown,
}

public enum MetadataCapState has copy, drop, store {
    Claimed(ID),
    Unclaimed,
    Deleted,
}

/// A currency that is being made; `finalize` ends it.
public struct CurrencyInitializer<phantom T> {
    currency: Currency<T>,
    extra_fields: Bag,
    is_otw: bool,
}

/// For a type of the calling module; at any time, once.
public fun new_currency<T: key>(
    registry: &mut CoinRegistry,
    decimals: u8,
    symbol: String,
    name: String,
    description: String,
    icon_url: String,
    ctx: &mut TxContext,
): (CurrencyInitializer<T>, TreasuryCap<T>) {
    assert!(!registry.exists<T>(), ECurrencyAlreadyExists);
    check_symbol(&symbol);
    let cap = coin::new_treasury_cap(ctx);
    let currency = currency!<T>(
        derived_object::claim(&mut registry.id, CurrencyKey<T>()),
        decimals,
        symbol,
        name,
        description,
        icon_url,
        RegulatedState::Unregulated,
        option::some(object::id(&cap)),
    );
    (CurrencyInitializer { currency, extra_fields: bag::new(ctx), is_otw: false }, cap)
}

/// For a one-time witness, in an initializer: `finalize` sends the currency to the registry, which anyone then
/// lets receive it with `finalize_registration`.
public fun new_currency_with_otw<T: drop>(
    otw: T,
    decimals: u8,
    symbol: String,
    name: String,
    description: String,
    icon_url: String,
    ctx: &mut TxContext,
): (CurrencyInitializer<T>, TreasuryCap<T>) {
    assert!(types::is_one_time_witness(&otw), ENotOneTimeWitness);
    check_symbol(&symbol);
    let cap = coin::new_treasury_cap(ctx);
    let currency = currency!<T>(
        object::new(ctx),
        decimals,
        symbol,
        name,
        description,
        icon_url,
        RegulatedState::Unregulated,
        option::some(object::id(&cap)),
    );
    (CurrencyInitializer { currency, extra_fields: bag::new(ctx), is_otw: true }, cap)
}

public fun claim_metadata_cap<T>(
    currency: &mut Currency<T>,
    _: &TreasuryCap<T>,
    ctx: &mut TxContext,
): MetadataCap<T> {
    assert!(!currency.is_metadata_cap_claimed(), EMetadataCapAlreadyClaimed);
    currency.new_metadata_cap(ctx)
}

/// The issuer may deny addresses the use of the currency.
public fun make_regulated<T>(
    init: &mut CurrencyInitializer<T>,
    allow_global_pause: bool,
    ctx: &mut TxContext,
): DenyCapV2<T> {
    assert!(init.currency.regulated == RegulatedState::Unregulated, EDenyCapAlreadyCreated);
    let cap = coin::new_deny_cap_v2(allow_global_pause, ctx);
    init.currency.migrate_regulated_state_by_cap(&cap);
    cap
}

public fun make_supply_fixed_init<T>(init: &mut CurrencyInitializer<T>, cap: TreasuryCap<T>) {
    assert!(cap.total_supply() > 0, EEmptySupply);
    init.currency.make_supply_fixed(cap)
}

public fun make_supply_burn_only_init<T>(init: &mut CurrencyInitializer<T>, cap: TreasuryCap<T>) {
    assert!(cap.total_supply() > 0, EEmptySupply);
    init.currency.make_supply_burn_only(cap)
}

/// Gives up the treasury cap.
public fun make_supply_fixed<T>(currency: &mut Currency<T>, cap: TreasuryCap<T>) {
    currency.replace_supply(SupplyState::Fixed(cap.treasury_into_supply()))
}

/// Gives up the treasury cap; anyone can burn.
public fun make_supply_burn_only<T>(currency: &mut Currency<T>, cap: TreasuryCap<T>) {
    currency.replace_supply(SupplyState::BurnOnly(cap.treasury_into_supply()))
}

#[allow(lint(share_owned))]
public fun finalize<T>(builder: CurrencyInitializer<T>, ctx: &mut TxContext): MetadataCap<T> {
    let CurrencyInitializer { mut currency, extra_fields, is_otw } = builder;
    extra_fields.destroy_empty();
    let cap = currency.new_metadata_cap(ctx);
    if (is_otw) {
        let metadata = currency.to_legacy_metadata(ctx);
        object_field::add(&mut currency.id, LegacyMetadataKey(), metadata);
        transfer::transfer(currency, object::sui_coin_registry_address())
    } else {
        transfer::share_object(currency)
    };
    cap
}

/// Gives a currency that was sent to the registry its derived address.
public fun finalize_registration<T>(
    registry: &mut CoinRegistry,
    currency: Receiving<Currency<T>>,
    _ctx: &mut TxContext,
) {
    let Currency {
        mut id,
        decimals,
        name,
        symbol,
        description,
        icon_url,
        supply,
        regulated,
        treasury_cap_id,
        metadata_cap_id,
        extra_fields,
    } = transfer::receive(&mut registry.id, currency);
    if (object_field::exists_(&id, LegacyMetadataKey())) {
        let metadata: CoinMetadata<T> = object_field::remove(&mut id, LegacyMetadataKey());
        metadata.destroy_metadata()
    };
    id.delete();
    transfer::share_object(Currency {
        id: derived_object::claim(&mut registry.id, CurrencyKey<T>()),
        decimals,
        name,
        symbol,
        description,
        icon_url,
        supply,
        regulated,
        treasury_cap_id,
        metadata_cap_id,
        extra_fields,
    })
}

/// Nobody changes the metadata any more.
public fun delete_metadata_cap<T>(currency: &mut Currency<T>, cap: MetadataCap<T>) {
    let MetadataCap { id } = cap;
    id.delete();
    currency.metadata_cap_id = MetadataCapState::Deleted
}

public fun burn<T>(currency: &mut Currency<T>, coin: Coin<T>) {
    currency.burn_balance(coin.into_balance())
}

public fun burn_balance<T>(currency: &mut Currency<T>, balance: Balance<T>) {
    assert!(currency.is_supply_burn_only(), ESupplyNotBurnOnly);
    match (currency.supply.borrow_mut()) {
        SupplyState::BurnOnly(supply) => { supply.decrease_supply(balance); },
        _ => abort EInvariantViolation,
    }
}

public fun set_name<T>(currency: &mut Currency<T>, _: &MetadataCap<T>, name: String) {
    currency.name = name
}

public fun set_description<T>(currency: &mut Currency<T>, _: &MetadataCap<T>, description: String) {
    currency.description = description
}

public fun set_icon_url<T>(currency: &mut Currency<T>, _: &MetadataCap<T>, icon_url: String) {
    currency.icon_url = icon_url
}

public fun set_treasury_cap_id<T>(currency: &mut Currency<T>, cap: &TreasuryCap<T>) {
    currency.treasury_cap_id.fill(object::id(cap))
}

/// Takes an older currency into the registry.
public fun migrate_legacy_metadata<T>(
    registry: &mut CoinRegistry,
    legacy: &CoinMetadata<T>,
    _ctx: &mut TxContext,
) {
    assert!(!registry.exists<T>(), ECurrencyAlreadyRegistered);
    let symbol = legacy.get_symbol().to_string();
    check_symbol(&symbol);
    transfer::share_object(currency!<T>(
        derived_object::claim(&mut registry.id, CurrencyKey<T>()),
        legacy.get_decimals(),
        symbol,
        legacy.get_name(),
        legacy.get_description(),
        icon_of(legacy),
        RegulatedState::Unknown,
        option::none(),
    ))
}

/// Follows older metadata, until a metadata cap is claimed.
public fun update_from_legacy_metadata<T>(currency: &mut Currency<T>, legacy: &CoinMetadata<T>) {
    assert!(!currency.is_metadata_cap_claimed(), ECannotUpdateManagedMetadata);
    currency.decimals = legacy.get_decimals();
    currency.name = legacy.get_name();
    currency.symbol = legacy.get_symbol().to_string();
    currency.description = legacy.get_description();
    currency.icon_url = icon_of(legacy)
}

public fun delete_migrated_legacy_metadata<T>(_: &mut Currency<T>, _: CoinMetadata<T>) {
    abort EDeletionNotSupported
}

public fun migrate_regulated_state_by_metadata<T>(
    currency: &mut Currency<T>,
    metadata: &RegulatedCoinMetadata<T>,
) {
    assert!(currency.regulated == RegulatedState::Unknown, EDenyListStateAlreadySet);
    currency.regulated =
        RegulatedState::Regulated {
            cap: metadata.deny_cap_id(),
            allow_global_pause: option::none(),
            variant: REGULATED_COIN_VERSION,
        }
}

public fun migrate_regulated_state_by_cap<T>(currency: &mut Currency<T>, cap: &DenyCapV2<T>) {
    currency.regulated =
        RegulatedState::Regulated {
            cap: object::id(cap),
            allow_global_pause: option::some(cap.allow_global_pause()),
            variant: REGULATED_COIN_VERSION,
        }
}

/// Older metadata for calls that still want it; it keeps its ID from one borrowing to the next.
public fun borrow_legacy_metadata<T>(
    currency: &mut Currency<T>,
    ctx: &mut TxContext,
): (CoinMetadata<T>, Borrow<T>) {
    assert!(currency.regulated != RegulatedState::Unknown, EBorrowLegacyMetadata);
    if (!object_field::exists_(&currency.id, LegacyMetadataKey())) {
        let made = currency.to_legacy_metadata(ctx);
        object_field::add(&mut currency.id, LegacyMetadataKey(), made)
    };
    let mut metadata: CoinMetadata<T> = object_field::remove(&mut currency.id, LegacyMetadataKey());
    metadata.update_coin_metadata(
        currency.name,
        currency.symbol.to_ascii(),
        currency.description,
        currency.icon_url.to_ascii(),
    );
    (metadata, Borrow {})
}

public fun return_borrowed_legacy_metadata<T>(
    currency: &mut Currency<T>,
    legacy: CoinMetadata<T>,
    borrow: Borrow<T>,
    _ctx: &mut TxContext,
) {
    let Borrow {} = borrow;
    object_field::add(&mut currency.id, LegacyMetadataKey(), legacy)
}

public fun decimals<T>(currency: &Currency<T>): u8 {
    currency.decimals
}

public fun name<T>(currency: &Currency<T>): String {
    currency.name
}

public fun symbol<T>(currency: &Currency<T>): String {
    currency.symbol
}

public fun description<T>(currency: &Currency<T>): String {
    currency.description
}

public fun icon_url<T>(currency: &Currency<T>): String {
    currency.icon_url
}

/// Claimed, or deleted since.
public fun is_metadata_cap_claimed<T>(currency: &Currency<T>): bool {
    currency.metadata_cap_id != MetadataCapState::Unclaimed
}

public fun is_metadata_cap_deleted<T>(currency: &Currency<T>): bool {
    currency.metadata_cap_id == MetadataCapState::Deleted
}

public fun metadata_cap_id<T>(currency: &Currency<T>): Option<ID> {
    match (currency.metadata_cap_id) {
        MetadataCapState::Claimed(id) => option::some(id),
        _ => option::none(),
    }
}

public fun treasury_cap_id<T>(currency: &Currency<T>): Option<ID> {
    currency.treasury_cap_id
}

public fun deny_cap_id<T>(currency: &Currency<T>): Option<ID> {
    match (currency.regulated) {
        RegulatedState::Regulated { cap, .. } => option::some(cap),
        _ => option::none(),
    }
}

public fun is_supply_fixed<T>(currency: &Currency<T>): bool {
    match (currency.supply.borrow()) {
        SupplyState::Fixed(_) => true,
        _ => false,
    }
}

public fun is_supply_burn_only<T>(currency: &Currency<T>): bool {
    match (currency.supply.borrow()) {
        SupplyState::BurnOnly(_) => true,
        _ => false,
    }
}

public fun is_regulated<T>(currency: &Currency<T>): bool {
    currency.deny_cap_id().is_some()
}

/// None as long as a treasury cap decides.
public fun total_supply<T>(currency: &Currency<T>): Option<u64> {
    match (currency.supply.borrow()) {
        SupplyState::Fixed(supply) => option::some(supply.supply_value()),
        SupplyState::BurnOnly(supply) => option::some(supply.supply_value()),
        SupplyState::Unknown => option::none(),
    }
}

public fun exists<T>(registry: &CoinRegistry): bool {
    derived_object::exists(&registry.id, CurrencyKey<T>())
}

#[allow(unused_function)]
fun create(ctx: &TxContext) {
    assert!(ctx.sender() == @0x0, ENotSystemAddress);
    transfer::share_object(CoinRegistry { id: object::sui_coin_registry_object_id() })
}

/// Where the ID comes from must be seen at each place that makes one: hence a macro.
macro fun currency<$T>(
    $id: UID,
    $decimals: u8,
    $symbol: String,
    $name: String,
    $description: String,
    $icon_url: String,
    $regulated: RegulatedState,
    $treasury_cap_id: Option<ID>,
): Currency<$T> {
    Currency<$T> {
        id: $id,
        decimals: $decimals,
        name: $name,
        symbol: $symbol,
        description: $description,
        icon_url: $icon_url,
        supply: option::some(SupplyState::Unknown),
        regulated: $regulated,
        treasury_cap_id: $treasury_cap_id,
        metadata_cap_id: MetadataCapState::Unclaimed,
        extra_fields: vec_map::empty(),
    }
}

fun new_metadata_cap<T>(currency: &mut Currency<T>, ctx: &mut TxContext): MetadataCap<T> {
    let cap = MetadataCap { id: object::new(ctx) };
    currency.metadata_cap_id = MetadataCapState::Claimed(object::id(&cap));
    cap
}

/// A supply is given up once.
fun replace_supply<T>(currency: &mut Currency<T>, supply: SupplyState<T>) {
    match (currency.supply.swap(supply)) {
        SupplyState::Unknown => (),
        SupplyState::Fixed(_before) | SupplyState::BurnOnly(_before) => abort EInvariantViolation,
    }
}

fun to_legacy_metadata<T>(currency: &Currency<T>, ctx: &mut TxContext): CoinMetadata<T> {
    coin::new_coin_metadata(
        currency.decimals,
        currency.name,
        currency.symbol.to_ascii(),
        currency.description,
        currency.icon_url.to_ascii(),
        ctx,
    )
}

fun icon_of<T>(metadata: &CoinMetadata<T>): String {
    let url = metadata.get_icon_url();
    if (url.is_none()) b"".to_string() else url.destroy_some().inner_url().to_string()
}

fun check_symbol(symbol: &String) {
    assert!(symbol.as_bytes().all!(|byte| ascii::is_printable_char(*byte)), EInvalidSymbol)
}

#[test_only]
public fun create_coin_data_registry_for_testing(ctx: &mut TxContext): CoinRegistry {
    assert!(ctx.sender() == @0x0, ENotSystemAddress);
    CoinRegistry { id: object::new(ctx) }
}
