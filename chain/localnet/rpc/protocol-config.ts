import type { GrpcTypes } from '@mysten/sui/grpc'
import { LIMITS } from '../ledger/limits.ts'
import { PROTOCOL_VERSION } from '../ledger/system-state.ts'

/** What the localnet does and does not do, of the features that Sui's protocol config can turn on. */
const FEATURE_FLAGS: Record<string, boolean> = {
  package_upgrades: true,
  missing_type_is_compatibility_error: true,
  package_digest_hash_module: true,
  receive_objects: true,
  allow_receiving_object_id: true,
  shared_object_deletion: true,
  random_beacon: true,
  reject_mutable_random_on_entry_functions: true,
  upgraded_multisig_supported: true,
  passkey_auth: true,
  enable_group_ops_native_functions: true,
  enable_coin_deny_list: true,
  enable_coin_deny_list_v2: true,
  enable_party_transfer: true,
  enable_accumulators: true,
  enable_coin_registry: true,
  enable_display_registry: true,
  correct_gas_payment_limit_check: true,
  validate_identifier_inputs: true,
  zklogin_auth: false,
  accept_zklogin_in_multisig: false,
  address_aliases: false,
  enable_non_exclusive_writes: false,
  enable_poseidon: false,
  enable_vdf: false,
  enable_nitro_attestation: false,
  bridge: false,
}

/** Limits under the names that Sui's protocol config has for them. */
export const protocolConfig = (): GrpcTypes.ProtocolConfig => ({
  protocolVersion: PROTOCOL_VERSION,
  featureFlags: FEATURE_FLAGS,
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
