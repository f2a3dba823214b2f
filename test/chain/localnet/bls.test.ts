import assert from 'node:assert/strict'
import { loadBlsVerifier, rememberAnswers } from '../../../chain/localnet/bls.ts'
import { loadBls } from '../../../codec/index.ts'

describe('chain/localnet/bls', () => {
  it('tells good signatures from bad ones, the first time and the second', async () => {
    const bls = await loadBls()
    const verifier = await loadBlsVerifier()
    const secret = bls.generateSecret()
    const publicKey = bls.publicKey(secret)
    const message = Uint8Array.of(1, 2, 3)
    const signature = bls.sign(secret, message)
    for (let i = 0; i < 2; i++) {
      assert.equal(verifier.verify(publicKey, message, signature), true)
      assert.equal(verifier.verify(publicKey, Uint8Array.of(1, 2), signature), false)
      assert.equal(verifier.verify(publicKey, message, new Uint8Array(96)), false)
    }
  })

  it('asks once for each question, and forgets the oldest', () => {
    const asked: number[] = []
    const verifier = rememberAnswers(
      {
        verify: (_key, message) => {
          asked.push(message[0]!)
          return message[0]! % 2 === 0
        },
      },
      2,
    )
    const ask = (n: number) => verifier.verify(new Uint8Array(1), Uint8Array.of(n), new Uint8Array(2))
    assert.deepEqual([1, 2, 1, 2].map(ask), [false, true, false, true])
    assert.deepEqual(asked, [1, 2])
    assert.deepEqual([3, 2, 1].map(ask), [false, true, false])
    assert.deepEqual(asked, [1, 2, 3, 1])
  })
})
