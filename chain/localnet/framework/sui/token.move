/// Money in a closed loop: what is done with it has to satisfy a policy.
module sui::token;

use std::string::String;
use std::type_name::{Self, TypeName};
use sui::balance::{Self, Balance};
use sui::coin::{Coin, TreasuryCap};
use sui::dynamic_field as field;
use sui::event;
use sui::vec_map::{Self, VecMap};
use sui::vec_set::{Self, VecSet};

const EUnknownAction: u64 = 0;
const ENotApproved: u64 = 1;
const ENotAuthorized: u64 = 2;
const EBalanceTooLow: u64 = 3;
const ENotZero: u64 = 4;
const ECantConsumeBalance: u64 = 5;
const ENoConfig: u64 = 6;
const EUseImmutableConfirm: u64 = 7;

const SPEND: vector<u8> = b"spend";
const TRANSFER: vector<u8> = b"transfer";
const TO_COIN: vector<u8> = b"to_coin";
const FROM_COIN: vector<u8> = b"from_coin";

public struct Token<phantom T> has key {
    id: UID,
    balance: Balance<T>,
}

public struct TokenPolicyCap<phantom T> has key, store {
    id: UID,
    `for`: ID,
}

public struct TokenPolicy<phantom T> has key {
    id: UID,
    /// was spent, and not burnt yet
    spent_balance: Balance<T>,
    /// rules of each action that is allowed
    rules: VecMap<String, VecSet<TypeName>>,
}

/// What someone wants to do; a policy or a cap has to confirm it.
public struct ActionRequest<phantom T> {
    name: String,
    amount: u64,
    sender: address,
    recipient: Option<address>,
    spent_balance: Option<Balance<T>>,
    approvals: VecSet<TypeName>,
}

/// Names a rule's settings below its policy.
public struct RuleKey<phantom T> has copy, drop, store {
    is_protected: bool,
}

public struct TokenPolicyCreated<phantom T> has copy, drop {
    id: ID,
    is_mutable: bool,
}

public fun new_policy<T>(
    _treasury_cap: &TreasuryCap<T>,
    ctx: &mut TxContext,
): (TokenPolicy<T>, TokenPolicyCap<T>) {
    policy(ctx)
}

#[allow(lint(share_owned))]
public fun share_policy<T>(policy: TokenPolicy<T>) {
    event::emit(TokenPolicyCreated<T> { id: object::id(&policy), is_mutable: true });
    transfer::share_object(policy)
}

public fun transfer<T>(t: Token<T>, recipient: address, ctx: &mut TxContext): ActionRequest<T> {
    let amount = t.value();
    transfer::transfer(t, recipient);
    new_request(transfer_action(), amount, option::some(recipient), option::none(), ctx)
}

/// Only `confirm_request_mut` and the treasury take what was spent.
public fun spend<T>(t: Token<T>, ctx: &mut TxContext): ActionRequest<T> {
    let balance = t.unwrap();
    let amount = balance.value();
    new_request(spend_action(), amount, option::none(), option::some(balance), ctx)
}

public fun to_coin<T>(t: Token<T>, ctx: &mut TxContext): (Coin<T>, ActionRequest<T>) {
    let balance = t.unwrap();
    let amount = balance.value();
    let coin = balance.into_coin(ctx);
    (coin, new_request(to_coin_action(), amount, option::none(), option::none(), ctx))
}

public fun from_coin<T>(coin: Coin<T>, ctx: &mut TxContext): (Token<T>, ActionRequest<T>) {
    let amount = coin.value();
    let token = Token { id: object::new(ctx), balance: coin.into_balance() };
    (token, new_request(from_coin_action(), amount, option::none(), option::none(), ctx))
}

public fun join<T>(token: &mut Token<T>, another: Token<T>) {
    token.balance.join(another.unwrap());
}

public fun split<T>(token: &mut Token<T>, amount: u64, ctx: &mut TxContext): Token<T> {
    assert!(amount <= token.value(), EBalanceTooLow);
    Token { id: object::new(ctx), balance: token.balance.split(amount) }
}

public fun zero<T>(ctx: &mut TxContext): Token<T> {
    Token { id: object::new(ctx), balance: balance::zero() }
}

public fun destroy_zero<T>(token: Token<T>) {
    assert!(token.value() == 0, ENotZero);
    token.unwrap().destroy_zero()
}

#[allow(lint(self_transfer))]
public fun keep<T>(token: Token<T>, ctx: &mut TxContext) {
    transfer::transfer(token, ctx.sender())
}

