/// One function for each rule of the executor that the tests look at.
module rules::things;

use std::string::String;
use sui::clock::Clock;
use sui::coin::Coin;
use sui::dynamic_field as df;
use sui::dynamic_object_field as dof;
use sui::event;
use sui::random::Random;
use sui::sui::SUI;
use sui::transfer::Receiving;

public struct THINGS has drop {}

public struct Thing has key, store {
    id: UID,
    value: u64,
}

/// Cannot be transferred outside of this module.
public struct Bound has key {
    id: UID,
}

public struct Box has key, store {
    id: UID,
    inner: Thing,
}

public struct Bytes has key, store {
    id: UID,
    bytes: vector<u8>,
}

/// Must be consumed.
public struct Potato {}

/// Copy without drop.
public struct Sticky has copy, store {}

public struct Plain has copy, drop, store {
    n: u64,
}

public struct Initialized has copy, drop {
    is_witness: bool,
}

public struct Noted has copy, drop {
    n: u64,
    sender: address,
    sponsor: Option<address>,
}

public enum Shape has copy, drop, store {
    Dot,
    Circle { radius: u64 },
}

public struct Drawn has copy, drop {
    shape: Shape,
    names: vector<String>,
    nothing: Option<u64>,
}

const ENamed: u64 = 7;

#[error]
const ETold: vector<u8> = b"told in words";

#[error(code = 9)]
const ENumbered: vector<u8> = b"with a number";

fun init(witness: THINGS, ctx: &mut TxContext) {
    event::emit(Initialized { is_witness: sui::types::is_one_time_witness(&witness) });
    transfer::transfer(Bound { id: object::new(ctx) }, ctx.sender())
}

public fun thing(value: u64, ctx: &mut TxContext): Thing {
    Thing { id: object::new(ctx), value }
}

public fun value(thing: &Thing): u64 {
    thing.value
}

public fun set(thing: &mut Thing, value: u64) {
    thing.value = value
}

public fun both(a: &mut Thing, b: &mut Thing) {
    a.value = b.value
}

public fun pair(a: &Thing, b: &Thing): u64 {
    a.value + b.value
}

public fun take_and_borrow(a: Thing, b: &Thing): Thing {
    let _ = b;
    a
}

public fun destroy(thing: Thing) {
    let Thing { id, value: _ } = thing;
    id.delete()
}

public fun value_ref(thing: &Thing): &u64 {
    &thing.value
}

public fun wrap(inner: Thing, ctx: &mut TxContext): Box {
    Box { id: object::new(ctx), inner }
}

public fun unwrap(box: Box): Thing {
    let Box { id, inner } = box;
    id.delete();
    inner
}

public fun destroy_box(box: Box) {
    destroy(unwrap(box))
}

#[allow(lint(share_owned))]
public fun share(thing: Thing) {
    transfer::share_object(thing)
}

public fun freeze_it(thing: Thing) {
    transfer::freeze_object(thing)
}

#[allow(lint(custom_state_change))]
public fun to_party(thing: Thing, owner: address) {
    transfer::party_transfer(thing, sui::party::single_owner(owner))
}

public fun bound(ctx: &mut TxContext): Bound {
    Bound { id: object::new(ctx) }
}

public fun potato(): Potato {
    Potato {}
}

public fun eat(potato: Potato) {
    let Potato {} = potato;
}

public fun sticky(): Sticky {
    Sticky {}
}

public fun keep_sticky(_: &Sticky) {}

public fun stick(sticky: Sticky, thing: &mut Thing) {
    df::add(&mut thing.id, b"sticky", sticky)
}

public fun plain(n: u64): Plain {
    Plain { n }
}

public fun n(plain: &Plain): u64 {
    plain.n
}

public fun bump(n: &mut u64) {
    *n = *n + 1
}

public fun two(): (u64, u64) {
    (1, 2)
}

public fun nothing() {}

public fun typed<T: drop + store>(_: vector<T>) {}

public fun phantom_coin<T>(_: &Coin<T>) {}

public fun pay(_: Coin<SUI>): u64 {
    abort ENamed
}

entry fun private_entry(thing: &Thing, ctx: &TxContext) {
    event::emit(Noted { n: thing.value, sender: ctx.sender(), sponsor: ctx.sponsor() })
}

entry fun private_number(_: u64) {}

public entry fun public_entry(n: u64, ctx: &TxContext) {
    event::emit(Noted { n, sender: ctx.sender(), sponsor: ctx.sponsor() })
}

