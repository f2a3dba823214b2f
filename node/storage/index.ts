/**
 * A storage node, which keeps the slivers of its shards.
 * @module floe/storage
 */

export type { ScopedLog } from '../../base/log.ts'
export { createLog, type LogLevel, type LogOptions } from '../../base/pino-log.ts'
export { ConfigError, type NodeConfig, readNodeConfig } from '../config.ts'
export { loadNodeKeys, type NodeKeys } from '../keys.ts'
export { createMetrics, type Metrics, type NodeMetrics } from '../metrics.ts'
export { KeyError } from '../wallet-file.ts'
export { createStorageNode, type StorageNode, type StorageNodeInit } from './node.ts'
export { StoreError, type StoreErrorCode, type StoreErrorDetails } from './store/errors.ts'
