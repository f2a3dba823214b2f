import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { TRANSACTION_BOUNDS } from '../../../chain/localnet/ledger/limits.ts'
import {
  Meter,
  type MeterLimits,
  refTo,
  type Value,
  type Vm,
  VmError,
  type VmFailure,
} from '../../../chain/localnet/vm/index.ts'
import { TestContext } from '../../../chain/localnet/vm/testing/context.ts'
import { compileTests } from '../../../chain/localnet/vm/testing/index.ts'
import { caller, loadPackages, probePackage } from './support/probe.ts'

/** Endless loops over everything that takes time or memory; what a stranger may publish, or only simulate. */
const source = `
module probe::attacks;

use std::bcs;
use std::hash::{sha2_256, sha3_256};
use std::type_name;
use sui::dynamic_field as field;
use sui::event;
use sui::hash::{blake2b256, keccak256};

public struct Wrap<T> has copy, drop, store { item: T }
public struct Pair<A, B> has copy, drop, store { a: A, b: B }
public struct Deep<T> has copy, drop, store { a: Deep2<T> }
public struct Deep2<T> has copy, drop, store { a: Deep3<T> }
public struct Deep3<T> has copy, drop, store { a: Deep4<T> }
public struct Deep4<T> has copy, drop, store { a: Deep5<T> }
public struct Deep5<T> has copy, drop, store { a: T }
public struct Key has copy, drop, store { n: u64 }
public struct Wide has copy, drop, store { a: u256, b: u256, c: u256, d: u256, e: u256, f: u256, g: u256, h: u256 }
public enum Choice has copy, drop, store { None, Some { list: vector<u64> } }

public(package) fun of(count: u64): vector<u8> { bytes(count) }
fun empties(count: u64): vector<vector<u8>> {
    let mut v = vector<vector<u8>>[];
    let mut i = 0;
    while (i < count) { v.push_back(vector[]); i = i + 1 };
    v
}
fun bytes(count: u64): vector<u8> {
    let mut v = vector<u8>[];
    let mut i = 0;
    while (i < count) { v.push_back(97); i = i + 1 };
    v
}

public fun empty_vectors() { loop { let v = vector<u64>[]; v.destroy_empty() } }
public fun kept_vectors() { let mut all = vector[]; loop { all.push_back(empties(1000)) } }
public fun pushes() { loop { let mut v = vector<u64>[]; v.push_back(1); v.pop_back(); } }
public fun copies_of_empty_vectors() { let v = empties(1000); loop { let _c = v; } }
public fun kept_copies() { let v = empties(1000); let mut all = vector[]; loop { all.push_back(v) } }
public fun doubling() { let mut v = vector[1u64]; loop { let c = v; v.append(c); if (v.length() > 100000) v = vector[1] } }
public fun compared() { let v = empties(1000); let w = v; loop { let _same = v == w; } }
public fun wrapped() { loop { let w = Wrap { item: Wrap { item: Wrap { item: Wrap { item: 1u64 } } } }; let Wrap { item: _ } = w; } }
public fun wide(n: u256) {
    let mut all = vector[];
    let mut i = n;
    loop {
        all.push_back(Wide { a: i, b: i + 1, c: i + 2, d: i + 3, e: i + 4, f: i + 5, g: i + 6, h: i + 7 });
        i = i + 8;
        if (all.length() > 10000) all = vector[];
    }
}
public fun variants() { let mut all = vector[]; loop { all.push_back(Choice::Some { list: vector[] }); all.push_back(Choice::None); if (all.length() > 10000) all = vector[] } }
public fun numbers() { let mut n = 3u256; loop { n = (n * n + 7) % 115792089237316195423570985008687907853269984665640564039457584007913129639747 >> 129 } }
fun many_locals(n: u64): u64 {
    let a = n; let b = a + 1; let c = b + 1; let d = c + 1; let e = d + 1;
    if (n == 0) return a + b + c + d + e;
    many_locals(n - 1) + many_locals(n - 1)
}
public fun calls() { many_locals(60); }
public fun uids(ctx: &mut TxContext) { loop { object::new(ctx).delete() } }
public fun addresses(ctx: &mut TxContext) { let mut all = vector[]; loop { all.push_back(ctx.fresh_object_address()); if (all.length() > 10000) all = vector[] } }
public fun converted() { let mut n = 0u256; loop { n = sui::address::from_u256(n).to_u256() + 1 } }
public fun names() { loop { type_name::with_defining_ids<Pair<Pair<Wrap<u8>, Wrap<Key>>, Pair<Wrap<u8>, vector<Key>>>>(); } }
public fun original_names() { loop { type_name::with_original_ids<Pair<Pair<Wrap<u8>, Wrap<Key>>, Pair<Wrap<u8>, vector<Key>>>>(); } }
public(package) fun hold<T>(): vector<T> { vector[] }
public(package) fun named<T>() { loop { type_name::with_defining_ids<T>(); } }
public fun serialized() { let v = empties(10000); loop { bcs::to_bytes(&v); } }
public fun serialized_bytes() { let v = bytes(100000); loop { bcs::to_bytes(&v); } }
public fun serialized_little() { loop { bcs::to_bytes(&1u8); } }
public fun hashes() { loop { sha2_256(vector[]); sha3_256(vector[]); } }
public fun sui_hashes() { let v = vector[]; loop { blake2b256(&v); keccak256(&v); } }
public fun long_hashes() { let v = bytes(100000); loop { blake2b256(&v); keccak256(&v); sha3_256(v); } }
public fun searched() { let text = bytes(100000).to_ascii_string(); let mut p = bytes(20000); p.push_back(98); let p = p.to_ascii_string(); loop { text.index_of(&p); } }
public fun searched_utf8() { let text = bytes(100000).to_string(); let mut p = vector[98]; p.append(bytes(20000)); let p = p.to_string(); loop { text.index_of(&p); } }
public fun substrings() { let text = bytes(10000).to_string(); loop { text.substring(0, 10000); } }
public fun fields(ctx: &mut TxContext) { let mut id = object::new(ctx); loop { field::add(&mut id, Key { n: 1 }, 1u64); field::borrow_mut<Key, u64>(&mut id, Key { n: 1 }); field::remove<Key, u64>(&mut id, Key { n: 1 }); } }
public fun events() { loop { event::emit(Key { n: 1 }) } }
public fun switched() { let c = Choice::Some { list: vector[] }; loop { match (&c) { Choice::None => (), Choice::Some { list } => { list.length(); } } } }
public fun random_bytes() { let v = vector[1u8, 2, 3]; loop { let mut w = v; w.reverse(); w.append(v); w.swap(0, 1); } }
`

