import { bcs } from '@mysten/sui/bcs'
import { Balance, fieldOf } from './move.ts'

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

/** The dynamic field of a stake that pays a fee: basis points of its principal. */
export const StakeFeeField = fieldOf(bcs.byteVector(), bcs.u16())