public fun new_request<T>(
    name: String,
    amount: u64,
    recipient: Option<address>,
    spent_balance: Option<Balance<T>>,
    ctx: &TxContext,
): ActionRequest<T> {
    ActionRequest {
        name,
        amount,
        sender: ctx.sender(),
        recipient,
        spent_balance,
        approvals: vec_set::empty(),
    }
}

/// Every rule of the action must have approved. Answers name, amount, sender and recipient, as the others do.
public fun confirm_request<T>(
    policy: &TokenPolicy<T>,
    request: ActionRequest<T>,
    _ctx: &mut TxContext,
): (String, u64, address, Option<address>) {
    assert!(request.spent_balance.is_none(), ECantConsumeBalance);
    assert!(policy.rules.contains(&request.name), EUnknownAction);
    let rules = policy.rules.get(&request.name);
    rules.keys().do_ref!(|rule| assert!(request.approvals.contains(rule), ENotApproved));
    request.end()
}

/// For requests that bring what was spent.
public fun confirm_request_mut<T>(
    policy: &mut TokenPolicy<T>,
    mut request: ActionRequest<T>,
    ctx: &mut TxContext,
): (String, u64, address, Option<address>) {
    assert!(policy.rules.contains(&request.name), EUnknownAction);
    assert!(request.spent_balance.is_some(), EUseImmutableConfirm);
    policy.spent_balance.join(request.spent_balance.extract());
    policy.confirm_request(request, ctx)
}

/// Whatever the rules say.
public fun confirm_with_policy_cap<T>(
    _policy_cap: &TokenPolicyCap<T>,
    request: ActionRequest<T>,
    _ctx: &mut TxContext,
): (String, u64, address, Option<address>) {
    assert!(request.spent_balance.is_none(), ECantConsumeBalance);
    request.end()
}

/// Whatever the rules say; burns what was spent.
public fun confirm_with_treasury_cap<T>(
    treasury_cap: &mut TreasuryCap<T>,
    mut request: ActionRequest<T>,
    _ctx: &mut TxContext,
): (String, u64, address, Option<address>) {
    if (request.spent_balance.is_some()) {
        treasury_cap.supply_mut().decrease_supply(request.spent_balance.extract());
    };
    request.end()
}

public fun add_approval<T, W: drop>(_t: W, request: &mut ActionRequest<T>, _ctx: &mut TxContext) {
    request.approvals.insert(type_name::with_defining_ids<W>())
}

public fun add_rule_config<T, Rule: drop, Config: store>(
    _rule: Rule,
    self: &mut TokenPolicy<T>,
    cap: &TokenPolicyCap<T>,
    config: Config,
    _ctx: &mut TxContext,
) {
    self.check_cap(cap);
    field::add(&mut self.id, key<Rule>(), config)
}

public fun rule_config<T, Rule: drop, Config: store>(
    _rule: Rule,
    self: &TokenPolicy<T>,
): &Config {
    assert!(has_rule_config_with_type<T, Rule, Config>(self), ENoConfig);
    field::borrow(&self.id, key<Rule>())
}

public fun rule_config_mut<T, Rule: drop, Config: store>(
    _rule: Rule,
    self: &mut TokenPolicy<T>,
    cap: &TokenPolicyCap<T>,
): &mut Config {
    assert!(has_rule_config_with_type<T, Rule, Config>(self), ENoConfig);
    self.check_cap(cap);
    field::borrow_mut(&mut self.id, key<Rule>())
}

public fun remove_rule_config<T, Rule, Config: store>(
    self: &mut TokenPolicy<T>,
    cap: &TokenPolicyCap<T>,
    _ctx: &mut TxContext,
): Config {
    assert!(has_rule_config_with_type<T, Rule, Config>(self), ENoConfig);
    self.check_cap(cap);
    field::remove(&mut self.id, key<Rule>())
}

public fun has_rule_config<T, Rule>(self: &TokenPolicy<T>): bool {
    field::exists_(&self.id, key<Rule>())
}

public fun has_rule_config_with_type<T, Rule, Config: store>(self: &TokenPolicy<T>): bool {
    field::exists_with_type<RuleKey<Rule>, Config>(&self.id, key<Rule>())
}

/// Lets anyone do it.
public fun allow<T>(
    self: &mut TokenPolicy<T>,
    cap: &TokenPolicyCap<T>,
    action: String,
    _ctx: &mut TxContext,
) {
    self.check_cap(cap);
    self.rules.insert(action, vec_set::empty())
}

