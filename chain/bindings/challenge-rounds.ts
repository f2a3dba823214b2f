import { bcs } from '@mysten/sui/bcs'
import { fieldOf, Table, vecMap } from './move.ts'

/** `walrus::challenge_rounds::Challenges`, in a dynamic field of the staking object */
export const ChallengesField = fieldOf(
  bcs.byteVector(),
  bcs.struct('Challenges', { epoch: bcs.u32(), rounds: Table, last_counted: bcs.u32() }),
)

/** `walrus::challenge_rounds::Round`, in the table of the rounds under its number */
export const RoundField = fieldOf(
  bcs.u8(),
  bcs.struct('Round', {
    salt: bcs.byteVector(),
    seed: bcs.option(bcs.byteVector()),
    commit_until: bcs.u64(),
    pass_until: bcs.u64(),
    roots: vecMap(bcs.Address, bcs.byteVector()),
    passed: bcs.vector(bcs.bool()),
    weight: bcs.u16(),
  }),
)
