/**
 * punch: two peers that talk over a relay agree to connect directly. Who dialled the relayed connection offers where it may be
 * met; the answer says the same of the other side. A ping measures the round trip over the relay; `Go` is the moment in which
 * both begin.
 */
import { bcs } from '@mysten/bcs'
import { list, type Message, message, plain, reply } from '../wire.ts'
import { WireIp } from '../wire-ip.ts'

/** Where a peer may be met by TCP. */
export interface PunchCandidate {
  /** as `ipFromBytes` has it: in dots, or eight groups in hex */
  ip: string
  port: number
}

/** An address of each kind behind up to two relays and one of the own network: more is somebody else's word. */
export const MAX_PUNCH_CANDIDATES = 8

const WireCandidate = plain<PunchCandidate>(bcs.struct('PunchCandidate', { ip: WireIp, port: bcs.u16() }))

const Candidates = list(WireCandidate, MAX_PUNCH_CANDIDATES)

export const PunchOffer: Message<PunchCandidate[]> = message('PunchOffer', Candidates)
export const PunchAnswer: Message<PunchCandidate[]> = reply('PunchAnswer', Candidates)

/** What follows the answer, from the side that offered. */
export type PunchStep =
  /** answered at once */
  | { Ping: true }
  /** begin now; the ping took so many ms */
  | { Go: number }

export const PunchStepMessage: Message<PunchStep> = message(
  'PunchStep',
  plain<PunchStep>(bcs.enum('PunchStepV1', { Ping: null, Go: bcs.u16() })),
)

/** Whether to go on; nothing but true. */
export const PunchPong: Message<true> = reply(
  'PunchPong',
  bcs.bool().transform<true, true>({
    input: value => value,
    output(value) {
      if (!value) throw new RangeError('a pong that says no')
      return value
    },
  }),
)
