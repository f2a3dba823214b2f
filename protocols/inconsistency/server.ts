import type { InconsistencyJudge } from '../ports.ts'
import { type RequestHandler, respond } from '../rpc/served-request.ts'
import { readBody } from '../stream/body.ts'
import { InconsistencyAnswer, InconsistencyRequest } from './messages.ts'

export function inconsistencyHandler(judge: InconsistencyJudge): RequestHandler {
  return async (bytes, served) => {
    const claim = InconsistencyRequest.decode(bytes)
    const { peer, signal, quota, channel, spec } = served
    served.note({ blobId: claim.metadata.blobId, axis: claim.axis, proofBytes: claim.proofBytes })
    const hearing = await judge.open(claim, { peer, signal, quota })
    if (hearing.kind === 'known')
      return respond(served, InconsistencyAnswer, { Attested: hearing.attestation })
    let release: (() => void) | undefined
    try {
      release = await quota.hold(claim.proofBytes, signal)
      await respond(served, InconsistencyAnswer, { Send: true })
      const proof = new Uint8Array(claim.proofBytes)
      const pace = (length: number): Promise<void> => quota.pace(length, signal)
      await readBody(channel.reader, proof, { signal, timeoutMs: spec.chunkTimeoutMs, pace })
      served.moved('in', proof.length)
      await respond(served, InconsistencyAnswer, { Attested: await hearing.judge(proof) })
    } finally {
      release?.()
      hearing.close()
    }
  }
}
