/// Rules that the creator of a type sets for its trade.
module sui::transfer_policy;

use std::type_name::{Self, TypeName};
use sui::balance::{Self, Balance};
use sui::coin::{Self, Coin};
use sui::dynamic_field as field;
use sui::event;
use sui::package::Publisher;
use sui::sui::SUI;
use sui::vec_set::{Self, VecSet};

const EPolicyNotSatisfied: u64 = 0;
const EIllegalRule: u64 = 1;
const EUnknownRequirement: u64 = 2;
const ERuleAlreadySet: u64 = 3;
const ENotOwner: u64 = 4;
const ENotEnough: u64 = 5;

/// Comes with an item that was bought; a policy has to confirm it.
public struct TransferRequest<phantom T> {
    item: ID,
    paid: u64,
    from: ID,
    receipts: VecSet<TypeName>,
}

public struct TransferPolicy<phantom T> has key, store {
    id: UID,
    balance: Balance<SUI>,
    rules: VecSet<TypeName>,
}

public struct TransferPolicyCap<phantom T> has key, store {
    id: UID,
    policy_id: ID,
}

public struct TransferPolicyCreated<phantom T> has copy, drop {
    id: ID,
}

public struct TransferPolicyDestroyed<phantom T> has copy, drop {
    id: ID,
}

/// Names a rule's settings below its policy.
public struct RuleKey<phantom T: drop> has copy, drop, store {}

public fun new_request<T>(item: ID, paid: u64, from: ID): TransferRequest<T> {
    TransferRequest { item, paid, from, receipts: vec_set::empty() }
}

public fun new<T>(pub: &Publisher, ctx: &mut TxContext): (TransferPolicy<T>, TransferPolicyCap<T>) {
    assert!(pub.from_package<T>(), 0);
    let (policy, cap) = pair<T>(ctx);
    event::emit(TransferPolicyCreated<T> { id: cap.policy_id });
    (policy, cap)
}

#[allow(lint(self_transfer, share_owned))]
entry fun default<T>(pub: &Publisher, ctx: &mut TxContext) {
    let (policy, cap) = new<T>(pub, ctx);
    transfer::share_object(policy);
    transfer::transfer(cap, ctx.sender())
}

/// All that was collected when no amount is named.
public fun withdraw<T>(
    self: &mut TransferPolicy<T>,
    cap: &TransferPolicyCap<T>,
    amount: Option<u64>,
    ctx: &mut TxContext,
): Coin<SUI> {
    self.check_owner(cap);
    let amount = amount.destroy_or!(self.balance.value());
    assert!(amount <= self.balance.value(), ENotEnough);
    coin::take(&mut self.balance, amount, ctx)
}

public fun destroy_and_withdraw<T>(
    self: TransferPolicy<T>,
    cap: TransferPolicyCap<T>,
    ctx: &mut TxContext,
): Coin<SUI> {
    self.check_owner(&cap);
    let TransferPolicyCap { id: cap_id, policy_id } = cap;
    let TransferPolicy { id, balance, .. } = self;
    id.delete();
    cap_id.delete();
    event::emit(TransferPolicyDestroyed<T> { id: policy_id });
    balance.into_coin(ctx)
}

/// Every rule must have left its receipt, and nobody else.
public fun confirm_request<T>(
    self: &TransferPolicy<T>,
    request: TransferRequest<T>,
): (ID, u64, ID) {
    let TransferRequest { item, paid, from, receipts } = request;
    assert!(receipts.length() == self.rules.length(), EPolicyNotSatisfied);
    receipts.into_keys().do!(|receipt| assert!(self.rules.contains(&receipt), EIllegalRule));
    (item, paid, from)
}

public fun add_rule<T, Rule: drop, Config: drop + store>(
    _: Rule,
    policy: &mut TransferPolicy<T>,
    cap: &TransferPolicyCap<T>,
    cfg: Config,
) {
    policy.check_owner(cap);
    assert!(!has_rule<T, Rule>(policy), ERuleAlreadySet);
    field::add(&mut policy.id, RuleKey<Rule> {}, cfg);
    policy.rules.insert(type_name::with_defining_ids<Rule>())
}

public fun get_rule<T, Rule: drop, Config: drop + store>(
    _: Rule,
    policy: &TransferPolicy<T>,
): &Config {
    field::borrow(&policy.id, RuleKey<Rule> {})
}

public fun add_to_balance<T, Rule: drop>(
    _: Rule,
    policy: &mut TransferPolicy<T>,
    coin: Coin<SUI>,
) {
    assert!(has_rule<T, Rule>(policy), EUnknownRequirement);
    coin::put(&mut policy.balance, coin)
}

public fun add_receipt<T, Rule: drop>(_: Rule, request: &mut TransferRequest<T>) {
    request.receipts.insert(type_name::with_defining_ids<Rule>())
}

public fun has_rule<T, Rule: drop>(policy: &TransferPolicy<T>): bool {
    field::exists_(&policy.id, RuleKey<Rule> {})
}

public fun remove_rule<T, Rule: drop, Config: drop + store>(
    policy: &mut TransferPolicy<T>,
    cap: &TransferPolicyCap<T>,
) {
    policy.check_owner(cap);
    let _: Config = field::remove(&mut policy.id, RuleKey<Rule> {});
    policy.rules.remove(&type_name::with_defining_ids<Rule>())
}

public fun uid<T>(self: &TransferPolicy<T>): &UID {
    &self.id
}

public fun uid_mut_as_owner<T>(
    self: &mut TransferPolicy<T>,
    cap: &TransferPolicyCap<T>,
): &mut UID {
    self.check_owner(cap);
    &mut self.id
}

public fun rules<T>(self: &TransferPolicy<T>): &VecSet<TypeName> {
    &self.rules
}

public fun item<T>(self: &TransferRequest<T>): ID {
    self.item
}

public fun paid<T>(self: &TransferRequest<T>): u64 {
    self.paid
}

public fun from<T>(self: &TransferRequest<T>): ID {
    self.from
}

fun pair<T>(ctx: &mut TxContext): (TransferPolicy<T>, TransferPolicyCap<T>) {
    let policy = TransferPolicy {
        id: object::new(ctx),
        balance: balance::zero(),
        rules: vec_set::empty(),
    };
    let policy_id = object::id(&policy);
    (policy, TransferPolicyCap { id: object::new(ctx), policy_id })
}

fun check_owner<T>(self: &TransferPolicy<T>, cap: &TransferPolicyCap<T>) {
    assert!(object::id(self) == cap.policy_id, ENotOwner)
}

#[test_only]
public fun new_for_testing<T>(ctx: &mut TxContext): (TransferPolicy<T>, TransferPolicyCap<T>) {
    pair(ctx)
}
