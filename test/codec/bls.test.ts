import assert from 'node:assert/strict'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Bls, CodecError, loadBls } from '../../codec/index.ts'

const MESSAGE = new Uint8Array(43).fill(1)

describe('BLS after many invalid signatures', () => {
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
  /** The answer, once the library has been replaced where it had to be. */
  async function answer<T>(ask: () => T): Promise<T> {
    for (;;) {
      try {
        return ask()
      } catch (error) {
        if (!(error instanceof CodecError) || error.code !== 'BLS_WORN') throw error
        await nextTurn()
      }
    }
  }

  it('still signs and verifies', async () => {
    for (let i = 0; i < 200; i++) {
      assert.equal(await answer(() => bls.verify(key, MESSAGE, i % 2 === 0 ? zero : notOnCurve)), false)
      if (i % 20 !== 0) continue
      assert.deepEqual(await answer(() => bls.sign(secret, MESSAGE)), good)
      assert.equal(await answer(() => bls.verify(key, MESSAGE, good)), true)
    }
  })

  it('adds up what is good among them', async () => {
    const sum = bls.sum()
    const keys: Uint8Array[] = []
    const signatures: Uint8Array[] = []
    try {
      for (let i = 0; i < 200; i++) {
        const refusal = await answer(() => {
          try {
            return sum.add(key, zero)
          } catch (error) {
            if (error instanceof CodecError && error.code === 'INVALID_KEY') return error
            throw error
          }
        })
        assert.ok(refusal instanceof CodecError)
        if (i % 20 !== 0) continue
        const other = bls.generateSecret()
        keys.push(await answer(() => bls.publicKey(other)))
        signatures.push(await answer(() => bls.sign(other, MESSAGE)))
        await answer(() => sum.add(keys.at(-1)!, signatures.at(-1)!))
      }
      assert.equal(sum.count, keys.length)
      assert.deepEqual(sum.verified(MESSAGE), await answer(() => bls.aggregateSignatures(signatures)))
    } finally {
      sum.free()
    }
  })

  it('says so rather than answering anything, when they come faster than it can be replaced', async () => {
    let refused = 0
    const flood = () => {
      for (; refused < 1_000; refused++) bls.verify(key, MESSAGE, zero)
    }
    assert.throws(flood, { code: 'BLS_WORN' })
    assert.ok(refused < 40, `${refused} were looked at`)
    assert.throws(() => bls.verify(key, MESSAGE, good), { code: 'BLS_WORN' })
    assert.throws(() => bls.sign(secret, MESSAGE), { code: 'BLS_WORN' })
    assert.equal(await answer(() => bls.verify(key, MESSAGE, good)), true)
  })
})
