/// Arithmetic of the standard library that does not abort.
module probe::integers_tests;

#[test]
fun checks_u8() {
    let max = std::u8::max_value!();
    let half: u8 = 16;
    assert!(max.checked_add(0) == option::some(max));
    assert!(max.checked_add(1).is_none());
    assert!((0 as u8).checked_sub(1).is_none());
    assert!((9 as u8).checked_sub(9) == option::some(0));
    assert!(half.checked_mul(half).is_none());
    assert!(half.checked_mul(half - 1) == option::some(half * (half - 1)));
    assert!((0 as u8).checked_mul(max) == option::some(0));
    assert!(max.checked_div(0).is_none());
    assert!((7 as u8).checked_div(2) == option::some(3));
    assert!(max.saturating_add(5) == max);
    assert!((3 as u8).saturating_add(5) == 8);
    assert!((3 as u8).saturating_sub(5) == 0);
    assert!(max.saturating_sub(1) == max - 1);
    assert!(half.saturating_mul(half) == max);
    assert!((0 as u8).saturating_mul(max) == 0);
    assert!((3 as u8).lossless_shl(6) == option::some(3 << 6));
    assert!((3 as u8).lossless_shl(7).is_none());
    assert!((6 as u8).lossless_shr(1) == option::some(3));
    assert!((6 as u8).lossless_shr(2).is_none());
    assert!((6 as u8).lossless_div(3) == option::some(2));
    assert!((6 as u8).lossless_div(4).is_none());
    assert!((6 as u8).lossless_div(0).is_none());
    assert!((1 as u8).checked_shl(7) == option::some(1 << 7));
    assert!((1 as u8).checked_shl(8).is_none());
    assert!(max.checked_shr(7) == option::some(1));
    assert!(max.checked_shr(8).is_none());
    assert!((1 as u8).lossless_shl(8).is_none());
    assert!((0 as u8).lossless_shr(8).is_none());
}

#[test]
fun checks_u16() {
    let max = std::u16::max_value!();
    let half: u16 = 256;
    assert!(max.checked_add(0) == option::some(max));
    assert!(max.checked_add(1).is_none());
    assert!((0 as u16).checked_sub(1).is_none());
    assert!((9 as u16).checked_sub(9) == option::some(0));
    assert!(half.checked_mul(half).is_none());
    assert!(half.checked_mul(half - 1) == option::some(half * (half - 1)));
    assert!((0 as u16).checked_mul(max) == option::some(0));
    assert!(max.checked_div(0).is_none());
    assert!((7 as u16).checked_div(2) == option::some(3));
    assert!(max.saturating_add(5) == max);
    assert!((3 as u16).saturating_add(5) == 8);
    assert!((3 as u16).saturating_sub(5) == 0);
    assert!(max.saturating_sub(1) == max - 1);
    assert!(half.saturating_mul(half) == max);
    assert!((0 as u16).saturating_mul(max) == 0);
    assert!((3 as u16).lossless_shl(14) == option::some(3 << 14));
    assert!((3 as u16).lossless_shl(15).is_none());
    assert!((6 as u16).lossless_shr(1) == option::some(3));
    assert!((6 as u16).lossless_shr(2).is_none());
    assert!((6 as u16).lossless_div(3) == option::some(2));
    assert!((6 as u16).lossless_div(4).is_none());
    assert!((6 as u16).lossless_div(0).is_none());
    assert!((1 as u16).checked_shl(15) == option::some(1 << 15));
    assert!((1 as u16).checked_shl(16).is_none());
    assert!(max.checked_shr(15) == option::some(1));
    assert!(max.checked_shr(16).is_none());
    assert!((1 as u16).lossless_shl(16).is_none());
    assert!((0 as u16).lossless_shr(16).is_none());
}

#[test]
fun checks_u32() {
    let max = std::u32::max_value!();
    let half: u32 = 65536;
    assert!(max.checked_add(0) == option::some(max));
    assert!(max.checked_add(1).is_none());
    assert!((0 as u32).checked_sub(1).is_none());
    assert!((9 as u32).checked_sub(9) == option::some(0));
    assert!(half.checked_mul(half).is_none());
    assert!(half.checked_mul(half - 1) == option::some(half * (half - 1)));
    assert!((0 as u32).checked_mul(max) == option::some(0));
    assert!(max.checked_div(0).is_none());
    assert!((7 as u32).checked_div(2) == option::some(3));
    assert!(max.saturating_add(5) == max);
    assert!((3 as u32).saturating_add(5) == 8);
    assert!((3 as u32).saturating_sub(5) == 0);
    assert!(max.saturating_sub(1) == max - 1);
    assert!(half.saturating_mul(half) == max);
    assert!((0 as u32).saturating_mul(max) == 0);
    assert!((3 as u32).lossless_shl(30) == option::some(3 << 30));
    assert!((3 as u32).lossless_shl(31).is_none());
    assert!((6 as u32).lossless_shr(1) == option::some(3));
    assert!((6 as u32).lossless_shr(2).is_none());
    assert!((6 as u32).lossless_div(3) == option::some(2));
    assert!((6 as u32).lossless_div(4).is_none());
    assert!((6 as u32).lossless_div(0).is_none());
    assert!((1 as u32).checked_shl(31) == option::some(1 << 31));
    assert!((1 as u32).checked_shl(32).is_none());
    assert!(max.checked_shr(31) == option::some(1));
    assert!(max.checked_shr(32).is_none());
    assert!((1 as u32).lossless_shl(32).is_none());
    assert!((0 as u32).lossless_shr(32).is_none());
}

