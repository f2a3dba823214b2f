import type { Bls } from '../../../codec/index.ts'
import {
  type ChallengeBody,
  challengeMessage,
  confirmationMessage,
  invalidBlobMessage,
} from '../../../codec/index.ts'
import type { BlobId, Confirmation, Epoch, Persistence } from '../../../codec/types.ts'

/** Signs what the node promises. */
export interface ConfirmationSigner {
  confirm(body: { epoch: Epoch; blobId: BlobId; persistence: Persistence }): Confirmation
  /** That the node has seen a blob to have been encoded wrongly, as Walrus's `InvalidBlobIdMsg`. */
  attestInvalid(body: { epoch: Epoch; blobId: BlobId }): Confirmation
  /** That the node has seen another one prove what it was asked in a round of challenges. */
  passed(body: ChallengeBody): Confirmation
}

/** @param secretFor the key by which the committee of an epoch verifies, where that is another one */
export function createConfirmationSigner(
  bls: Bls,
  secret: Uint8Array,
  secretFor: (epoch: Epoch) => Uint8Array | undefined = () => undefined,
): ConfirmationSigner {
  const sign = (epoch: Epoch, message: Uint8Array): Confirmation => ({
    message,
    signature: bls.sign(secretFor(epoch) ?? secret, message),
  })
  return {
    confirm: body => sign(body.epoch, confirmationMessage(body)),
    attestInvalid: body => sign(body.epoch, invalidBlobMessage(body)),
    passed: body => sign(body.epoch, challengeMessage(body)),
  }
}
