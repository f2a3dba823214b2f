import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { decodeSuiPrivateKey, encodeSuiPrivateKey, type Keypair } from '@mysten/sui/cryptography'
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519'
import { Secp256k1Keypair } from '@mysten/sui/keypairs/secp256k1'
import { Secp256r1Keypair } from '@mysten/sui/keypairs/secp256r1'
import { verifyTransactionSignature } from '@mysten/sui/verify'
import { build } from 'esbuild'
import fc from 'fast-check'
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

  it('signs as the SDK does, with keys of every scheme, natively and in a page', async () => {
    const builtin = process.getBuiltinModule
    for (const pair of [Ed25519Keypair, Secp256k1Keypair, Secp256r1Keypair].map(of => of.fromSecretKey(seed)))
      for (const inPage of [false, true]) {
        // the largest transaction that Sui takes, and more than an argument list would
        const bytes = randomBytes(128 * 1024)
        try {
          if (inPage) process.getBuiltinModule = () => undefined
          const { signer } = keypairWallet(pair.getSecretKey())
          assert.equal(signer.toSuiAddress(), pair.toSuiAddress())
          assert.deepEqual(await signer.signTransaction(bytes), await pair.signTransaction(bytes))
        } finally {
          process.getBuiltinModule = builtin
        }
      }
  })

  it('is byte for byte what the SDK is, whatever the key, and takes none that the SDK refuses', async () => {
    const key = fc.oneof(
      { weight: 8, arbitrary: fc.uint8Array({ minLength: 32, maxLength: 32 }) },
      // no scalar of the curves, and the least there is
      { weight: 1, arbitrary: fc.constantFrom(0, 0xff).map(byte => new Uint8Array(32).fill(byte)) },
      { weight: 1, arbitrary: fc.constant(Uint8Array.from({ length: 32 }, (_, i) => Number(i === 31))) },
    )
    const scheme = fc.constantFrom(
      ['ED25519', Ed25519Keypair],
      ['Secp256k1', Secp256k1Keypair],
      ['Secp256r1', Secp256r1Keypair],
    ) as fc.Arbitrary<['ED25519' | 'Secp256k1' | 'Secp256r1', { fromSecretKey(key: Uint8Array): Keypair }]>
    await fc.assert(
      fc.asyncProperty(scheme, key, fc.uint8Array(), async ([name, { fromSecretKey }], secret, bytes) => {
        const text = encodeSuiPrivateKey(secret, name)
        const pair = (() => {
          try {
            return fromSecretKey(secret)
          } catch {
            return undefined
          }
        })()
        if (pair === undefined) return assert.throws(() => keypairWallet(text), invalid)
        const { signer, address } = keypairWallet(text)
        assert.equal(address, pair.toSuiAddress())
        assert.deepEqual(await signer.signTransaction(bytes), await pair.signTransaction(bytes))
        assert.deepEqual(
          parseKeystore(formatKeystore([text])).map(wallet => wallet.address),
          [address],
        )
      }),
      { numRuns: 40 },
    )
    const { scheme: made, secretKey } = decodeSuiPrivateKey(generateWalletKey())
    assert.deepEqual([made, secretKey.length], ['ED25519', 32])
  })

  it('loads none of the keypairs of the SDK: they are slow to load', async () => {
    const { inputs } = (
      await build({
        entryPoints: [join(import.meta.dirname, '../../../chain/index.ts')],
        bundle: true,
        metafile: true,
        write: false,
        format: 'esm',
        platform: 'node',
      })
    ).metafile
    assert.deepEqual(
      Object.keys(inputs).filter(path => /zklogin|poseidon|keypairs/.test(path)),
      [],
    )
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