const failureOf = (run: () => unknown): VmFailure | undefined => {
  try {
    run()
    return undefined
  } catch (error) {
    assert.ok(error instanceof VmError, String(error))
    return error.failure
  }
}

describe('vm against endless work', function () {
  this.timeout(60_000)
  let vm: Vm
  let call: ReturnType<typeof caller>
  before(async () => {
    const files = { 'Move.toml': probePackage().files['Move.toml']!, 'sources/attacks.move': source }
    const { modules } = await compileTests({ name: 'probe', files })
    const loaded = loadPackages(modules)
    vm = loaded.vm
    call = caller(vm, loaded.address)
  })

  /** Of what a transaction may take, so that the tests are quick. */
  const tenth = { steps: TRANSACTION_BOUNDS.steps / 10, bytes: TRANSACTION_BOUNDS.bytes / 10 }
  const bounded = (bounds: MeterLimits = TRANSACTION_BOUNDS) => new TestContext(new Meter(bounds))
  const txContext = (): Value => refTo([`0x${'0'.repeat(64)}`, [], 0n, 0n, 0n])
  const argumentsOf: Record<string, () => Value[]> = {
    '': () => [],
    'n: u256': () => [1n],
    'ctx: &mut TxContext': () => [txContext()],
  }

  for (const [, name, parameters] of source.matchAll(/^public fun (\w+)\(([^)]*)\)/gm))
    it(`ends ${name}`, () => {
      const context = bounded(tenth)
      const failure = failureOf(() => call(`attacks::${name}`, argumentsOf[parameters!]!(), [], context))
      assert.equal(failure?.kind, 'InsufficientGas')
    })

  it('ends long names of deep types', () => {
    let type = 'u8'
    while (type.split('Pair').length < 100) type = `probe::attacks::Pair<${type}, ${type}>`
    const failure = failureOf(() => call('attacks::named', [], [type], bounded(tenth)))
    assert.equal(failure?.kind, 'InsufficientGas')
  })

  it('ends at its time, however few steps that are', () => {
    const context = bounded({ steps: 1e12, durationMs: 5 })
    const failure = failureOf(() => call('attacks::switched', [], [], context))
    assert.deepEqual(failure?.kind === 'InsufficientGas' && failure.what, 'time')
    assert.ok(context.meter.remaining > 0)
  })

  it('counts memory that was let go again', () => {
    const context = bounded({ steps: 1e12, bytes: 1e6 })
    const failure = failureOf(() => call('attacks::copies_of_empty_vectors', [], [], context))
    assert.deepEqual(failure?.kind === 'InsufficientGas' && failure.what, 'memory')
  })

  it("ends a vector at Sui's number of elements", () => {
    const full = call('attacks::of', [262_144n], [], bounded())[0] as Value[]
    assert.equal(full.length, 262_144)
    const failure = failureOf(() => call('attacks::of', [262_145n], [], bounded()))
    assert.ok(failure?.kind === 'MovePrimitiveRuntimeError')
    assert.deepEqual([failure.reason, failure.subStatus], ['VECTOR_ERROR', 4])
  })

  it('bounds how deep values nest', () => {
    const deep = (times: number): string => (times === 0 ? 'u8' : `probe::attacks::Deep<${deep(times - 1)}>`)
    assert.deepEqual(call('attacks::hold', [], [deep(20)], bounded()), [[]])
    const failure = failureOf(() => call('attacks::hold', [], [deep(30)], bounded()))
    assert.ok(failure?.kind === 'MovePrimitiveRuntimeError')
    assert.equal(failure.reason, 'VALUE_TOO_DEEP')
  })

  it('forgets types that strangers named', async () => {
    const named = new WeakRef(vm.types.fromTag('0x2::a_module_that_is_not::T'))
    assert.ok(named.deref())
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    await setImmediate() // until then the reference is held by this turn
    collect()
    assert.equal(named.deref(), undefined)
    assert.equal(
      vm.types.fromTag('0x2::a_module_that_is_not::T').text,
      vm.types.fromTag('0x2::a_module_that_is_not::T').text,
    )
  })
})
