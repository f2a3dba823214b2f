import type { GrpcTypes } from '@mysten/sui/grpc'
import type { Ledger } from '../ledger/ledger.ts'
import { LIMITS, REFERENCE_GAS_PRICE } from '../ledger/limits.ts'

/** The Sui protocol version whose rules the localnet follows. */
const protocolVersion = 100n

/** Limits under the names that Sui's protocol config has for them. */
export const protocolConfig = (): GrpcTypes.ProtocolConfig => ({
  protocolVersion,
  featureFlags: {},
  attributes: {
    max_tx_size_bytes: `${LIMITS.maxTxSizeBytes}`,
    max_programmable_tx_commands: `${LIMITS.maxProgrammableTxCommands}`,
    max_arguments: `${LIMITS.maxArguments}`,
    max_type_arguments: `${LIMITS.maxTypeArguments}`,
    max_type_argument_depth: `${LIMITS.maxTypeArgumentDepth}`,
    max_pure_argument_size: `${LIMITS.maxPureArgumentSizeBytes}`,
    max_input_objects: `${LIMITS.maxInputObjects}`,
    max_gas_payment_objects: `${LIMITS.maxGasPaymentObjects}`,
    max_tx_gas: `${LIMITS.maxTxGasMist}`,
    max_gas_price: `${LIMITS.maxGasPriceMist}`,
    max_move_object_size: `${LIMITS.maxMoveObjectSizeBytes}`,
    max_move_package_size: `${LIMITS.maxMovePackageSizeBytes}`,
    max_modules_in_publish: `${LIMITS.maxModulesInPublish}`,
    max_package_dependencies: `${LIMITS.maxPackageDependencies}`,
    max_num_event_emit: `${LIMITS.maxNumEventEmit}`,
    max_event_emit_size: `${LIMITS.maxEventEmitSizeBytes}`,
    object_runtime_max_num_cached_objects: `${LIMITS.objectRuntimeMaxNumCachedObjects}`,
  },
  configs: {},
})

/** What clients read of 0x5. There are no validators and no storage fund; Sui's epoch stays the same. */
export const systemState = (ledger: Ledger): GrpcTypes.SystemState => ({
  version: 2n,
  epoch: ledger.epoch,
  protocolVersion,
  referenceGasPrice: REFERENCE_GAS_PRICE,
  epochStartTimestampMs: BigInt(ledger.identity.genesisMs),
  safeMode: false,
  safeModeStorageRewards: 0n,
  safeModeComputationRewards: 0n,
  safeModeStorageRebates: 0n,
  safeModeNonRefundableStorageFee: 0n,
  parameters: { epochDurationMs: 86_400_000n },
  storageFund: { totalObjectStorageRebates: 0n, nonRefundableBalance: 0n },
  stakeSubsidy: { balance: 0n, distributionCounter: 0n, currentDistributionAmount: 0n },
  validatorReportRecords: [],
})
