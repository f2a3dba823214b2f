/// A shop: its owner places and lists items, anyone buys them under the policy of their type.
module sui::kiosk;

use sui::balance::{Self, Balance};
use sui::coin::{Self, Coin};
use sui::dynamic_field as field;
use sui::dynamic_object_field as object_field;
use sui::event;
use sui::sui::SUI;
use sui::transfer_policy::{Self, TransferPolicy, TransferRequest};

public use fun kiosk_owner_cap_for as KioskOwnerCap.kiosk;

const ENotOwner: u64 = 0;
const EIncorrectAmount: u64 = 1;
const ENotEnough: u64 = 2;
const ENotEmpty: u64 = 3;
const EListedExclusively: u64 = 4;
const EWrongKiosk: u64 = 5;
const EAlreadyListed: u64 = 6;
const EUidAccessNotAllowed: u64 = 7;
const EItemLocked: u64 = 8;
const EItemIsListed: u64 = 9;
const EItemMismatch: u64 = 10;
const EItemNotFound: u64 = 11;
const ENotListed: u64 = 12;

public struct Kiosk has key, store {
    id: UID,
    profits: Balance<SUI>,
    owner: address,
    item_count: u32,
    allow_extensions: bool,
}

public struct KioskOwnerCap has key, store {
    id: UID,
    `for`: ID,
}

/// The right to buy one item, for `min_price` or more.
public struct PurchaseCap<phantom T: key + store> has key, store {
    id: UID,
    kiosk_id: ID,
    item_id: ID,
    min_price: u64,
}

/// Makes sure that a borrowed item comes back.
public struct Borrow {
    kiosk_id: ID,
    item_id: ID,
}

/// Names an item.
public struct Item has copy, drop, store {
    id: ID,
}

/// Names the price of an item.
public struct Listing has copy, drop, store {
    id: ID,
    is_exclusive: bool,
}

/// Names the mark of an item that leaves by sale only.
public struct Lock has copy, drop, store {
    id: ID,
}

public struct ItemListed<phantom T: key + store> has copy, drop {
    kiosk: ID,
    id: ID,
    price: u64,
}

public struct ItemPurchased<phantom T: key + store> has copy, drop {
    kiosk: ID,
    id: ID,
    price: u64,
}

public struct ItemDelisted<phantom T: key + store> has copy, drop {
    kiosk: ID,
    id: ID,
}

#[allow(lint(self_transfer))]
entry fun default(ctx: &mut TxContext) {
    let (kiosk, cap) = new(ctx);
    transfer::transfer(cap, ctx.sender());
    transfer::share_object(kiosk)
}

public fun new(ctx: &mut TxContext): (Kiosk, KioskOwnerCap) {
    let kiosk = Kiosk {
        id: object::new(ctx),
        profits: balance::zero(),
        owner: ctx.sender(),
        item_count: 0,
        allow_extensions: false,
    };
    let `for` = object::id(&kiosk);
    (kiosk, KioskOwnerCap { id: object::new(ctx), `for` })
}

/// An empty kiosk that is not shared.
public fun close_and_withdraw(self: Kiosk, cap: KioskOwnerCap, ctx: &mut TxContext): Coin<SUI> {
    let Kiosk { id, profits, item_count, .. } = self;
    let KioskOwnerCap { id: cap_id, `for` } = cap;
    assert!(id.to_inner() == `for`, ENotOwner);
    assert!(item_count == 0, ENotEmpty);
    id.delete();
    cap_id.delete();
    profits.into_coin(ctx)
}

public fun set_owner(self: &mut Kiosk, cap: &KioskOwnerCap, ctx: &TxContext) {
    self.check_access(cap);
    self.owner = ctx.sender()
}

public fun set_owner_custom(self: &mut Kiosk, cap: &KioskOwnerCap, owner: address) {
    self.check_access(cap);
    self.owner = owner
}

public fun place<T: key + store>(self: &mut Kiosk, cap: &KioskOwnerCap, item: T) {
    self.check_access(cap);
    self.place_internal(item)
}

/// The policy shows that the item can be sold at all.
public fun lock<T: key + store>(
    self: &mut Kiosk,
    cap: &KioskOwnerCap,
    _policy: &TransferPolicy<T>,
    item: T,
) {
    self.check_access(cap);
    self.lock_internal(item)
}

public fun take<T: key + store>(self: &mut Kiosk, cap: &KioskOwnerCap, id: ID): T {
    self.check_access(cap);
    assert!(!self.is_locked(id), EItemLocked);
    assert!(!self.is_listed_exclusively(id), EListedExclusively);
    assert!(self.has_item(id), EItemNotFound);
    field::remove_if_exists<Listing, u64>(&mut self.id, Listing { id, is_exclusive: false });
    self.take_out(id)
}

