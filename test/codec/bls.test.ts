import assert from 'node:assert/strict'
import { bls12_381 } from '@noble/curves/bls12-381.js'
import type { Bls } from '../../codec/index.ts'
import { loadBls } from '../../codec/node.ts'
import { Random } from '../support/random.ts'

const MESSAGE = new Uint8Array(43).fill(1)
const MANY = 400

describe('BLS after many invalid signatures, in one turn of the event loop', () => {
  let bls: Bls
  let secret: Uint8Array
  let key: Uint8Array
  let good: Uint8Array

  beforeEach(async () => {
    bls = await loadBls()
    secret = bls.generateSecret()
    key = bls.publicKey(secret)
    good = bls.sign(secret, MESSAGE)
  })

  const zero = new Uint8Array(96)
  const notOnCurve = new Uint8Array(96).fill(0x99)

  it('signs and verifies', () => {
    for (let i = 0; i < MANY; i++) {
      assert.equal(bls.verify(key, MESSAGE, i % 2 === 0 ? zero : notOnCurve), false)
      if (i % 20 !== 0) continue
      assert.deepEqual(bls.sign(secret, MESSAGE), good)
      assert.equal(bls.verify(key, MESSAGE, good), true)
    }
  })

  it('signs and verifies after keys that are none, too', () => {
    for (let i = 0; i < MANY; i++) {
      assert.equal(bls.verify(new Uint8Array(48).fill(0x99), MESSAGE, good), false)
      assert.throws(() => bls.publicKey(new Uint8Array(32).fill(0xff)), { code: 'INVALID_KEY' })
    }
    assert.equal(bls.verify(key, MESSAGE, good), true)
  })

  it('adds up what is good among them', () => {
    const sum = bls.sum()
    const signatures: Uint8Array[] = []
    try {
      for (let i = 0; i < MANY; i++) {
        assert.throws(() => sum.add(key, zero), { code: 'INVALID_KEY' })
        if (i % 20 !== 0) continue
        const other = bls.generateSecret()
        signatures.push(bls.sign(other, MESSAGE))
        sum.add(bls.publicKey(other), signatures.at(-1)!)
      }
      assert.equal(sum.count, signatures.length)
      assert.deepEqual(sum.verified(MESSAGE), bls.aggregateSignatures(signatures))
    } finally {
      sum.free()
    }
  })
})

describe('BLS of bytes that somebody else has made', () => {
  const random = new Random(1)
  /** Bytes like a point's, wrong in all ways that its encoding has, and what another library makes of them. */
  function* lookalikes(good: Uint8Array): Iterable<Uint8Array> {
    const { length } = good
    const withHead = (head: number, bytes: Uint8Array) => Uint8Array.of(head, ...bytes.subarray(1))
    // every flag, also of a point at infinity; each bit of the head turned, and some others
    for (let head = 0; head < 256; head += head < 0x80 ? 16 : 1) yield withHead(head, good)
    for (const head of [0x40, 0xc0, 0xe0]) yield withHead(head, new Uint8Array(length))
    yield Uint8Array.of(0xc0, ...new Uint8Array(length - 2), 1)
    for (let bit = 0; bit < 8 * length; bit += 23)
      yield good.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
    // the field's order and its neighbours, which are no coordinates
    const order = bls12_381.fields.Fp.toBytes(bls12_381.fields.Fp.ORDER - 1n)
    for (const last of [-1, 0, 1, 2]) {
      const coordinate = order.map((byte, i) => (i === 47 ? byte + last : byte))
      coordinate[0]! |= 0x80
      yield Uint8Array.of(...coordinate, ...new Uint8Array(length - 48))
    }
    // small coordinates: points of the curve, seldom of the group
    for (let x = 0; x < 12; x++) yield Uint8Array.of(0x80, ...new Uint8Array(length - 2), x)
    for (let i = 0; i < 12; i++) yield withHead(0x80 | i, random.bytes(length))
    for (const other of [0, length - 1, length + 1, 2 * length])
      yield Uint8Array.from({ length: other }, (_, i) => good[i % length]!)
  }

  interface Point {
    is0(): boolean
    assertValidity(): void
  }
  const isPoint = (group: { fromBytes(bytes: Uint8Array): Point }, bytes: Uint8Array): boolean => {
    try {
      const point = group.fromBytes(bytes)
      point.assertValidity()
      return !point.is0()
    } catch {
      return false
    }
  }

  it('takes as keys and signatures what another library takes, and nothing else', async function () {
    this.timeout(60_000)
    const bls = await loadBls()
    const secret = bls.generateSecret()
    const [key, good] = [bls.publicKey(secret), bls.sign(secret, MESSAGE)]
    const adds = (publicKey: Uint8Array, signature: Uint8Array): boolean => {
      using sum = bls.sum()
      try {
        sum.add(publicKey, signature)
        return true
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'INVALID_KEY')
        return false
      }
    }
    for (const bytes of lookalikes(key))
      assert.equal(adds(bytes, good), isPoint(bls12_381.G1.Point, bytes), Buffer.from(bytes).toString('hex'))
    for (const bytes of lookalikes(good))
      assert.equal(adds(key, bytes), isPoint(bls12_381.G2.Point, bytes), Buffer.from(bytes).toString('hex'))
    assert.deepEqual(bls.sign(secret, MESSAGE), good)
    assert.ok(bls.verify(key, MESSAGE, good))
  })

  it('takes keys that cancel each other out for none', async () => {
    const bls = await loadBls()
    const secret = bls.generateSecret()
    const [key, good] = [bls.publicKey(secret), bls.sign(secret, MESSAGE)]
    const negative = bls12_381.G1.Point.fromBytes(key).negate().toBytes()
    const opposite = bls12_381.G2.Point.fromBytes(good).negate().toBytes()
    assert.ok(!bls.verifyAggregate([key, negative], MESSAGE, good))
    assert.ok(!bls.verify(key, MESSAGE, opposite))
    using sum = bls.sum()
    sum.add(key, good)
    sum.add(negative, opposite)
    assert.equal(sum.verified(MESSAGE), undefined)
  })

  it('signs and checks 256 KiB, and no more: the library would write over itself', async () => {
    const bls = await loadBls()
    const secret = bls.generateSecret()
    const key = bls.publicKey(secret)
    const longest = random.bytes(256 * 1024)
    assert.ok(bls.verify(key, longest, bls.sign(secret, longest)))
    const longer = new Uint8Array(longest.length + 1)
    const good = bls.sign(secret, MESSAGE)
    assert.throws(() => bls.sign(secret, longer), RangeError)
    assert.throws(() => bls.verify(key, longer, good), RangeError)
    using sum = bls.sum()
    sum.add(key, good)
    assert.throws(() => sum.verified(longer), RangeError)
    assert.deepEqual(sum.verified(MESSAGE), good)
  })

  it('leaves the library that an app has loaded as it is', async () => {
    const { default: ofApp } = await import('bls-eth-wasm')
    await ofApp.init(ofApp.BLS12_381)
    const bytes = bls12_381.utils.randomSecretKey()
    const secret = new ofApp.SecretKey()
    secret.deserialize(bytes)
    const before = secret.sign(MESSAGE).serialize()
    const bls = await loadBls()
    assert.notDeepEqual(bls.sign(bytes, MESSAGE), before)
    const again = new ofApp.SecretKey()
    again.deserialize(bytes)
    for (const key of [secret, again]) assert.deepEqual(key.sign(MESSAGE).serialize(), before)
  })
})
