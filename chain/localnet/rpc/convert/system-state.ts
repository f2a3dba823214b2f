import type { GrpcTypes } from '@mysten/sui/grpc'
import type { Ledger } from '../../ledger/ledger.ts'
import { REFERENCE_GAS_PRICE } from '../../ledger/limits.ts'
import {
  PROTOCOL_VERSION,
  STAKE_SUBSIDY,
  SYSTEM_PARAMETERS,
  VALIDATOR_ADDRESS,
} from '../../ledger/system-state.ts'

const VALIDATOR: GrpcTypes.Validator = {
  name: 'localnet',
  address: VALIDATOR_ADDRESS,
  description: '',
  votingPower: 10_000n,
  operationCapId: VALIDATOR_ADDRESS,
  gasPrice: REFERENCE_GAS_PRICE,
  commissionRate: 0n,
  nextEpochStake: 0n,
  nextEpochGasPrice: REFERENCE_GAS_PRICE,
  nextEpochCommissionRate: 0n,
}

/** What 0x5 says: one validator that stands for the process, nothing staked, an epoch that stays the same. */
export const systemStateMessage = (ledger: Ledger): GrpcTypes.SystemState => ({
  version: 2n,
  epoch: ledger.epoch,
  protocolVersion: PROTOCOL_VERSION,
  validators: {
    totalStake: 0n,
    activeValidators: [VALIDATOR],
    pendingRemovals: [],
    atRiskValidators: {},
  },
  storageFund: { totalObjectStorageRebates: 0n, nonRefundableBalance: 0n },
  parameters: SYSTEM_PARAMETERS,
  referenceGasPrice: REFERENCE_GAS_PRICE,
  validatorReportRecords: [],
  stakeSubsidy: {
    balance: 0n,
    distributionCounter: 0n,
    ...STAKE_SUBSIDY,
    stakeSubsidyDecreaseRate: Number(STAKE_SUBSIDY.stakeSubsidyDecreaseRate),
  },
  safeMode: false,
  safeModeStorageRewards: 0n,
  safeModeComputationRewards: 0n,
  safeModeStorageRebates: 0n,
  safeModeNonRefundableStorageFee: 0n,
  epochStartTimestampMs: BigInt(ledger.identity.genesisMs),
})
