import { toBase64 } from '@mysten/sui/utils'
import { verifyTransactionSignature } from '@mysten/sui/verify'
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
      signer = parseAddress((await verifyTransactionSignature(bytes, toBase64(signature))).toSuiAddress())
    } catch (cause) {
      throw new LedgerError('INVALID_ARGUMENT', 'Invalid user signature: it does not verify', { cause })
    }
    if (!required.delete(signer))
      throw new LedgerError('INVALID_ARGUMENT', `Invalid user signature: ${signer} is not expected to sign`)
  }
}
