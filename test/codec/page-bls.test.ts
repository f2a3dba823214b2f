import assert from 'node:assert/strict'
import { loadBls as loadPageBls } from '../../codec/browser.ts'
import type { Bls } from '../../codec/index.ts'
import { loadBls } from '../../codec/node.ts'

const MESSAGE = new Uint8Array(43).fill(1)
const INVALID = { code: 'INVALID_KEY' }

describe('BLS of a page', () => {
  let bls: Bls
  let page: Bls
  before(async () => {
    bls = await loadBls()
    page = await loadPageBls()
  })

  it("makes the keys and signatures of Node's", () => {
    const secret = page.generateSecret()
    assert.equal(secret.length, 32)
    assert.deepEqual(page.publicKey(secret), bls.publicKey(secret))
    assert.deepEqual(page.sign(secret, MESSAGE), bls.sign(secret, MESSAGE))
    for (const none of [new Uint8Array(32), new Uint8Array(32).fill(0xff), new Uint8Array(31).fill(1)])
      assert.throws(() => page.publicKey(none), INVALID)
  })

  it("takes what Node's takes, and nothing else", () => {
    const secret = bls.generateSecret()
    const key = bls.publicKey(secret)
    const good = bls.sign(secret, MESSAGE)
    assert.ok(page.verify(key, MESSAGE, good))
    assert.ok(!page.verify(key, new Uint8Array(43), good))
    assert.ok(!page.verify(bls.publicKey(bls.generateSecret()), MESSAGE, good))
    assert.ok(!page.verifyAggregate([], MESSAGE, good))
    const infinity = (length: number) => Uint8Array.of(0xc0, ...new Uint8Array(length - 1))
    for (const bad of [new Uint8Array(96), new Uint8Array(96).fill(0x99), infinity(96), new Uint8Array(5)])
      assert.ok(!page.verify(key, MESSAGE, bad))
    for (const bad of [new Uint8Array(48), infinity(48), new Uint8Array(48).fill(0x99)])
      assert.ok(!page.verify(bad, MESSAGE, good))
  })

  it('adds up signatures of one message', () => {
    const secrets = Array.from({ length: 3 }, () => bls.generateSecret())
    const keys = secrets.map(secret => bls.publicKey(secret))
    const signatures = secrets.map(secret => bls.sign(secret, MESSAGE))
    const aggregate = bls.aggregateSignatures(signatures)
    assert.deepEqual(page.aggregateSignatures(signatures), aggregate)
    assert.ok(page.verifyAggregate(keys, MESSAGE, aggregate))
    assert.throws(() => page.aggregateSignatures([]), INVALID)
    using sum = page.sum()
    assert.equal(sum.verified(MESSAGE), undefined)
    assert.throws(() => sum.add(keys[0]!, new Uint8Array(96)), INVALID)
    for (const [i, key] of keys.entries()) sum.add(key, signatures[i]!)
    assert.equal(sum.count, 3)
    assert.deepEqual(sum.verified(MESSAGE), aggregate)
    assert.equal(sum.verified(new Uint8Array(3)), undefined)
  })

  it('refuses points outside of the subgroup', () => {
    // x = 4: on the curve, and not in the group
    const outside = Uint8Array.of(0x80, ...new Uint8Array(46), 4)
    const good = bls.sign(bls.generateSecret(), MESSAGE)
    assert.equal(page.verify(outside, MESSAGE, good), bls.verify(outside, MESSAGE, good))
    using sum = page.sum()
    assert.throws(() => sum.add(outside, good), INVALID)
  })
})
