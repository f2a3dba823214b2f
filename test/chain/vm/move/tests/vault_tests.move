#[test_only]
module probe::vault_tests;

use probe::vault::{Self, EEmpty, EFull as Full, Vault};
use std::unit_test::{assert_eq, destroy};
use sui::test_scenario as ts;
use sui::test_scenario::EInvalidSharedOrImmutableUsage as Misused;

const A: address = @0xa;

#[test, expected_failure(abort_code = EEmpty)]
fun takes_from_an_empty_one() {
    let mut vault = vault::new(0, &mut tx_context::dummy());
    vault.take();
    destroy(vault);
}

#[test, expected_failure(abort_code = Full)]
fun puts_into_a_full_one() {
    let mut vault = vault::new(10, &mut tx_context::dummy());
    vault.put();
    destroy(vault);
}

#[test]
fun keeps_what_it_took_over_transactions() {
    let mut s = ts::begin(A);
    vault::new(3, s.ctx()).send(A);
    s.next_tx(A);
    let mut vault = s.take_from_sender<Vault>();
    s.next_tx(A);
    assert!(!s.has_most_recent_for_sender<Vault>());
    assert_eq!(s.ids_for_sender<Vault>(), vector[object::id(&vault)]);
    assert!(ts::was_taken_from_address(A, object::id(&vault)));
    vault.put();
    s.next_tx(@0xb);
    ts::return_to_address(A, vault);
    let effects = s.next_tx(A);
    assert_eq!(effects.written().length(), 1);
    let vault = s.take_from_sender<Vault>();
    assert_eq!(vault.n(), 4);
    vault.destroy();
    let effects = s.end();
    assert_eq!(effects.deleted().length(), 1);
}

#[test]
fun keeps_shared_and_frozen_ones_over_transactions() {
    let mut s = ts::begin(A);
    vault::new(1, s.ctx()).share();
    vault::new(2, s.ctx()).freeze_it();
    s.next_tx(A);
    let mut shared = s.take_shared<Vault>();
    let frozen = s.take_immutable<Vault>();
    s.next_tx(A);
    assert!(!ts::has_most_recent_shared<Vault>());
    shared.put();
    ts::return_shared(shared);
    ts::return_immutable(frozen);
    s.next_tx(A);
    let shared = s.take_shared<Vault>();
    assert_eq!(shared.n(), 2);
    ts::return_shared(shared);
    s.end();
}

#[test]
fun throws_a_shared_one_away() {
    let mut s = ts::begin(A);
    vault::new(1, s.ctx()).share();
    s.next_tx(A);
    destroy(s.take_shared<Vault>());
    let effects = s.next_tx(A);
    assert_eq!(effects.deleted().length(), 0);
    assert!(!ts::has_most_recent_shared<Vault>());
    s.end();
}

#[test]
fun deletes_a_shared_one() {
    let mut s = ts::begin(A);
    vault::new(1, s.ctx()).share();
    s.next_tx(A);
    s.take_shared<Vault>().destroy();
    let effects = s.end();
    assert_eq!(effects.deleted().length(), 1);
}

#[test, expected_failure(abort_code = Misused)]
fun sends_a_shared_one() {
    let mut s = ts::begin(A);
    vault::new(1, s.ctx()).share();
    s.next_tx(A);
    let vault = s.take_shared<Vault>();
    vault.send(A);
    s.end();
}

#[test, expected_failure(abort_code = ts::EInvalidSharedOrImmutableUsage)]
fun wraps_a_shared_one() {
    let mut s = ts::begin(A);
    vault::new(1, s.ctx()).share();
    s.next_tx(A);
    let vault = s.take_shared<Vault>();
    vault.wrap(s.ctx());
    s.end();
}

#[test, expected_failure(abort_code = ts::EInvalidSharedOrImmutableUsage)]
fun deletes_a_frozen_one() {
    let mut s = ts::begin(A);
    vault::new(1, s.ctx()).freeze_it();
    s.next_tx(A);
    s.take_immutable<Vault>().destroy();
    s.end();
}

#[test]
fun counts_what_is_wrapped_as_deleted() {
    let mut s = ts::begin(A);
    vault::new(1, s.ctx()).send(A);
    s.next_tx(A);
    let vault = s.take_from_sender<Vault>();
    vault.wrap(s.ctx());
    let effects = s.next_tx(A);
    assert_eq!(effects.deleted().length(), 1);
    assert_eq!(effects.created().length(), 1);
    assert!(!s.has_most_recent_for_sender<Vault>());
    s.end();
}

#[test, expected_failure(abort_code = ts::EObjectNotFound)]
fun takes_one_twice() {
    let mut s = ts::begin(A);
    vault::new(1, s.ctx()).send(A);
    s.next_tx(A);
    let vault = s.take_from_sender<Vault>();
    let again = s.take_from_sender_by_id<Vault>(object::id(&vault));
    destroy(vault);
    destroy(again);
    s.end();
}

#[random_test]
fun adds_up(a: u32, b: u32, list: vector<u8>, flag: bool, to: address) {
    let sum = (a as u64) + (b as u64);
    assert!(sum >= (a as u64) && list.length() < 1000);
    assert!(flag || !flag);
    assert_eq!(sui::address::from_u256(to.to_u256()), to);
}

#[random_test, expected_failure(arithmetic_error, location = Self)]
fun divides_by_nothing(a: u64): u64 { a / (a - a) }
