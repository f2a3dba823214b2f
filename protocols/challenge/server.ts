import type { Clock } from '../../base/clock.ts'
import { peerDeadline } from '../deadline.ts'
import type { ChallengeJudge } from '../ports.ts'
import { type RequestHandler, respond } from '../rpc/served-request.ts'
import { challengeLimitMs } from '../specs.ts'
import { ChallengeAnswer, ChallengeAttempt, ChallengeRequest } from './messages.ts'

export function challengeHandler(judge: ChallengeJudge, clock: Clock): RequestHandler {
  return async (bytes, served) => {
    const query = ChallengeRequest.decode(bytes)
    const { peer, signal, quota, channel, spec } = served
    served.note(query)
    const hearing = await judge.open(query, { peer, signal, quota })
    if (hearing.kind === 'known') return respond(served, ChallengeAnswer, { Passed: hearing.signed })
    try {
      await respond(served, ChallengeAnswer, { Ready: hearing.questions })
      using limit = peerDeadline(clock, challengeLimitMs(hearing.questions), signal)
      const waiting = { signal: limit.signal, timeoutMs: spec.responseTimeoutMs }
      for (let i = 0; i < hearing.questions; i++) {
        const frame = await channel.receive(spec.maxRequestBytes, waiting)
        served.moved('in', frame.length)
        await quota.pace(frame.length, signal)
        await hearing.check(i, ChallengeAttempt.decode(frame))
      }
      await respond(served, ChallengeAnswer, { Passed: hearing.sign() })
    } finally {
      hearing.close()
    }
  }
}
