import { createPublicKey, verify } from 'node:crypto'
import { messageWithIntent } from '@mysten/sui/cryptography'
import { Ed25519PublicKey } from '@mysten/sui/keypairs/ed25519'
import { toBase64 } from '@mysten/sui/utils'
import { verifyTransactionSignature } from '@mysten/sui/verify'
import { blake2b } from '@noble/hashes/blake2.js'
import { type Address, parseAddress } from './address.ts'
import { LedgerError } from './errors.ts'
import type { ParsedTransaction } from './transaction.ts'

/**
 * Sender and, when another pays, the sponsor must have signed; nobody else. Every scheme that the SDK can
 * verify without asking a server.
 * @throws LedgerError INVALID_ARGUMENT
 */
export async function checkSignatures(
  { bytes, data }: ParsedTransaction,
  signatures: readonly Uint8Array[],
): Promise<void> {
  const required = new Set([parseAddress(data.sender), parseAddress(data.gasData.owner)])
  if (signatures.length !== required.size)
    throw new LedgerError(
      'INVALID_ARGUMENT',
      `${required.size} signatures expected, ${signatures.length} given`,
    )
  for (const signature of signatures) {
    let signer: Address
    try {
      const key =
        ed25519Signer(bytes, signature) ?? (await verifyTransactionSignature(bytes, toBase64(signature)))
      signer = parseAddress(key.toSuiAddress())
    } catch (cause) {
      throw new LedgerError('INVALID_ARGUMENT', 'Invalid user signature: it does not verify', { cause })
    }
    if (!required.delete(signer))
      throw new LedgerError('INVALID_ARGUMENT', `Invalid user signature: ${signer} is not expected to sign`)
  }
}

/** Flag, signature, public key. */
const ED25519 = { flag: 0, signatureEnd: 1 + 64, length: 1 + 64 + 32 }

/**
 * The signer as OpenSSL tells it, in a twentieth of the SDK's time. What it takes, Sui takes: it checks the same
 * equation without the cofactor. The rest, and what it does not take, is for the SDK.
 */
function ed25519Signer(transaction: Uint8Array, signature: Uint8Array): Ed25519PublicKey | undefined {
  if (signature[0] !== ED25519.flag || signature.length !== ED25519.length) return undefined
  const bytes = signature.subarray(ED25519.signatureEnd)
  const digest = blake2b(messageWithIntent('TransactionData', transaction), { dkLen: 32 })
  const x = Buffer.from(bytes).toString('base64url')
  const key = createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x } })
  const signed = verify(null, digest, key, signature.subarray(1, ED25519.signatureEnd))
  return signed ? new Ed25519PublicKey(bytes) : undefined
}
