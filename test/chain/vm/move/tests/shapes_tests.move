#[test_only]
module probe::shapes_tests;

use probe::shapes::{Self, Thing};
use probe::arithmetic;
use std::unit_test::assert_eq;
use sui::test_scenario as ts;

const ALICE: address = @0xa11ce;
const BOB: address = @0xb0b;

#[error]
const EClever: vector<u8> = b"an error that names itself";

#[test]
fun enums() {
    let mut s = shapes::rectangle(3, 4);
    assert_eq!(s.area(), 12);
    s.stretch(2);
    assert_eq!(s.area(), 24);
    assert_eq!(s, shapes::rectangle(6, 4));
    assert!(s != shapes::circle(6));
}

#[test, expected_failure(abort_code = shapes::ENotHere)]
fun wrong_variant() {
    shapes::rectangle(1, 1).unwrap();
}

#[test]
#[expected_failure(abort_code = 7, location = probe::shapes)]
fun wrong_variant_by_number() {
    shapes::rectangle(1, 1).unwrap();
}

#[test, expected_failure(arithmetic_error, location = probe::arithmetic)]
fun overflow() { arithmetic::add8(255, 1); }

#[test, expected_failure(arithmetic_error, location = probe::arithmetic)]
fun narrowing() { arithmetic::to8(256); }

#[test, expected_failure(vector_error, minor_status = 1, location = probe::shapes)]
fun out_of_bounds() { shapes::at(&vector[1], 1); }

#[test, expected_failure(vector_error, minor_status = 2, location = probe::shapes)]
fun nothing_to_pop() { shapes::last(&mut vector[]); }

#[test, expected_failure(abort_code = EClever)]
fun clever() { assert!(shapes::area(&shapes::circle(1)) == 4, EClever); }

#[test, expected_failure]
fun no_code() { assert!(shapes::area(&shapes::circle(1)) == 4); }

#[test]
fun copies() {
    assert!(shapes::copies());
    assert_eq!(shapes::nested(), vector[b"a", b"bc", b""]);
}

#[test]
fun one_object_and_two_owners() {
    let mut s = ts::begin(ALICE);
    let thing = shapes::make(5, b"five".to_string(), s.ctx());
    let id = object::id(&thing);
    thing.keep(BOB);
    let effects = s.next_tx(BOB);
    assert_eq!(effects.created(), vector[id]);
    assert_eq!(*effects.transferred_to_account().get(&id), BOB);
    assert!(!ts::has_most_recent_for_address<Thing>(ALICE));
    let thing: Thing = s.take_from_sender();
    assert_eq!(object::id(&thing), id);
    assert_eq!(thing.unmake(), 5);
    let effects = s.next_tx(ALICE);
    assert_eq!(effects.deleted(), vector[id]);
    assert!(effects.created().is_empty());
    s.end();
}

#[test, expected_failure(abort_code = ts::EEmptyInventory)]
fun nothing_to_take() {
    let s = ts::begin(ALICE);
    let thing: Thing = s.take_from_sender();
    thing.keep(ALICE);
    abort
}

#[test]
fun shared_and_frozen() {
    let mut s = ts::begin(ALICE);
    transfer::public_share_object(shapes::make(1, b"a".to_string(), s.ctx()));
    transfer::public_freeze_object(shapes::make(2, b"b".to_string(), s.ctx()));
    let effects = s.next_tx(BOB);
    assert_eq!(effects.shared().length(), 1);
    assert_eq!(effects.frozen().length(), 1);
    let shared: Thing = s.take_shared();
    let frozen: Thing = s.take_immutable();
    assert!(object::id(&shared) != object::id(&frozen));
    ts::return_shared(shared);
    ts::return_immutable(frozen);
    s.end();
}

#[test, expected_failure(abort_code = ts::EInvalidSharedOrImmutableUsage)]
fun shared_things_go_back() {
    let mut s = ts::begin(ALICE);
    transfer::public_share_object(shapes::make(1, b"a".to_string(), s.ctx()));
    s.next_tx(ALICE);
    let shared: Thing = s.take_shared();
    transfer::public_transfer(shared, ALICE);
    s.next_tx(ALICE);
    abort
}

#[test]
fun events() {
    let mut s = ts::begin(ALICE);
    shapes::emit(b"one");
    shapes::emit(b"two");
    assert_eq!(sui::event::num_events(), 2);
    assert_eq!(sui::event::events_by_type<shapes::Seen>().length(), 2);
    assert_eq!(s.next_tx(ALICE).num_user_events(), 2);
    s.end();
}
