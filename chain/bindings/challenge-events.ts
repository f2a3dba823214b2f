import { bcs } from '@mysten/sui/bcs'

const round = { epoch: bcs.u32(), round: bcs.u8() }
const bytes = bcs.byteVector()

/** Layouts of `walrus::challenge_events`, by the event's name. */
export const CHALLENGE_EVENT_LAYOUTS = {
  ChallengeOpened: bcs.struct('ChallengeOpened', {
    ...round,
    salt: bytes,
    draws: bcs.u16(),
    commit_until: bcs.u64(),
    pass_until: bcs.u64(),
  }),
  ChallengeCommitted: bcs.struct('ChallengeCommitted', { ...round, node_id: bcs.Address, root: bytes }),
  ChallengeDrawn: bcs.struct('ChallengeDrawn', { ...round, seed: bytes }),
  ChallengePassed: bcs.struct('ChallengePassed', { ...round, node_id: bcs.Address }),
  ChallengeFailed: bcs.struct('ChallengeFailed', {
    epoch: bcs.u32(),
    node_id: bcs.Address,
    burned: bcs.u64(),
    benched_until: bcs.u32(),
  }),
} as const