public fun disallow<T>(
    self: &mut TokenPolicy<T>,
    cap: &TokenPolicyCap<T>,
    action: String,
    _ctx: &mut TxContext,
) {
    self.check_cap(cap);
    self.rules.remove(&action);
}

public fun add_rule_for_action<T, Rule: drop>(
    self: &mut TokenPolicy<T>,
    cap: &TokenPolicyCap<T>,
    action: String,
    ctx: &mut TxContext,
) {
    self.check_cap(cap);
    if (!self.rules.contains(&action)) self.allow(cap, action, ctx);
    self.rules.get_mut(&action).insert(type_name::with_defining_ids<Rule>())
}

public fun remove_rule_for_action<T, Rule: drop>(
    self: &mut TokenPolicy<T>,
    cap: &TokenPolicyCap<T>,
    action: String,
    _ctx: &mut TxContext,
) {
    self.check_cap(cap);
    self.rules.get_mut(&action).remove(&type_name::with_defining_ids<Rule>())
}

public fun mint<T>(cap: &mut TreasuryCap<T>, amount: u64, ctx: &mut TxContext): Token<T> {
    Token { id: object::new(ctx), balance: cap.mint_balance(amount) }
}

public fun burn<T>(cap: &mut TreasuryCap<T>, token: Token<T>) {
    cap.supply_mut().decrease_supply(token.unwrap());
}

/// Burns what was spent.
public fun flush<T>(
    self: &mut TokenPolicy<T>,
    cap: &mut TreasuryCap<T>,
    _ctx: &mut TxContext,
): u64 {
    cap.supply_mut().decrease_supply(self.spent_balance.withdraw_all())
}

public fun is_allowed<T>(self: &TokenPolicy<T>, action: &String): bool {
    self.rules.contains(action)
}

public fun rules<T>(self: &TokenPolicy<T>, action: &String): VecSet<TypeName> {
    *self.rules.get(action)
}

public fun spent_balance<T>(self: &TokenPolicy<T>): u64 {
    self.spent_balance.value()
}

public fun value<T>(t: &Token<T>): u64 {
    t.balance.value()
}

public fun transfer_action(): String {
    TRANSFER.to_string()
}

public fun spend_action(): String {
    SPEND.to_string()
}

public fun to_coin_action(): String {
    TO_COIN.to_string()
}

public fun from_coin_action(): String {
    FROM_COIN.to_string()
}

public fun action<T>(self: &ActionRequest<T>): String {
    self.name
}

public fun amount<T>(self: &ActionRequest<T>): u64 {
    self.amount
}

public fun sender<T>(self: &ActionRequest<T>): address {
    self.sender
}

public fun recipient<T>(self: &ActionRequest<T>): Option<address> {
    self.recipient
}

public fun approvals<T>(self: &ActionRequest<T>): VecSet<TypeName> {
    self.approvals
}

public fun spent<T>(self: &ActionRequest<T>): Option<u64> {
    if (self.spent_balance.is_none()) return option::none();
    option::some(self.spent_balance.borrow().value())
}

fun policy<T>(ctx: &mut TxContext): (TokenPolicy<T>, TokenPolicyCap<T>) {
    let policy = TokenPolicy {
        id: object::new(ctx),
        spent_balance: balance::zero(),
        rules: vec_map::empty(),
    };
    let `for` = object::id(&policy);
    (policy, TokenPolicyCap { id: object::new(ctx), `for` })
}

fun check_cap<T>(self: &TokenPolicy<T>, cap: &TokenPolicyCap<T>) {
    assert!(object::id(self) == cap.`for`, ENotAuthorized)
}

fun unwrap<T>(token: Token<T>): Balance<T> {
    let Token { id, balance } = token;
    id.delete();
    balance
}

fun end<T>(request: ActionRequest<T>): (String, u64, address, Option<address>) {
    let ActionRequest { name, amount, sender, recipient, spent_balance, .. } = request;
    spent_balance.destroy_none();
    (name, amount, sender, recipient)
}

fun key<Rule>(): RuleKey<Rule> {
    RuleKey { is_protected: true }
}

#[test_only]
public fun new_policy_for_testing<T>(ctx: &mut TxContext): (TokenPolicy<T>, TokenPolicyCap<T>) {
    policy(ctx)
}

#[test_only]
public fun mint_for_testing<T>(amount: u64, ctx: &mut TxContext): Token<T> {
    Token { id: object::new(ctx), balance: balance::create_for_testing(amount) }
}

#[test_only]
public fun burn_for_testing<T>(token: Token<T>) {
    token.unwrap().destroy_for_testing();
}
