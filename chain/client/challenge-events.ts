import { defined } from '../../base/defined.ts'
import { parseObjectId } from '../../codec/index.ts'
import type { Epoch } from '../../codec/types.ts'
import { CHALLENGE_EVENT_LAYOUTS } from '../bindings/challenge-events.ts'
import { decodeMove, safeNumber } from '../bindings/move.ts'
import type { ChallengeEvent } from '../types/index.ts'

export const CHALLENGE_EVENTS_MODULE = 'challenge_events'

/** An event of storage challenges; undefined for one of a name that this program does not know. */
export function decodeChallengeEvent(name: string, bytes: Uint8Array): ChallengeEvent | undefined {
  if (!isKnown(name)) return undefined
  switch (name) {
    case 'ChallengeOpened': {
      const event = decodeMove(CHALLENGE_EVENT_LAYOUTS[name], bytes)
      return {
        type: name,
        ...roundOf(event),
        salt: event.salt,
        draws: event.draws,
        commitUntilMs: safeNumber(event.commit_until, 'end of commitments'),
        passUntilMs: safeNumber(event.pass_until, 'end of a round'),
      }
    }
    case 'ChallengeCommitted': {
      const event = decodeMove(CHALLENGE_EVENT_LAYOUTS[name], bytes)
      return { type: name, ...roundOf(event), nodeId: parseObjectId(event.node_id), root: event.root }
    }
    case 'ChallengeDrawn': {
      const event = decodeMove(CHALLENGE_EVENT_LAYOUTS[name], bytes)
      return { type: name, ...roundOf(event), seed: event.seed }
    }
    case 'ChallengePassed': {
      const event = decodeMove(CHALLENGE_EVENT_LAYOUTS[name], bytes)
      return { type: name, ...roundOf(event), nodeId: parseObjectId(event.node_id) }
    }
    case 'ChallengeFailed': {
      const event = decodeMove(CHALLENGE_EVENT_LAYOUTS[name], bytes)
      return defined({
        type: name,
        epoch: event.epoch as Epoch,
        nodeId: parseObjectId(event.node_id),
        burnedFrost: BigInt(event.burned),
        benchedUntil: event.benched_until > 0 ? (event.benched_until as Epoch) : undefined,
      })
    }
  }
}

const roundOf = ({ epoch, round }: { epoch: number; round: number }) => ({ epoch: epoch as Epoch, round })

function isKnown(name: string): name is keyof typeof CHALLENGE_EVENT_LAYOUTS {
  return Object.hasOwn(CHALLENGE_EVENT_LAYOUTS, name)
}
