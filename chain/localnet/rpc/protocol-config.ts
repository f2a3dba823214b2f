import type { GrpcTypes } from '@mysten/sui/grpc'
import { LIMITS } from '../ledger/limits.ts'
import { PROTOCOL_VERSION } from '../ledger/system-state.ts'

/** Limits under the names that Sui's protocol config has for them. */
export const protocolConfig = (): GrpcTypes.ProtocolConfig => ({
  protocolVersion: PROTOCOL_VERSION,
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
