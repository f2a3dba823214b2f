import type { Bls } from '../../../codec/index.ts'
import { confirmationMessage } from '../../../codec/index.ts'
import type { BlobId, Confirmation, Epoch, Persistence } from '../../../codec/types.ts'

/** Signs what the node promises. */
export interface ConfirmationSigner {
  confirm(body: { epoch: Epoch; blobId: BlobId; persistence: Persistence }): Confirmation
}

export function createConfirmationSigner(bls: Bls, secret: Uint8Array): ConfirmationSigner {
  return {
    confirm(body) {
      const message = confirmationMessage(body)
      return { message, signature: bls.sign(secret, message) }
    },
  }
}