#[allow(unused_function)]
fun hidden() {}

public(package) fun internal() {}

public fun texts(text: String, maybe: Option<u64>, many: vector<vector<u8>>, _: ID, _: address): u64 {
    text.length() + maybe.destroy_with_default(0) + many.length()
}

public fun drawn(): u64 {
    event::emit(Drawn {
        shape: Shape::Circle { radius: 3 },
        names: vector[b"a".to_string(), b"b".to_string()],
        nothing: option::none(),
    });
    0
}

public fun fail_with(code: u64) {
    abort code
}

public fun set_then_fail(target: &mut Thing, ctx: &mut TxContext) {
    target.value = 1_000_000;
    df::add(&mut target.id, 0u64, 0u64);
    event::emit(Noted { n: 0, sender: ctx.sender(), sponsor: option::none() });
    transfer::public_transfer(thing(5, ctx), ctx.sender());
    abort ENamed
}

public fun fail_in_words() {
    abort ETold
}

public fun fail_with_number() {
    abort ENumbered
}

public fun fail_assertion(n: u64) {
    assert!(n == 0)
}

public fun overflow(n: u8): u8 {
    n + 255
}

public fun out_of_bounds(): u64 {
    let v = vector[1u64];
    v[5]
}

public fun forever() {
    loop {}
}

public fun emit_many(n: u64, ctx: &TxContext) {
    let mut i = 0;
    while (i < n) {
        event::emit(Noted { n: i, sender: ctx.sender(), sponsor: option::none() });
        i = i + 1;
    }
}

public fun bytes(size: u64, ctx: &mut TxContext): Bytes {
    let mut chunk = vector[0u8];
    while (chunk.length() * 2 <= size) {
        let copied = chunk;
        chunk.append(copied);
    };
    while (chunk.length() < size) chunk.push_back(0);
    Bytes { id: object::new(ctx), bytes: chunk }
}

public fun make_many(n: u64, ctx: &mut TxContext) {
    let mut i = 0;
    while (i < n) {
        transfer::public_transfer(thing(i, ctx), ctx.sender());
        i = i + 1;
    }
}

public fun add_fields(thing: &mut Thing, from: u64, to: u64) {
    let mut i = from;
    while (i < to) {
        df::add(&mut thing.id, i, i * 10);
        i = i + 1;
    }
}

public fun set_field(thing: &mut Thing, name: u64, value: u64) {
    *df::borrow_mut(&mut thing.id, name) = value
}

public fun touch_field(thing: &mut Thing, name: u64) {
    let field: &mut u64 = df::borrow_mut(&mut thing.id, name);
    *field = *field
}

public fun field(thing: &Thing, name: u64): u64 {
    *df::borrow(&thing.id, name)
}

public fun field_as_bool(thing: &Thing, name: u64): bool {
    *df::borrow(&thing.id, name)
}

public fun remove_field(thing: &mut Thing, name: u64): u64 {
    df::remove(&mut thing.id, name)
}

public fun touch_all(thing: &Thing, from: u64, to: u64): u64 {
    let mut sum = 0u64;
    let mut i = from;
    while (i < to) {
        sum = sum + field(thing, i);
        i = i + 1;
    };
    sum
}

public fun add_child(parent: &mut Thing, name: u64, child: Thing) {
    dof::add(&mut parent.id, name, child)
}

public fun child_value(parent: &Thing, name: u64): u64 {
    dof::borrow<u64, Thing>(&parent.id, name).value
}

public fun set_child(parent: &mut Thing, name: u64, value: u64) {
    dof::borrow_mut<u64, Thing>(&mut parent.id, name).value = value
}

public fun remove_child(parent: &mut Thing, name: u64): Thing {
    dof::remove(&mut parent.id, name)
}

public fun accept(parent: &mut Thing, sent: Receiving<Thing>): Thing {
    transfer::receive(&mut parent.id, sent)
}

public fun accept_other(parent: &mut Thing, sent: Receiving<Box>): Box {
    transfer::receive(&mut parent.id, sent)
}

public fun now(clock: &Clock): u64 {
    clock.timestamp_ms()
}

entry fun roll(random: &Random, ctx: &mut TxContext) {
    let mut generator = random.new_generator(ctx);
    event::emit(Noted { n: generator.generate_u64(), sender: ctx.sender(), sponsor: option::none() })
}