public fun list<T: key + store>(self: &mut Kiosk, cap: &KioskOwnerCap, id: ID, price: u64) {
    self.check_access(cap);
    assert!(self.has_item_with_type<T>(id), EItemNotFound);
    assert!(!self.is_listed_exclusively(id), EListedExclusively);
    field::add(&mut self.id, Listing { id, is_exclusive: false }, price);
    event::emit(ItemListed<T> { kiosk: object::id(self), id, price })
}

public fun place_and_list<T: key + store>(
    self: &mut Kiosk,
    cap: &KioskOwnerCap,
    item: T,
    price: u64,
) {
    let id = object::id(&item);
    self.place(cap, item);
    self.list<T>(cap, id, price)
}

public fun delist<T: key + store>(self: &mut Kiosk, cap: &KioskOwnerCap, id: ID) {
    self.check_access(cap);
    assert!(self.has_item_with_type<T>(id), EItemNotFound);
    assert!(!self.is_listed_exclusively(id), EListedExclusively);
    assert!(self.is_listed(id), ENotListed);
    field::remove<Listing, u64>(&mut self.id, Listing { id, is_exclusive: false });
    event::emit(ItemDelisted<T> { kiosk: object::id(self), id })
}

public fun purchase<T: key + store>(
    self: &mut Kiosk,
    id: ID,
    payment: Coin<SUI>,
): (T, TransferRequest<T>) {
    let price: u64 = field::remove(&mut self.id, Listing { id, is_exclusive: false });
    let item = self.take_out(id);
    assert!(payment.value() == price, EIncorrectAmount);
    let request = self.sell(id, payment);
    event::emit(ItemPurchased<T> { kiosk: object::id(self), id, price });
    (item, request)
}

public fun list_with_purchase_cap<T: key + store>(
    self: &mut Kiosk,
    cap: &KioskOwnerCap,
    id: ID,
    min_price: u64,
    ctx: &mut TxContext,
): PurchaseCap<T> {
    self.check_access(cap);
    assert!(self.has_item_with_type<T>(id), EItemNotFound);
    assert!(!self.is_listed(id), EAlreadyListed);
    field::add(&mut self.id, Listing { id, is_exclusive: true }, min_price);
    PurchaseCap { id: object::new(ctx), kiosk_id: object::id(self), item_id: id, min_price }
}

public fun purchase_with_cap<T: key + store>(
    self: &mut Kiosk,
    purchase_cap: PurchaseCap<T>,
    payment: Coin<SUI>,
): (T, TransferRequest<T>) {
    let PurchaseCap { id, kiosk_id, item_id, min_price } = purchase_cap;
    id.delete();
    assert!(payment.value() >= min_price, EIncorrectAmount);
    assert!(object::id(self) == kiosk_id, EWrongKiosk);
    field::remove<Listing, u64>(&mut self.id, Listing { id: item_id, is_exclusive: true });
    let request = self.sell(item_id, payment);
    (self.take_out(item_id), request)
}

public fun return_purchase_cap<T: key + store>(self: &mut Kiosk, purchase_cap: PurchaseCap<T>) {
    let PurchaseCap { id, kiosk_id, item_id, .. } = purchase_cap;
    assert!(object::id(self) == kiosk_id, EWrongKiosk);
    field::remove<Listing, u64>(&mut self.id, Listing { id: item_id, is_exclusive: true });
    id.delete()
}

/// All profits when no amount is named.
public fun withdraw(
    self: &mut Kiosk,
    cap: &KioskOwnerCap,
    amount: Option<u64>,
    ctx: &mut TxContext,
): Coin<SUI> {
    self.check_access(cap);
    let amount = amount.destroy_or!(self.profits.value());
    assert!(amount <= self.profits.value(), ENotEnough);
    coin::take(&mut self.profits, amount, ctx)
}

public(package) fun lock_internal<T: key + store>(self: &mut Kiosk, item: T) {
    field::add(&mut self.id, Lock { id: object::id(&item) }, true);
    self.place_internal(item)
}

public(package) fun place_internal<T: key + store>(self: &mut Kiosk, item: T) {
    self.item_count = self.item_count + 1;
    object_field::add(&mut self.id, Item { id: object::id(&item) }, item)
}

public(package) fun uid_mut_internal(self: &mut Kiosk): &mut UID {
    &mut self.id
}

