/**
 * Sui's protocol limits, so that what passes here passes there. Names follow Sui's protocol config.
 * https://github.com/MystenLabs/sui/blob/main/crates/sui-protocol-config
 */
export const LIMITS = {
  maxTxSizeBytes: 128 * 1024,
  maxProgrammableTxCommands: 1024,
  maxArguments: 512, // per command
  maxTypeArguments: 16,
  maxTypeArgumentDepth: 16,
  maxPureArgumentSizeBytes: 16 * 1024,
  maxInputObjects: 2048,
  maxGasPaymentObjects: 256,
  maxWithdrawals: 10, // from address balances
  maxFundsTouched: 1024, // address balances that one transaction changes: its effects list them
  maxTxGasMist: 50_000_000_000n,
  maxGasPriceMist: 100_000n,
  maxMoveObjectSizeBytes: 250 * 1024,
  maxMovePackageSizeBytes: 100 * 1024,
  maxModulesInPublish: 64,
  maxPackageDependencies: 32,
  maxNumEventEmit: 1024,
  maxEventEmitSizeBytes: 250 * 1024,
  maxNumNewMoveObjectIds: 2048,
  maxNumDeletedMoveObjectIds: 2048,
  maxNumTransferredMoveObjectIds: 2048,
  objectRuntimeMaxNumCachedObjects: 1000, // dynamic fields touched
  maxSerializedTxEffectsSizeBytes: 512 * 1024,
  maxSizeWrittenObjectsBytes: 5_000_000,
} as const

/** MIST per unit of gas on the localnet, constant. */
export const REFERENCE_GAS_PRICE = 1000n

/**
 * Gas is flat: every transaction costs Sui's smallest bucket, 1,000 units at the price it names, and
 * storage is free. What a transaction does is bounded by LIMITS and TRANSACTION_BOUNDS.
 */
export const FLAT_GAS_UNITS = 1000n

/**
 * What one transaction or simulation may take, checks included. Sui's gas ends a transaction after a few hundred
 * thousand instructions; the steps here are up to a second of work, and the time is a bound for slow machines.
 */
export const TRANSACTION_BOUNDS = {
  steps: 20_000_000,
  bytes: 256 * 1024 * 1024,
  durationMs: 2000,
} as const

/** How far the clock may be advanced at a time: time cannot be taken back, and every epoch of a network ends in it. */
export const MAX_CLOCK_ADVANCE_MS = 365 * 24 * 60 * 60 * 1000

/** The last moment that a Date can hold. */
export const LATEST_MS = 8_640_000_000_000_000
