import assert from 'node:assert/strict'
import type { Bls } from '../../codec/index.ts'
import { loadBls } from '../../codec/node.ts'

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
