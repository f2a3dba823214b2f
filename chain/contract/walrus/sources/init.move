module walrus::init;
use wal::wal::WAL;
use sui::coin::Coin;
public fun x(c: &Coin<WAL>): u64 { c.value() }
