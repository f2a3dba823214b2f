import { longestInconsistencyProof } from '../../../../codec/index.ts'
import type { Confirmation } from '../../../../codec/types.ts'
import { blobIdParam } from '../../../http/blob-id-param.ts'
import type { ApiExchange, ApiHandler } from '../exchange.ts'
import type { NodeApiInit, NodeApiLimits } from '../options.ts'
import { axisParam } from '../params.ts'
import { sendSuccess } from '../success.ts'
import { declaredWithin, noMetadata, roomFor } from '../transfer.ts'

/** Few are heard at a time: who brings a proof does not keep others from being heard for long. The longest takes three minutes. */
const PROOF_BYTES_PER_SECOND = 256 * 1024

/** `POST …/inconsistencyProof/:axis`: BCS `InconsistencyProof`. The metadata is what the node has. */
export function judgeProof(
  { metadata, judge, clock }: Pick<NodeApiInit, 'metadata' | 'judge' | 'clock'>,
  limits: NodeApiLimits,
): ApiHandler {
  return async exchange => {
    const { params, context, request } = exchange
    const blobId = blobIdParam(params.blobId)
    const axis = axisParam(params)
    exchange.note({ blobId })
    const accused = await metadata.get(blobId)
    if (accused === undefined) throw noMetadata()
    const maxBytes = longestInconsistencyProof(accused.nShards, accused.unencodedLength, axis)
    const proofBytes = declaredWithin(request, maxBytes)
    const hearing = await judge.hear({ metadata: accused, axis, proofBytes }, context)
    if (hearing.kind === 'known') return sendAttestation(exchange, hearing.attestation)
    try {
      const bodyBytesPerSecond = Math.max(limits.bodyBytesPerSecond, PROOF_BYTES_PER_SECOND)
      using room = await roomFor(exchange, { maxBytes }, { ...limits, bodyBytesPerSecond }, clock)
      const proof = new Uint8Array(proofBytes)
      const length = await room.receive((part, at) => proof.set(part, at))
      sendAttestation(exchange, await hearing.judge(proof.subarray(0, length)))
    } finally {
      hearing.close()
    }
  }
}

function sendAttestation(exchange: ApiExchange, { message, signature }: Confirmation): void {
  sendSuccess(exchange, { serializedMessage: base64(message), signature: base64(signature) })
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
