#[test_only]
module probe::framework_tests;

use std::unit_test::assert_eq;
use std::type_name;
use sui::{address, bag, bcs, clock, coin, dynamic_field as df, dynamic_object_field as dof, hash, hmac, random, sui::SUI, table, vec_map, vec_set};
use sui::test_scenario as ts;

public struct Key has copy, drop, store { n: u64 }

public struct Holder has key, store { id: UID, n: u64 }

public struct FRAMEWORK_TESTS has drop {}

fun holder(n: u64, ctx: &mut TxContext): Holder { Holder { id: object::new(ctx), n } }

#[test]
fun hashes() {
    assert_eq!(std::hash::sha2_256(b"abc"), x"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(std::hash::sha3_256(b"abc"), x"3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532");
    assert_eq!(hash::keccak256(&b"abc"), x"4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45");
    assert_eq!(hash::blake2b256(&b"abc"), x"bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
    assert_eq!(
        hmac::hmac_sha3_256(&b"key", &b"message").length(),
        32,
    );
}

#[test]
fun strings() {
    let s = b"h\xc3\xa9llo".to_string();
    assert_eq!(s.length(), 6);
    assert_eq!(s.substring(0, 3), b"h\xc3\xa9".to_string());
    assert_eq!(s.index_of(&b"llo".to_string()), 3);
    assert_eq!(s.index_of(&b"x".to_string()), 6);
    assert!(std::string::try_utf8(b"\xff").is_none());
}

#[test, expected_failure(abort_code = std::string::EInvalidUTF8)]
fun not_utf8() { b"\xc3".to_string(); }

#[test, expected_failure(abort_code = std::string::EInvalidIndex)]
fun within_a_character() { b"h\xc3\xa9llo".to_string().substring(0, 2); }

#[test]
fun numbers_and_addresses() {
    assert_eq!(address::to_u256(@0xff), 255);
    assert_eq!(address::from_u256(256), @0x100);
    assert_eq!(@0x2.to_string(), b"0000000000000000000000000000000000000000000000000000000000000002".to_string());
    assert_eq!(address::from_bytes(x"00000000000000000000000000000000000000000000000000000000000000aa"), @0xaa);
    assert_eq!(std::u64::pow(3, 30), 205891132094649);
    assert_eq!(1000000u64.sqrt(), 1000);
    assert_eq!((1u256 << 255) >> 254, 2);
}

#[test, expected_failure(abort_code = address::EAddressParseError)]
fun short_address() { address::from_bytes(x"00"); }

#[test]
fun bytes_of_values() {
    assert_eq!(bcs::to_bytes(&Key { n: 258 }), x"0201000000000000");
    assert_eq!(bcs::to_bytes(&vector[option::some(1u16), option::none()]), x"0201010000");
    assert_eq!(bcs::to_bytes(&true), x"01");
    let mut reader = bcs::new(x"0a000000000000000301020301");
    assert_eq!(reader.peel_u64(), 10);
    assert_eq!(reader.peel_vec_u8(), x"010203");
    assert!(reader.peel_bool());
}

#[test]
fun names_of_types() {
    assert_eq!(
        type_name::with_defining_ids<vector<coin::Coin<SUI>>>().into_string(),
        b"vector<0000000000000000000000000000000000000000000000000000000000000002::coin::Coin<0000000000000000000000000000000000000000000000000000000000000002::sui::SUI>>".to_ascii_string(),
    );
    assert_eq!(type_name::with_defining_ids<u8>().into_string(), b"u8".to_ascii_string());
    assert_eq!(type_name::with_defining_ids<Key>().module_string(), b"framework_tests".to_ascii_string());
}

#[test]
fun fields() {
    let mut ctx = tx_context::dummy();
    let mut id = object::new(&mut ctx);
    df::add(&mut id, Key { n: 1 }, 10u64);
    df::add(&mut id, b"x", 11u64);
    assert!(df::exists_(&id, Key { n: 1 }));
    assert!(!df::exists_(&id, Key { n: 2 }));
    assert!(df::exists_with_type<Key, u64>(&id, Key { n: 1 }));
    assert!(!df::exists_with_type<Key, u8>(&id, Key { n: 1 }));
    *df::borrow_mut(&mut id, b"x") = 12u64;
    assert_eq!(*df::borrow(&id, b"x"), 12u64);
    assert_eq!(df::remove(&mut id, Key { n: 1 }), 10u64);
    assert!(!df::exists_(&id, Key { n: 1 }));
    dof::add(&mut id, 1u8, holder(3, &mut ctx));
    assert_eq!(dof::borrow<u8, Holder>(&id, 1).n, 3);
    let h: Holder = dof::remove(&mut id, 1u8);
    std::unit_test::destroy(h);
    std::unit_test::destroy(id);
}

#[test, expected_failure(abort_code = df::EFieldAlreadyExists)]
fun twice() {
    let mut id = object::new(&mut tx_context::dummy());
    df::add(&mut id, 1u8, 1u8);
    df::add(&mut id, 1u8, 2u8);
    abort
}

#[test, expected_failure(abort_code = df::EFieldDoesNotExist)]
fun absent() {
    let id = object::new(&mut tx_context::dummy());
    let _: &u8 = df::borrow(&id, 1u8);
    abort
}

#[test, expected_failure(abort_code = df::EFieldTypeMismatch)]
fun mistaken() {
    let mut id = object::new(&mut tx_context::dummy());
    df::add(&mut id, 1u8, 1u8);
    let _: &u64 = df::borrow(&id, 1u8);
    abort
}

#[test]
fun collections() {
    let mut ctx = tx_context::dummy();
    let mut t = table::new<u64, vector<u8>>(&mut ctx);
    10u64.do!(|i| t.add(i, vector[i as u8]));
    assert_eq!(t.length(), 10);
    assert_eq!(t[7], vector[7]);
    10u64.do!(|i| { t.remove(i); });
    t.destroy_empty();
    let mut m = vec_map::empty();
    m.insert(b"a", 1u8);
    m.insert(b"b", 2);
    assert_eq!(*m.get(&b"b"), 2);
    let mut s = vec_set::singleton(1u128);
    s.insert(2);
    assert!(s.contains(&2));
    let mut b = bag::new(&mut ctx);
    b.add(1u8, b"one");
    b.add(b"two", 2u64);
    assert_eq!(b.length(), 2);
    assert_eq!(b.remove<u8, vector<u8>>(1), b"one");
    assert_eq!(b.remove<vector<u8>, u64>(b"two"), 2);
    b.destroy_empty();
}

#[test]
fun macros() {
    let v = vector::tabulate!(50, |i| i * i % 17);
    assert_eq!(v.fold!(0, |a, b| a + b), 407);
    assert_eq!(v.filter!(|x| *x > 14).length(), 12);
    assert!(v.any!(|x| *x == 16) && v.all!(|x| *x < 17));
    let mut sorted = v.map!(|x| x as u8);
    sorted.reverse();
    assert_eq!(sorted.length(), 50);
    assert_eq!(option::some(5u64).map!(|x| x + 1).destroy_or!(0), 6);
}

#[test]
fun coins() {
    let mut ctx = tx_context::dummy();
    let mut a = coin::mint_for_testing<SUI>(100, &mut ctx);
    let b = a.split(30, &mut ctx);
    a.join(b);
    assert_eq!(a.burn_for_testing(), 100);
}

#[test]
fun identities() {
    let mut ctx = tx_context::new_from_hint(@0xa, 7, 3, 1000, 0);
    let first = object::new(&mut ctx);
    let second = object::new(&mut ctx);
    assert!(first.to_address() != second.to_address());
    assert_eq!(object::last_created(&ctx), second.to_inner());
    assert_eq!(ctx.get_ids_created(), 2);
    assert_eq!(ctx.epoch(), 3);
    assert_eq!(ctx.sender(), @0xa);
    first.delete();
    second.delete();
}

#[test]
fun time() {
    let mut ctx = tx_context::dummy();
    let mut c = clock::create_for_testing(&mut ctx);
    c.increment_for_testing(42);
    assert_eq!(c.timestamp_ms(), 42);
    c.destroy_for_testing();
}

#[test]
fun chance() {
    let mut g = random::new_generator_from_seed_for_testing(b"seed");
    let first = g.generate_u64();
    let mut h = random::new_generator_from_seed_for_testing(b"seed");
    assert_eq!(h.generate_u64(), first);
    let n = g.generate_u8_in_range(3, 9);
    assert!(n >= 3 && n <= 9);
    assert_eq!(g.generate_bytes(100).length(), 100);
}

#[test]
fun witnesses() {
    assert!(sui::types::is_one_time_witness(&FRAMEWORK_TESTS {}));
    assert!(!sui::types::is_one_time_witness(&Key { n: 1 }));
}

#[test]
fun mailbox() {
    let mut s = ts::begin(@0xa);
    let mut parent = holder(1, s.ctx());
    let child = holder(2, s.ctx());
    let parent_id = object::id(&parent);
    transfer::public_transfer(child, parent_id.to_address());
    s.next_tx(@0xa);
    let ticket = ts::most_recent_receiving_ticket<Holder>(&parent_id);
    let received = transfer::public_receive(&mut parent.id, ticket);
    assert_eq!(received.n, 2);
    std::unit_test::destroy(received);
    std::unit_test::destroy(parent);
    s.end();
}

#[test]
fun supply_to_the_last_unit() {
    let mut supply = sui::balance::create_supply(FRAMEWORK_TESTS {});
    let all = supply.increase_supply(18446744073709551614);
    let last = supply.increase_supply(1);
    assert_eq!(supply.supply_value(), 18446744073709551615);
    assert_eq!(supply.decrease_supply(last), 1);
    std::unit_test::destroy(all);
    std::unit_test::destroy(supply);
}

#[test, expected_failure(abort_code = sui::balance::EOverflow)]
fun supply_beyond_the_last_unit() {
    let mut supply = sui::balance::create_supply(FRAMEWORK_TESTS {});
    let all = supply.increase_supply(18446744073709551615);
    let more = supply.increase_supply(1);
    std::unit_test::destroy(vector[all, more]);
    std::unit_test::destroy(supply);
}

#[test]
fun vectors_up_to_their_end() {
    let mut v = vector<u8>[];
    while (v.length() < 262144) v.push_back(0);
    assert_eq!(v.length(), 262144);
}
