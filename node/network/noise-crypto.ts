import { createDecipheriv, createSecretKey } from 'node:crypto'
import type { ICryptoInterface } from '@libp2p/noise'
import { defaultCrypto, nodeCrypto } from '@libp2p/noise/crypto'

const TAG_BYTES = 16

/**
 * Noise's cipher with less around it: given a key as bytes, Node first tries two other kinds of keys and catches what they
 * throw, for every record. So keys are wrapped once.
 */
export function noiseCrypto(): ICryptoInterface {
  /** by the library's own bytes, which live as long as a direction of a connection */
  const keys = new WeakMap<Uint8Array, Uint8Array>()
  const keyOf = (bytes: Uint8Array): Uint8Array => {
    const known = keys.get(bytes)
    if (known !== undefined) return known
    // the library hands it on to Node, which takes either
    const key = createSecretKey(bytes) as unknown as Uint8Array
    keys.set(bytes, key)
    return key
  }

  return {
    ...defaultCrypto,
    chaCha20Poly1305Encrypt: (plaintext, nonce, ad, k) =>
      nodeCrypto.chaCha20Poly1305Encrypt(plaintext, nonce, ad, keyOf(k)),
    chaCha20Poly1305Decrypt(ciphertext, nonce, ad, k, dst) {
      const length = ciphertext.byteLength - TAG_BYTES
      const decipher = createDecipheriv('chacha20-poly1305', keyOf(k), nonce, { authTagLength: TAG_BYTES })
      decipher.setAAD(ad, { plaintextLength: length })
      decipher.setAuthTag(ciphertext.subarray(length))
      // the library has put the ciphertext into one piece there: no need to go through the pieces that it came in
      const plaintext = decipher.update(dst ?? ciphertext.subarray(0, length))
      // throws unless the tag is right: before that nobody sees the plaintext
      decipher.final()
      return plaintext
    },
  }
}
