import { bcs } from '@mysten/sui/bcs'
import type { GrpcTypes } from '@mysten/sui/grpc'
import { toBase64 } from '@mysten/sui/utils'
import { verifyPersonalMessageSignature, verifyTransactionSignature } from '@mysten/sui/verify'
import { parseAddress } from '../../ledger/address.ts'
import { invalid } from '../status.ts'

export const signatureService = () => ({
  async verifySignature(
    request: GrpcTypes.VerifySignatureRequest,
  ): Promise<GrpcTypes.VerifySignatureResponse> {
    const { message, signature, address } = request
    const bytes = signature?.bcs?.value
    if (message?.value === undefined || bytes === undefined) throw invalid('message and signature are needed')
    try {
      const key = await verify(message.name, message.value, toBase64(bytes))
      const signer = parseAddress(key.toSuiAddress())
      return address === undefined || parseAddress(address) === signer
        ? { isValid: true }
        : { isValid: false, reason: `the signature is ${signer}'s` }
    } catch (error) {
      return { isValid: false, reason: error instanceof Error ? error.message : 'invalid signature' }
    }
  },
})

const verify = (name: string | undefined, value: Uint8Array, signature: string) =>
  name === 'PersonalMessage'
    ? verifyPersonalMessageSignature(Uint8Array.from(bcs.byteVector().parse(value)), signature)
    : verifyTransactionSignature(value, signature)
