/// Structs, enums, generics, references and vectors.
module probe::shapes;

use std::string::String;
use sui::event;

const ENotHere: u64 = 7;
#[error]
const ENoNumber: vector<u8> = b"zero is no number";
#[error(code = 5)]
const ECoded: u64 = 77;

public struct Pair<A, B> has copy, drop, store { a: A, b: B }

public struct Potato { weight: u64 }

public struct Thing has key, store { id: UID, size: u64, name: String }

public struct Seen has copy, drop { what: vector<u8> }

public enum Shape<T> has copy, drop, store {
    Point,
    Circle { radius: T },
    Box { width: T, height: T },
}

public fun pair<A, B>(a: A, b: B): Pair<A, B> { Pair { a, b } }

public fun swap<A: copy, B: copy>(p: &Pair<A, B>): Pair<B, A> { Pair { a: p.b, b: p.a } }

public fun grow(p: &mut Pair<u64, vector<u8>>, by: u64) {
    p.a = p.a + by;
    p.b.push_back(by as u8);
}

public fun circle(radius: u64): Shape<u64> { Shape::Circle { radius } }

public fun rectangle(width: u64, height: u64): Shape<u64> { Shape::Box { width, height } }

public fun area(s: &Shape<u64>): u64 {
    match (s) {
        Shape::Point => 0,
        Shape::Circle { radius } => 3 * *radius * *radius,
        Shape::Box { width, height } => *width * *height,
    }
}

public fun stretch(s: &mut Shape<u64>, by: u64) {
    match (s) {
        Shape::Point => abort ENotHere,
        Shape::Circle { radius } => *radius = *radius * by,
        Shape::Box { width, height: _ } => *width = *width * by,
    }
}

public fun unwrap(s: Shape<u64>): u64 {
    match (s) {
        Shape::Circle { radius } => radius,
        _ => abort ENotHere,
    }
}

public fun potato(weight: u64): Potato { Potato { weight } }

public fun eat(p: Potato): u64 {
    let Potato { weight } = p;
    weight
}

public fun at(v: &vector<u64>, i: u64): u64 { v[i] }

public fun last(v: &mut vector<u64>): u64 { v.pop_back() }

public fun set(v: &mut vector<u64>, i: u64, x: u64) { *&mut v[i] = x }

public fun swapped(mut v: vector<u64>, i: u64, j: u64): vector<u64> {
    v.swap(i, j);
    v
}

public fun nested(): vector<vector<u8>> { vector[b"a", b"bc", b""] }

/// A copy must not share anything with its original.
public fun copies(): bool {
    let a = vector[vector[1u64], vector[2]];
    let mut b = a;
    b[0].push_back(9);
    a != b && a[0].length() == 1
}

/// Doubles a vector `n` times.
public fun double(n: u64): u64 {
    let mut v = vector[vector[0u8]];
    let mut i = 0;
    while (i < n) {
        let w = v;
        v.append(w);
        i = i + 1
    };
    v.length()
}

public fun compare<T: drop>(a: T, b: T): bool { a == b }

public fun emit(what: vector<u8>) { event::emit(Seen { what }) }

public fun make(size: u64, name: String, ctx: &mut TxContext): Thing { Thing { id: object::new(ctx), size, name } }

public fun keep(thing: Thing, to: address) { transfer::transfer(thing, to) }

public fun unmake(thing: Thing): u64 {
    let Thing { id, size, name: _ } = thing;
    id.delete();
    size
}

public fun refuse(n: u64) {
    assert!(n != 0, ENoNumber);
    assert!(n != 1, ECoded);
    assert!(n != 2);
}

fun hidden(): u64 { 1 }

public(package) fun shown(): u64 { hidden() + 1 }