#[test]
fun checks_u64() {
    let max = std::u64::max_value!();
    let half: u64 = 4294967296;
    assert!(max.checked_add(0) == option::some(max));
    assert!(max.checked_add(1).is_none());
    assert!((0 as u64).checked_sub(1).is_none());
    assert!((9 as u64).checked_sub(9) == option::some(0));
    assert!(half.checked_mul(half).is_none());
    assert!(half.checked_mul(half - 1) == option::some(half * (half - 1)));
    assert!((0 as u64).checked_mul(max) == option::some(0));
    assert!(max.checked_div(0).is_none());
    assert!((7 as u64).checked_div(2) == option::some(3));
    assert!(max.saturating_add(5) == max);
    assert!((3 as u64).saturating_add(5) == 8);
    assert!((3 as u64).saturating_sub(5) == 0);
    assert!(max.saturating_sub(1) == max - 1);
    assert!(half.saturating_mul(half) == max);
    assert!((0 as u64).saturating_mul(max) == 0);
    assert!((3 as u64).lossless_shl(62) == option::some(3 << 62));
    assert!((3 as u64).lossless_shl(63).is_none());
    assert!((6 as u64).lossless_shr(1) == option::some(3));
    assert!((6 as u64).lossless_shr(2).is_none());
    assert!((6 as u64).lossless_div(3) == option::some(2));
    assert!((6 as u64).lossless_div(4).is_none());
    assert!((6 as u64).lossless_div(0).is_none());
    assert!((1 as u64).checked_shl(63) == option::some(1 << 63));
    assert!((1 as u64).checked_shl(64).is_none());
    assert!(max.checked_shr(63) == option::some(1));
    assert!(max.checked_shr(64).is_none());
    assert!((1 as u64).lossless_shl(64).is_none());
    assert!((0 as u64).lossless_shr(64).is_none());
}

#[test]
fun checks_u128() {
    let max = std::u128::max_value!();
    let half: u128 = 18446744073709551616;
    assert!(max.checked_add(0) == option::some(max));
    assert!(max.checked_add(1).is_none());
    assert!((0 as u128).checked_sub(1).is_none());
    assert!((9 as u128).checked_sub(9) == option::some(0));
    assert!(half.checked_mul(half).is_none());
    assert!(half.checked_mul(half - 1) == option::some(half * (half - 1)));
    assert!((0 as u128).checked_mul(max) == option::some(0));
    assert!(max.checked_div(0).is_none());
    assert!((7 as u128).checked_div(2) == option::some(3));
    assert!(max.saturating_add(5) == max);
    assert!((3 as u128).saturating_add(5) == 8);
    assert!((3 as u128).saturating_sub(5) == 0);
    assert!(max.saturating_sub(1) == max - 1);
    assert!(half.saturating_mul(half) == max);
    assert!((0 as u128).saturating_mul(max) == 0);
    assert!((3 as u128).lossless_shl(126) == option::some(3 << 126));
    assert!((3 as u128).lossless_shl(127).is_none());
    assert!((6 as u128).lossless_shr(1) == option::some(3));
    assert!((6 as u128).lossless_shr(2).is_none());
    assert!((6 as u128).lossless_div(3) == option::some(2));
    assert!((6 as u128).lossless_div(4).is_none());
    assert!((6 as u128).lossless_div(0).is_none());
    assert!((1 as u128).checked_shl(127) == option::some(1 << 127));
    assert!((1 as u128).checked_shl(128).is_none());
    assert!(max.checked_shr(127) == option::some(1));
    assert!(max.checked_shr(128).is_none());
    assert!((1 as u128).lossless_shl(128).is_none());
    assert!((0 as u128).lossless_shr(128).is_none());
}

#[test]
fun checks_u256() {
    let max = std::u256::max_value!();
    let half: u256 = 340282366920938463463374607431768211456;
    assert!(max.checked_add(0) == option::some(max));
    assert!(max.checked_add(1).is_none());
    assert!((0 as u256).checked_sub(1).is_none());
    assert!((9 as u256).checked_sub(9) == option::some(0));
    assert!(half.checked_mul(half).is_none());
    assert!(half.checked_mul(half - 1) == option::some(half * (half - 1)));
    assert!((0 as u256).checked_mul(max) == option::some(0));
    assert!(max.checked_div(0).is_none());
    assert!((7 as u256).checked_div(2) == option::some(3));
    assert!(max.saturating_add(5) == max);
    assert!((3 as u256).saturating_add(5) == 8);
    assert!((3 as u256).saturating_sub(5) == 0);
    assert!(max.saturating_sub(1) == max - 1);
    assert!(half.saturating_mul(half) == max);
    assert!((0 as u256).saturating_mul(max) == 0);
    assert!((3 as u256).lossless_shl(254) == option::some(3 << 254));
    assert!((3 as u256).lossless_shl(255).is_none());
    assert!((6 as u256).lossless_shr(1) == option::some(3));
    assert!((6 as u256).lossless_shr(2).is_none());
    assert!((6 as u256).lossless_div(3) == option::some(2));
    assert!((6 as u256).lossless_div(4).is_none());
    assert!((6 as u256).lossless_div(0).is_none());
}