public fun has_item(self: &Kiosk, id: ID): bool {
    object_field::exists_(&self.id, Item { id })
}

public fun has_item_with_type<T: key + store>(self: &Kiosk, id: ID): bool {
    object_field::exists_with_type<Item, T>(&self.id, Item { id })
}

public fun is_locked(self: &Kiosk, id: ID): bool {
    field::exists_(&self.id, Lock { id })
}

public fun is_listed(self: &Kiosk, id: ID): bool {
    field::exists_(&self.id, Listing { id, is_exclusive: false }) || self.is_listed_exclusively(id)
}

public fun is_listed_exclusively(self: &Kiosk, id: ID): bool {
    field::exists_(&self.id, Listing { id, is_exclusive: true })
}

public fun has_access(self: &mut Kiosk, cap: &KioskOwnerCap): bool {
    object::id(self) == cap.`for`
}

public fun uid_mut_as_owner(self: &mut Kiosk, cap: &KioskOwnerCap): &mut UID {
    self.check_access(cap);
    &mut self.id
}

/// Older than extensions.
public fun set_allow_extensions(self: &mut Kiosk, cap: &KioskOwnerCap, allow_extensions: bool) {
    self.check_access(cap);
    self.allow_extensions = allow_extensions
}

public fun uid(self: &Kiosk): &UID {
    &self.id
}

public fun uid_mut(self: &mut Kiosk): &mut UID {
    assert!(self.allow_extensions, EUidAccessNotAllowed);
    &mut self.id
}

public fun owner(self: &Kiosk): address {
    self.owner
}

public fun item_count(self: &Kiosk): u32 {
    self.item_count
}

public fun profits_amount(self: &Kiosk): u64 {
    self.profits.value()
}

public fun profits_mut(self: &mut Kiosk, cap: &KioskOwnerCap): &mut Balance<SUI> {
    self.check_access(cap);
    &mut self.profits
}

public fun borrow<T: key + store>(self: &Kiosk, cap: &KioskOwnerCap, id: ID): &T {
    assert!(object::id(self) == cap.`for`, ENotOwner);
    assert!(self.has_item(id), EItemNotFound);
    object_field::borrow(&self.id, Item { id })
}

public fun borrow_mut<T: key + store>(self: &mut Kiosk, cap: &KioskOwnerCap, id: ID): &mut T {
    self.check_borrow(cap, id);
    object_field::borrow_mut(&mut self.id, Item { id })
}

/// Takes an item out; `return_val` puts it back.
public fun borrow_val<T: key + store>(
    self: &mut Kiosk,
    cap: &KioskOwnerCap,
    id: ID,
): (T, Borrow) {
    self.check_borrow(cap, id);
    let borrow = Borrow { kiosk_id: object::id(self), item_id: id };
    (object_field::remove(&mut self.id, Item { id }), borrow)
}

public fun return_val<T: key + store>(self: &mut Kiosk, item: T, borrow: Borrow) {
    let Borrow { kiosk_id, item_id } = borrow;
    assert!(object::id(self) == kiosk_id, EWrongKiosk);
    assert!(object::id(&item) == item_id, EItemMismatch);
    object_field::add(&mut self.id, Item { id: item_id }, item)
}

public fun kiosk_owner_cap_for(cap: &KioskOwnerCap): ID {
    cap.`for`
}

public fun purchase_cap_kiosk<T: key + store>(self: &PurchaseCap<T>): ID {
    self.kiosk_id
}

public fun purchase_cap_item<T: key + store>(self: &PurchaseCap<T>): ID {
    self.item_id
}

public fun purchase_cap_min_price<T: key + store>(self: &PurchaseCap<T>): u64 {
    self.min_price
}

fun check_access(self: &mut Kiosk, cap: &KioskOwnerCap) {
    assert!(self.has_access(cap), ENotOwner)
}

fun check_borrow(self: &mut Kiosk, cap: &KioskOwnerCap, id: ID) {
    self.check_access(cap);
    assert!(self.has_item(id), EItemNotFound);
    assert!(!self.is_listed(id), EItemIsListed)
}

fun take_out<T: key + store>(self: &mut Kiosk, id: ID): T {
    self.item_count = self.item_count - 1;
    object_field::remove(&mut self.id, Item { id })
}

fun sell<T: key + store>(self: &mut Kiosk, id: ID, payment: Coin<SUI>): TransferRequest<T> {
    let paid = payment.value();
    field::remove_if_exists<Lock, bool>(&mut self.id, Lock { id });
    coin::put(&mut self.profits, payment);
    transfer_policy::new_request(id, paid, object::id(self))
}
