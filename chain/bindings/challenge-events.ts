import { bcs } from '@mysten/sui/bcs'
import { fieldOf, Table } from './move.ts'

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

/** `walrus::challenge_rounds::Challenges`, in a dynamic field of the staking object */
export const ChallengesField = fieldOf(
  bcs.byteVector(),
  bcs.struct('Challenges', {
    parameters: bcs.struct('Parameters', {
      rounds: bcs.u8(),
      draws: bcs.u16(),
      open_from: bcs.u16(),
      commit_until: bcs.u16(),
      pass_until: bcs.u16(),
      burned_commission: bcs.u16(),
      strikes: bcs.u8(),
      bench: bcs.u8(),
    }),
    epoch: bcs.u32(),
    rounds: Table,
    last_counted: bcs.u32(),
  }),
)
