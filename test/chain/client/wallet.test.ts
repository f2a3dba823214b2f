import assert from 'node:assert/strict'
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519'
import { Secp256k1Keypair } from '@mysten/sui/keypairs/secp256k1'
import { Secp256r1Keypair } from '@mysten/sui/keypairs/secp256r1'
import { verifyTransactionSignature } from '@mysten/sui/verify'
import {
  formatKeystore,
  generateWalletKey,
  keypairWallet,
  parseKeystore,
} from '../../../chain/client/wallet.ts'
import { isChainError } from '../../../chain/errors.ts'

const seed = Uint8Array.from({ length: 32 }, (_, i) => i + 1)
const invalid = (error: unknown) => isChainError(error, 'INVALID_KEY')

describe('chain/client/wallet', () => {
  it('takes a seed or the private key text of every scheme', () => {
    const ed25519 = Ed25519Keypair.fromSecretKey(seed)
    assert.equal(keypairWallet(seed).address, ed25519.toSuiAddress())
    for (const pair of [
      ed25519,
      Secp256k1Keypair.fromSecretKey(seed),
      Secp256r1Keypair.fromSecretKey(seed),
    ]) {
      assert.equal(keypairWallet(`${pair.getSecretKey()}\n`).address, pair.toSuiAddress())
    }
  })

  it('signs what the SDK verifies', async () => {
    const { signer, address } = keypairWallet(generateWalletKey())
    const bytes = Uint8Array.of(1, 2, 3)
    const { signature } = await signer.signTransaction(bytes)
    assert.equal((await verifyTransactionSignature(bytes, signature)).toSuiAddress(), address)
  })

  it('signs as the SDK does', async () => {
    const bytes = Uint8Array.of(4, 5, 6)
    const ours = await keypairWallet(seed).signer.signTransaction(bytes)
    assert.deepEqual(ours, await Ed25519Keypair.fromSecretKey(seed).signTransaction(bytes))
  })

  it('reads and writes the keystore format', () => {
    const keys = [Ed25519Keypair.fromSecretKey(seed), Secp256k1Keypair.fromSecretKey(seed)]
    const text = formatKeystore(keys.map(pair => pair.getSecretKey()))
    // the first entry as Sui's own tools write it: flag 0 and the seed
    assert.equal(JSON.parse(text)[0], Buffer.from([0, ...seed]).toString('base64'))
    assert.deepEqual(
      parseKeystore(text).map(wallet => wallet.address),
      keys.map(pair => pair.toSuiAddress()),
    )
  })

  it('refuses what is no key, and does not repeat it', () => {
    const secret = generateWalletKey()
    const damaged = secret.replace(/.$/, last => (last === 'q' ? 'p' : 'q'))
    for (const text of ['', 'suiprivkey1', damaged, '0x1234']) {
      assert.throws(
        () => keypairWallet(text),
        error => {
          assert.ok(invalid(error))
          const { message, cause } = error as Error
          assert.ok(text !== damaged || !`${message}${String(cause)}`.includes(text))
          return true
        },
      )
    }
    assert.throws(() => keypairWallet(new Uint8Array(31)), invalid)
    for (const text of [
      '{',
      '{}',
      '["!"]',
      '[1]',
      '["AAE="]',
      JSON.stringify([Buffer.alloc(33, 9).toString('base64')]),
    ]) {
      assert.throws(() => parseKeystore(text), invalid, text)
    }
  })
})
