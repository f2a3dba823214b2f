import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { pureJsCrypto } from '@libp2p/noise/crypto'
import { noiseCrypto } from '../../../node/network/noise-crypto.ts'

/** As the library gives them: what `dst` holds is the ciphertext in one piece. */
const inOnePiece = (ciphertext: Uint8Array): Uint8Array => ciphertext.slice(0, -16)

describe('noise cipher', () => {
  const { chaCha20Poly1305Encrypt: encrypt, chaCha20Poly1305Decrypt: decrypt } = noiseCrypto()
  const reference = pureJsCrypto
  const key = randomBytes(32)
  const nonce = randomBytes(12)

  for (const bytes of [0, 1, 1_199, 1_200, 65_519]) {
    for (const ad of [new Uint8Array(), randomBytes(32)]) {
      it(`is ChaCha20-Poly1305 for ${bytes} bytes and ${ad.length} associated ones`, () => {
        const plaintext = randomBytes(bytes)
        const sealed = encrypt(plaintext, nonce, ad, key).subarray()
        assert.deepEqual(
          Buffer.from(sealed),
          Buffer.from(reference.chaCha20Poly1305Encrypt(plaintext, nonce, ad, key).subarray()),
        )
        for (const dst of [undefined, inOnePiece(sealed)]) {
          assert.deepEqual(Buffer.from(decrypt(sealed, nonce, ad, key, dst).subarray()), plaintext)
        }
      })
    }
  }

  it('gives nothing of a message that was altered, or is of another key, nonce or context', () => {
    const ad = randomBytes(32)
    const sealed = encrypt(randomBytes(2_000), nonce, ad, key).subarray()
    const open = (bytes: Uint8Array, n = nonce, a = ad, k = key) => decrypt(bytes, n, a, k, inOnePiece(bytes))
    assert.ok(open(sealed))
    for (const at of [0, 1_999, 2_000, 2_015]) {
      const altered = sealed.slice()
      altered[at] = (altered[at] as number) ^ 1
      assert.throws(() => open(altered))
    }
    assert.throws(() => open(sealed.subarray(0, -1)))
    assert.throws(() => open(sealed, randomBytes(12)))
    assert.throws(() => open(sealed, nonce, randomBytes(32)))
    assert.throws(() => open(sealed, nonce, ad, randomBytes(32)))
  })

  it('takes another key with the same bytes for the same', () => {
    const sealed = encrypt(Uint8Array.of(7), nonce, new Uint8Array(), key).subarray()
    assert.deepEqual([...decrypt(sealed, nonce, new Uint8Array(), Uint8Array.from(key)).subarray()], [7])
  })
})
