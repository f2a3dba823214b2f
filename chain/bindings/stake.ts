import { bcs } from '@mysten/sui/bcs'
import { Balance } from './move.ts'

/** `walrus::staked_wal::StakedWal` */
export const StakedWal = bcs.struct('StakedWal', {
  id: bcs.Address,
  state: bcs.enum('StakedWalState', {
    Staked: null,
    Withdrawing: bcs.struct('Withdrawing', { withdraw_epoch: bcs.u32() }),
  }),
  node_id: bcs.Address,
  principal: Balance,
  activation_epoch: bcs.u32(),
})
