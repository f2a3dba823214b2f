/// One function for each operator, so that tests can reach every instruction.
module probe::arithmetic;

public fun add8(a: u8, b: u8): u8 { a + b }
public fun add64(a: u64, b: u64): u64 { a + b }
public fun add256(a: u256, b: u256): u256 { a + b }
public fun sub32(a: u32, b: u32): u32 { a - b }
public fun sub64(a: u64, b: u64): u64 { a - b }
public fun mul32(a: u32, b: u32): u32 { a * b }
public fun mul128(a: u128, b: u128): u128 { a * b }
public fun div32(a: u32, b: u32): u32 { a / b }
public fun div64(a: u64, b: u64): u64 { a / b }
public fun mod16(a: u16, b: u16): u16 { a % b }
public fun mod256(a: u256, b: u256): u256 { a % b }
public fun shl32(a: u32, b: u8): u32 { a << b }
public fun shl64(a: u64, b: u8): u64 { a << b }
public fun shr32(a: u32, b: u8): u32 { a >> b }
public fun shr256(a: u256, b: u8): u256 { a >> b }
public fun bits32(a: u32, b: u32): u32 { (a & b) ^ (a | b) }
public fun bits64(a: u64, b: u64): u64 { (a & b) ^ (a | b) }
public fun to8(a: u256): u8 { a as u8 }
public fun to16(a: u32): u16 { a as u16 }
public fun to64(a: u32): u64 { a as u64 }
public fun to128(a: u256): u128 { a as u128 }

/// A loop that only counts.
public fun sum(n: u64): u64 {
    let mut s = 0;
    let mut i = 0;
    while (i < n) {
        s = s + i * 3 % 7;
        i = i + 1
    };
    s
}

public fun forever() {
    loop {}
}

public fun recurse(n: u64): u64 {
    if (n == 0) 0 else 1 + recurse(n - 1)
}
