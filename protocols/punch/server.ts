import { ProtocolError } from '../errors.ts'
import type { PunchAnswerer } from '../ports.ts'
import { type RequestHandler, respond, type ServedRequest } from '../rpc/served-request.ts'
import { PunchAnswer, PunchOffer, PunchPong, type PunchStep, PunchStepMessage } from './messages.ts'

/** Answers one offer, and goes to meet who made it. */
export function punchHandler(punching: PunchAnswerer): RequestHandler {
  return async (bytes, served) => {
    const offered = PunchOffer.decode(bytes)
    const { connection, signal } = served
    const meeting = await punching.open(offered, connection, signal)
    try {
      await respond(served, PunchAnswer, [...meeting.candidates])
      if (!('Ping' in (await nextStep(served)))) throw new ProtocolError('MALFORMED')
      await respond(served, PunchPong, true)
      const step = await nextStep(served)
      if (!('Go' in step)) throw new ProtocolError('MALFORMED')
      served.note({ roundTripMs: step.Go })
      await meeting.go(step.Go)
    } finally {
      meeting.close()
    }
  }
}

async function nextStep({ channel, signal, spec }: ServedRequest): Promise<PunchStep> {
  const bytes = await channel.receive(spec.maxRequestBytes, { signal, timeoutMs: spec.chunkTimeoutMs })
  return PunchStepMessage.decode(bytes)
}
