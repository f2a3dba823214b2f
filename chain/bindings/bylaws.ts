import { bcs } from '@mysten/sui/bcs'
import { fieldOf, Table, vecMap } from './move.ts'

const Parameters = bcs.struct('Parameters', {
  rounds: bcs.u8(),
  draws: bcs.u16(),
  open_from: bcs.u16(),
  commit_until: bcs.u16(),
  pass_until: bcs.u16(),
  burned_commission: bcs.u16(),
  strikes: bcs.u8(),
  bench: bcs.u8(),
  settle: bcs.u8(),
  fee: bcs.u16(),
})

/** `walrus::parameters::Bylaws`, in a dynamic field of the staking object */
export const BylawsField = fieldOf(
  bcs.byteVector(),
  bcs.struct('Bylaws', {
    current: Parameters,
    next: Parameters,
    next_from: bcs.u32(),
    later: Parameters,
    ballots: Table,
  }),
)

/** `walrus::parameters::Ballot`, in the table of the ballots under the parameter's name */
export const BallotField = fieldOf(
  bcs.string(),
  bcs.struct('Ballot', {
    epoch: bcs.u32(),
    decided: bcs.bool(),
    votes: vecMap(bcs.Address, bcs.u64()),
  }),
)
