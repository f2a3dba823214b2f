/**
 * reach: a peer asks whether it can be dialled. The one that is asked dials it back, at the IP address that the question came from
 * and no other, so that nobody can be made to knock at a third party's door.
 */
import { bcs } from '@mysten/bcs'
import { list, type Message, message, plain, reply } from '../wire.ts'
import { WireIp } from '../wire-ip.ts'

/** TCP ports in one question: one of each listener. */
export const MAX_REACH_PORTS = 4

/** TCP ports to be dialled at. */
export const ReachRequest: Message<number[]> = message(
  'ReachRequest',
  list(plain<number>(bcs.u16()), MAX_REACH_PORTS),
)

/** What a member found who dialled back. */
export interface ReachFindings {
  /** IP address that the question came from */
  seen: string
  /** for each port whether the asker, by its PeerId, answered there */
  reached: boolean[]
}

export const ReachAnswer: Message<ReachFindings> = reply(
  'ReachAnswer',
  plain<ReachFindings>(
    bcs.struct('ReachFindings', { seen: WireIp, reached: list(plain<boolean>(bcs.bool()), MAX_REACH_PORTS) }),
  ),
)
