import assert from 'node:assert/strict'
import type { Bls } from '../../codec/index.ts'
import { loadBls, rememberingBls } from '../../codec/node.ts'

describe('a BLS that remembers', () => {
  const bytes = (...values: number[]) => Uint8Array.from(values)

  it('verifies the same once, and anything else anew', () => {
    const asked: unknown[][] = []
    const bls = rememberingBls({
      verifyAggregate(...args: unknown[]) {
        asked.push(args)
        return asked.length === 1
      },
    } as Partial<Bls> as Bls)
    for (let i = 0; i < 3; i++)
      assert.equal(bls.verifyAggregate([bytes(1), bytes(2)], bytes(3), bytes(4)), true)
    assert.equal(asked.length, 1)
    assert.equal(bls.verifyAggregate([bytes(1)], bytes(2, 3), bytes(4)), false)
    assert.equal(bls.verifyAggregate([bytes(1), bytes(2)], bytes(3), bytes(5)), false)
    assert.equal(asked.length, 3)
  })

  it('tells good signatures from bad ones, the first time and the second', async () => {
    const real = await loadBls()
    const bls = rememberingBls(real)
    const secret = real.generateSecret()
    const publicKey = real.publicKey(secret)
    const signature = real.sign(secret, bytes(1, 2, 3))
    for (let i = 0; i < 2; i++) {
      assert.equal(bls.verify(publicKey, bytes(1, 2, 3), signature), true)
      assert.equal(bls.verify(publicKey, bytes(1, 2), signature), false)
      assert.equal(bls.verify(publicKey, bytes(1, 2, 3), new Uint8Array(96)), false)
    }
  })

  it('asks once also of one signer', () => {
    let asked = 0
    const bls = rememberingBls({ verify: (_, [first]) => ++asked > 0 && first === 1 } as Partial<Bls> as Bls)
    const ask = (n: number) => bls.verify(bytes(7), bytes(n), bytes(8))
    assert.deepEqual([1, 2, 1, 2].map(ask), [true, false, true, false])
    assert.equal(asked, 2)
  })

  it('forgets the oldest', () => {
    let asked = 0
    const bls = rememberingBls({ verifyAggregate: () => ++asked > 0 } as Partial<Bls> as Bls, 2)
    for (const i of [1, 2, 3, 1]) bls.verifyAggregate([bytes(i)], bytes(), bytes())
    assert.equal(asked, 4)
    bls.verifyAggregate([bytes(3)], bytes(), bytes())
    assert.equal(asked, 4)
  })
})
