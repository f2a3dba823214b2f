/**
 * inconsistency: a stream carries one claim after another.
 *
 *   client: InconsistencyRequest      the blob's metadata, and how long the proof is
 *   server: InconsistencyAnswer Send  the proof is wanted; where the server knows already, Attested at once; or an error
 *   client: body                      BCS of the proof
 *   server: InconsistencyAnswer Attested   what the server has signed; or an error
 */
import { bcs } from '@mysten/bcs'
import type { Confirmation } from '../../codec/types.ts'
import type { InconsistencyClaim } from '../ports.ts'
import {
  type Message,
  message,
  plain,
  reply,
  WireAxis,
  WireBytes,
  WireMetadata,
  WireSignature,
} from '../wire.ts'

export const InconsistencyRequest: Message<InconsistencyClaim> = message(
  'InconsistencyRequest',
  plain<InconsistencyClaim>(
    bcs.struct('InconsistencyRequestV1', { metadata: WireMetadata, axis: WireAxis, proofBytes: bcs.u32() }),
  ),
)

export type InconsistencyStep = { Send: true } | { Attested: Confirmation }

export const InconsistencyAnswer: Message<InconsistencyStep> = reply(
  'InconsistencyAnswer',
  plain<InconsistencyStep>(
    bcs.enum('InconsistencyAnswerV1', {
      Send: null,
      Attested: bcs.struct('InvalidBlobAttestation', { message: WireBytes, signature: WireSignature }),
    }),
  ),
)
