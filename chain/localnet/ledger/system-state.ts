import { type Address, addressFromBytes } from './address.ts'
import { hash } from './digest.ts'

/** The Sui protocol version whose rules the localnet follows. */
export const PROTOCOL_VERSION = 100n

/** Stands for the process among the validators; nobody has its key. */
export const VALIDATOR_ADDRESS: Address = addressFromBytes(
  hash(new TextEncoder().encode('floe localnet validator')),
)

/** What 0x5 says besides; Sui's own numbers, in the order of `SystemParametersV2` and of `stake_subsidy::create`. */
export const SYSTEM_PARAMETERS = {
  epochDurationMs: 86_400_000n,
  stakeSubsidyStartEpoch: 0n,
  minValidatorCount: 4n,
  maxValidatorCount: 150n,
  minValidatorJoiningStake: 30_000_000_000_000_000n, // MIST
  validatorLowStakeThreshold: 20_000_000_000_000_000n,
  validatorVeryLowStakeThreshold: 15_000_000_000_000_000n,
  validatorLowStakeGracePeriod: 7n, // epochs
} as const
export const STAKE_SUBSIDY = {
  currentDistributionAmount: 1_000_000_000_000_000n, // MIST
  stakeSubsidyPeriodLength: 10n, // epochs
  stakeSubsidyDecreaseRate: 1000n, // basis points
} as const
