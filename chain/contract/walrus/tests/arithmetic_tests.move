/// Small parts on their own.
#[test_only]
module walrus::arithmetic_tests;

use std::unit_test::{assert_eq, destroy};
use sui::balance;
use wal::wal::WAL;
use walrus::extended_field;
use walrus::pending_values;
use walrus::pool_exchange_rate;
use walrus::storage_accounting;

#[test]
fun pending_values_add_up_by_epoch() {
    let mut values = pending_values::empty();
    values.insert_or_add(5, 10);
    values.insert_or_add(3, 1);
    values.insert_or_add(5, 20);
    assert_eq!(values.value_at(2), 0);
    assert_eq!(values.value_at(3), 1);
    assert_eq!(values.value_at(5), 31);
    values.reduce(5, 4);
    assert_eq!(values.flush(4), 1);
    assert_eq!(values.flush(4), 0);
    assert!(!values.is_empty());
    assert_eq!(values.flush(9), 26);
    assert!(values.is_empty());
}

#[test]
fun the_latest_of_pending_values() {
    let mut values = pending_values::empty();
    values.insert_or_replace(5, 10);
    values.insert_or_replace(5, 11);
    values.insert_or_replace(4, 9);
    values.insert_or_replace(7, 1);
    assert_eq!(values.flush_latest(5), option::some(11));
    assert_eq!(values.flush_latest(6), option::none());
    assert_eq!(values.flush_latest(7), option::some(1));
}

#[test, expected_failure(abort_code = walrus::pending_values::EMissingEpochValue)]
fun only_what_is_pending_is_reduced() {
    let mut values = pending_values::empty();
    values.insert_or_add(5, 10);
    values.reduce(4, 1);
}

#[test, expected_failure(abort_code = walrus::pending_values::EReduceValueTooLarge)]
fun not_by_more_than_is_pending() {
    let mut values = pending_values::empty();
    values.insert_or_add(5, 10);
    values.reduce(5, 11);
}

#[test]
fun exchange_rates_round_down() {
    let flat = pool_exchange_rate::flat();
    assert_eq!(flat.convert_to_share_amount(7), 7);
    assert_eq!(flat.convert_to_wal_amount(7), 7);
    assert_eq!(pool_exchange_rate::new(0, 5), flat);
    assert_eq!(pool_exchange_rate::new(5, 0), flat);
    // 3 shares for 4 FROST
    let rate = pool_exchange_rate::new(4, 3);
    assert_eq!(rate.convert_to_share_amount(1), 0);
    assert_eq!(rate.convert_to_share_amount(4), 3);
    assert_eq!(rate.convert_to_share_amount(7), 5);
    assert_eq!(rate.convert_to_wal_amount(1), 1);
    assert_eq!(rate.convert_to_wal_amount(5), 6);
    // there and back never gains
    let mut amount = 0;
    while (amount < 50) {
        assert!(rate.convert_to_wal_amount(rate.convert_to_share_amount(amount)) <= amount);
        amount = amount + 1;
    };
    // all of WAL at a rate of all of WAL
    let all = 5_000_000_000_000_000_000;
    assert_eq!(pool_exchange_rate::new(all, all).convert_to_share_amount(all), all);
}

#[test]
fun the_ring_turns() {
    let mut ring = storage_accounting::ring_new(3);
    ring.ring_lookup_mut(1).increase_used_capacity(10);
    ring.ring_lookup_mut(2).increase_used_capacity(20);
    assert_eq!(ring.ring_lookup_mut(2).increase_used_capacity(5), 25);
    ring.ring_lookup_mut(2).rewards_balance().join(balance::create_for_testing<WAL>(7));
    let mut turn = 0;
    while (turn < 7) {
        let ended = ring.ring_pop_expand();
        assert_eq!(ended.epoch(), turn);
        let capacity = if (turn == 1) 10 else if (turn == 2) 25 else 0;
        assert_eq!(ended.used_capacity(), capacity);
        let rewards = ended.unwrap_balance();
        assert_eq!(rewards.value(), if (turn == 2) 7 else 0);
        destroy(rewards);
        assert_eq!(ring.ring_lookup(0).epoch(), turn + 1);
        assert_eq!(ring.ring_lookup(2).epoch(), turn + 3);
        turn = turn + 1;
    };
    destroy(ring);
}

#[test]
fun an_extended_field_holds_a_value() {
    let ctx = &mut tx_context::dummy();
    let mut field = extended_field::new(5u64, ctx);
    assert_eq!(*field.borrow(), 5);
    *field.borrow_mut() = 6;
    assert_eq!(field.swap(7), 6);
    assert_eq!(field.destroy(), 7);
}
