import assert from 'node:assert/strict'
import { deriveDynamicFieldID } from '@mysten/sui/utils'
import { bls12_381 } from '@noble/curves/bls12-381.js'
import { ed25519 } from '@noble/curves/ed25519.js'
import { p256 } from '@noble/curves/nist.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import {
  bytesToValue,
  createVm,
  deriveChildId,
  refTo,
  type Value,
  type Vm,
  VmError,
  valueToBytes,
} from '../../../chain/localnet/vm/index.ts'
import { Meter } from '../../../chain/localnet/vm/meter.ts'
import { builtinNatives } from '../../../chain/localnet/vm/natives/index.ts'
import { Memory } from '../../../chain/localnet/vm/natives/memory.ts'
import { testNatives } from '../../../chain/localnet/vm/testing/natives.ts'
import { Scenario } from '../../../chain/localnet/vm/testing/scenario.ts'
import { fullAddress } from '../../../chain/localnet/vm/type-table.ts'
import { loadBls } from '../../../codec/node.ts'
import { compileProbe, contextWith, loadProbe } from './support/probe.ts'

const bytes = (data: Uint8Array): Value => refTo(bytesToValue(data))
const text = (message: string): Uint8Array => new TextEncoder().encode(message)

describe('vm natives', () => {
  let vm: Vm
  let probe: Awaited<ReturnType<typeof compileProbe>>
  before(async () => {
    probe = await compileProbe()
    vm = loadProbe(probe)
  })

  const run = (machine: Vm, path: string, args: Value[], types: string[] = []): Value[] => {
    const [address = '', module = '', name = ''] = path.split('::')
    const typeArguments = types.map(type => machine.types.fromTag(type))
    return machine.call(
      machine.function(fullAddress(address), module, name),
      typeArguments,
      args,
      contextWith(),
    )
  }
  const call = (path: string, ...args: Value[]): Value => run(vm, path, args)[0]!
  const hex = (value: Value): string => Buffer.from(valueToBytes(value)).toString('hex')
  const abortCode = (path: string, ...args: Value[]): bigint => {
    try {
      call(path, ...args)
    } catch (error) {
      if (error instanceof VmError && error.failure.kind === 'MoveAbort') return error.failure.code
      throw error
    }
    throw new Error(`${path} should abort`)
  }

  it('has every native that the framework declares', () => {
    const known = new Set(
      Object.keys({ ...builtinNatives(), ...testNatives(new Scenario(new Meter({ steps: 0 }))) }).map(
        name => {
          const [address = '', ...rest] = name.split('::')
          return [fullAddress(address), ...rest].join('::')
        },
      ),
    )
    const declared = probe.packages.flatMap(([id]) =>
      [...vm.package(id)!.modules.values()].flatMap(module =>
        [...module.functions.values()]
          .filter(fn => fn.isNative)
          .map(fn => `${id}::${module.name}::${fn.name}`),
      ),
    )
    assert.ok(declared.length > 60, `${declared.length} natives`)
    assert.deepEqual(
      declared.filter(name => !known.has(name)),
      [],
    )
  })

  for (const [name, load] of [
    ['the built-in verifier', async () => undefined],
    ['codec’s verifier', loadBls],
  ] as const)
    it(`verifies BLS signatures with ${name}`, async () => {
      const fast = await load()
      const machine = loadProbe(probe, createVm(fast ? { bls: fast } : {}))
      const bls = await loadBls()
      const secret = bls.generateSecret()
      const key = bls.publicKey(secret)
      const message = text('certified')
      const signature = bls.sign(secret, message)
      const verify = (s: Uint8Array, k: Uint8Array, m: Uint8Array) =>
        run(machine, '0x2::bls12381::bls12381_min_pk_verify', [bytes(s), bytes(k), bytes(m)])[0]
      assert.equal(verify(signature, key, message), true)
      assert.equal(verify(signature, key, text('certifieD')), false)
      assert.equal(verify(signature, bls.publicKey(bls.generateSecret()), message), false)
      assert.equal(verify(signature.subarray(1), key, message), false)
      assert.equal(verify(signature, key.subarray(1), message), false)
      assert.equal(verify(new Uint8Array(96), new Uint8Array(48), message), false)
      const infinity = (length: number) => Uint8Array.from({ length }, (_, i) => (i === 0 ? 0xc0 : 0))
      assert.equal(verify(infinity(96), infinity(48), message), false)
      // longer than the fast library takes
      const long = new Uint8Array(300_000).fill(5)
      const { longSignatures } = bls12_381
      const hashed = longSignatures.hash(long, 'BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_NUL_')
      assert.equal(verify(longSignatures.sign(hashed, secret).toBytes(), key, long), true)
    })

  it('verifies BLS signatures with keys in G2', () => {
    const { shortSignatures } = bls12_381
    const { secretKey, publicKey } = shortSignatures.keygen()
    const message = text('short')
    const hashed = shortSignatures.hash(message, 'BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_')
    const signature = shortSignatures.sign(hashed, secretKey).toBytes(true)
    const verify = (s: Uint8Array, m: Uint8Array) =>
      call('0x2::bls12381::bls12381_min_sig_verify', bytes(s), bytes(publicKey.toBytes(true)), bytes(m))
    assert.equal(verify(signature, message), true)
    assert.equal(verify(signature, text('other')), false)
  })

  it('verifies Ed25519 and ECDSA signatures', () => {
    const message = text('hello')
    const edSecret = ed25519.utils.randomSecretKey()
    const edSignature = ed25519.sign(message, edSecret)
    const edKey = ed25519.getPublicKey(edSecret)
    assert.equal(call('0x2::ed25519::ed25519_verify', bytes(edSignature), bytes(edKey), bytes(message)), true)
    assert.equal(
      call('0x2::ed25519::ed25519_verify', bytes(edSignature), bytes(edKey), bytes(text('no'))),
      false,
    )
    for (const [module, curve] of [
      ['ecdsa_k1::secp256k1', secp256k1],
      ['ecdsa_r1::secp256r1', p256],
    ] as const) {
      const secret = curve.utils.randomSecretKey()
      const key = curve.getPublicKey(secret)
      const signature = curve.sign(message, secret) // SHA-256, low s
      const verify = (s: Uint8Array, m: Uint8Array, hash: number) =>
        call(`0x2::${module}_verify`, bytes(s), bytes(key), bytes(m), hash)
      assert.equal(verify(signature, message, 1), true, module)
      assert.equal(verify(signature, message, 0), false, module)
      assert.equal(verify(signature, text('no'), 1), false, module)
      const keccak = curve.sign(keccak_256(message), secret, { prehash: false })
      assert.equal(verify(keccak, message, 0), true, module)
      const n = curve.Point.Fn.ORDER
      const high = Uint8Array.of(
        ...signature.subarray(0, 32),
        ...Buffer.from(
          (n - BigInt(`0x${Buffer.from(signature.subarray(32)).toString('hex')}`))
            .toString(16)
            .padStart(64, '0'),
          'hex',
        ),
      )
      assert.equal(verify(high, message, 1), false, `${module}: a second signature of the same message`)
      const recoverable = curve.sign(message, secret, { format: 'recovered' })
      const suiOrder = Uint8Array.of(...recoverable.subarray(1), recoverable[0]!)
      assert.equal(
        hex(call(`0x2::${module}_ecrecover`, bytes(suiOrder), bytes(message), 1)),
        Buffer.from(key).toString('hex'),
        module,
      )
      assert.equal(abortCode(`0x2::${module}_ecrecover`, bytes(suiOrder.subarray(1)), bytes(message), 1), 1n)
    }
    const key = secp256k1.getPublicKey(secp256k1.utils.randomSecretKey())
    assert.equal(
      hex(call('0x2::ecdsa_k1::decompress_pubkey', bytes(key))),
      Buffer.from(secp256k1.Point.fromBytes(key).toBytes(false)).toString('hex'),
    )
    assert.equal(abortCode('0x2::ecdsa_k1::decompress_pubkey', bytes(new Uint8Array(33))), 2n)
  })

  describe('group operations', () => {
    const scalar = (n: number): Value => (call('0x2::bls12381::scalar_from_u64', BigInt(n)) as Value[])[0]!
    const point = (name: string): Value => (call(`0x2::bls12381::${name}`) as Value[])[0]!
    const op = (name: string, ...args: Value[]): Value =>
      call(`0x2::group_ops::internal_${name}`, ...args.map(arg => (Array.isArray(arg) ? refTo(arg) : arg)))

    for (const [name, id] of [
      ['g1', 1],
      ['g2', 2],
      ['gt', 3],
    ] as const)
      it(`add, subtract, multiply and divide in ${name}`, () => {
        const g = point(`${name}_generator`)
        const zero = point(`${name}_identity`)
        const double = op('add', id, g, g)
        assert.equal(hex(op('mul', id, scalar(2), g)), hex(double))
        assert.equal(hex(op('sub', id, double, g)), hex(g))
        assert.equal(hex(op('div', id, scalar(2), double)), hex(g))
        assert.equal(hex(op('sub', id, g, g)), hex(zero))
        assert.equal(hex(op('add', id, g, zero)), hex(g))
        assert.equal(hex(op('mul', id, scalar(0), g)), hex(zero))
        assert.equal(abortCode('0x2::group_ops::internal_div', id, refTo(scalar(0)), refTo(g)), 1n)
        assert.equal(abortCode('0x2::group_ops::internal_add', id, refTo(g), refTo([1, 2])), 1n)
      })

    it('calculate with scalars', () => {
      assert.equal(hex(op('add', 0, scalar(2), scalar(3))), hex(scalar(5)))
      assert.equal(hex(op('mul', 0, scalar(2), scalar(3))), hex(scalar(6)))
      assert.equal(hex(op('div', 0, scalar(2), scalar(6))), hex(scalar(3)))
      const order = bytesToValue(
        Buffer.from('73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001', 'hex'),
      )
      assert.equal(op('validate', 0, order), false)
      assert.equal(op('validate', 0, scalar(7)), true)
    })

    it('pair the generators to Sui’s generator of GT', () => {
      const g1 = point('g1_generator')
      const g2 = point('g2_generator')
      const pair = op('pairing', 1, g1, g2)
      assert.equal(hex(pair), hex(point('gt_generator')))
      // bilinear
      const six = op('pairing', 1, op('mul', 1, scalar(2), g1), op('mul', 2, scalar(3), g2))
      assert.equal(hex(six), hex(op('mul', 3, scalar(6), pair)))
    })

    it('sum products, hash, convert and sum up', () => {
      const g = point('g1_generator') as number[]
      const h = op('hash_to', 1, [1, 2, 3]) as number[]
      assert.equal(op('validate', 1, h), true)
      assert.equal(op('validate', 2, op('hash_to', 2, [1])), true)
      const expected = op('add', 1, op('mul', 1, scalar(5), g), op('mul', 1, scalar(7), h))
      const factors = [...(scalar(5) as number[]), ...(scalar(7) as number[])]
      assert.equal(hex(op('multi_scalar_mul', 1, factors, [...g, ...h])), hex(expected))
      const wide = [g, h].map(element => op('convert', 1, 4, element))
      assert.equal((wide[0] as number[]).length, 96)
      assert.equal(hex(op('convert', 4, 1, wide[0]!)), hex(g))
      assert.equal(hex(op('convert', 4, 1, wide[1]!)), hex(h))
      const nothing = point('g1_identity')
      assert.equal(hex(op('convert', 4, 1, op('convert', 1, 4, nothing))), hex(nothing))
      assert.equal(hex(op('convert', 4, 1, op('sum', 4, []))), hex(nothing))
      assert.equal(hex(op('convert', 4, 1, op('sum', 4, wide))), hex(op('add', 1, g, h)))
      assert.equal(abortCode('0x2::group_ops::internal_hash_to', 1, refTo([])), 1n)
      assert.equal(abortCode('0x2::group_ops::internal_sum', 1, refTo(wide)), 1n)
      const many = Array.from({ length: 33 }, () => g).flat()
      const scalars = Array.from({ length: 33 }, () => scalar(1) as number[]).flat()
      assert.equal(abortCode('0x2::group_ops::internal_multi_scalar_mul', 1, refTo(scalars), refTo(many)), 2n)
    })

    it('take the same steps again, and give results that nobody shares', () => {
      const hash = vm.function(fullAddress('0x2'), 'group_ops', 'internal_hash_to')
      const used = () => {
        const context = contextWith()
        const [result] = vm.call(hash, [], [1, refTo([1, 2, 3])], context)
        const steps = context.meter.remaining
        const copy = hex(result!)
        ;(result as Value[]).pop()
        return [steps, copy]
      }
      assert.deepEqual(used(), used())
    })

    it('refuse points outside of the group', () => {
      // on the curve y^2 = x^3 + 4, but not of prime order
      const { Fp } = bls12_381.fields
      const { Point } = bls12_381.G1
      const outside = Array.from({ length: 50 }, (_, i) => BigInt(i)).find(x => {
        try {
          return !Point.fromAffine({ x, y: Fp.sqrt(x ** 3n + 4n) }).isTorsionFree()
        } catch {
          return false // no square: not on the curve
        }
      })!
      const encoded = Buffer.from(outside.toString(16).padStart(96, '0'), 'hex')
      encoded[0] = 0x80
      assert.equal(op('validate', 1, bytesToValue(encoded)), false)
      assert.equal(op('validate', 1, point('g1_identity')), true)
      assert.equal(op('validate', 3, point('gt_generator')), false)
    })
  })

  it('derives IDs as Sui’s library does', () => {
    const parent = `0x${'07'.repeat(32)}`
    const type = vm.types.fromTag('vector<u8>')
    const id = deriveChildId({ vm }, parent, type, [1, 2, 3])
    assert.equal(id, deriveDynamicFieldID(parent, 'vector<u8>', Uint8Array.of(3, 1, 2, 3)))
    const coin = vm.types.fromTag('0x2::object::ID')
    assert.equal(
      deriveChildId({ vm }, parent, coin, [parent]),
      deriveDynamicFieldID(parent, '0x2::object::ID', Uint8Array.from(Buffer.from('07'.repeat(32), 'hex'))),
    )
  })

  it('remembers the last results only', () => {
    const memory = new Memory<boolean>(2)
    let computed = 0
    const ask = (key: string) =>
      memory.get(key, () => {
        computed++
        return false
      })
    for (const key of ['a', 'b', 'a', 'b', 'a']) ask(key)
    assert.equal(computed, 2)
    ask('c') // b was used longest ago
    ask('a')
    assert.equal(computed, 3)
    ask('b')
    assert.equal(computed, 4)
  })

  it('makes natives run at a cost', () => {
    const hash = vm.function(fullAddress('0x2'), 'hash', 'blake2b256')
    const steps = (size: number): number => {
      const context = contextWith()
      const before = context.meter.remaining
      vm.call(hash, [], [refTo(bytesToValue(new Uint8Array(size)))], context)
      return before - context.meter.remaining
    }
    const first = steps(0)
    assert.ok(first > 100, `${first} steps`)
    assert.equal(steps(5000) - first, 5000)
    assert.throws(
      () => vm.call(hash, [], [refTo(bytesToValue(new Uint8Array(5000)))], contextWith(4000)),
      error => error instanceof VmError && error.kind === 'InsufficientGas',
    )
  })
})
