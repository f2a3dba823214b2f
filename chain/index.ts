/**
 * The storage contract on Sui: reads, events, transactions, wallets.
 * @module floe/chain
 */
export { formatSui, formatWal } from './amounts.ts'
export { createCommitteeSource } from './client/committee-source.ts'
export { createCoordinator } from './client/coordinator.ts'
export { beginsAtMs } from './client/epochs.ts'
export { createPooledWriter, type WalletPool } from './client/pooled-writer.ts'
export {
  type CoordinatorLog,
  type CoordinatorOptions,
  createUserCoordinator,
} from './client/user-coordinator.ts'
export { formatKeystore, generateWalletKey, keypairWallet, parseKeystore, walletOf } from './client/wallet.ts'
export {
  type AnyChainError,
  ChainError,
  type ChainErrorCode,
  type ChainErrorDetails,
  isChainError,
} from './errors.ts'
export { MIN_EPOCH_MS, mainnet, testnet } from './networks.ts'
export { PARAMETER_KEYS, PARAMETERS, type ParameterKey, type ParameterRule } from './parameters.ts'
export type * from './types/index.ts'
