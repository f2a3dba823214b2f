/**
 * Stores and reads blobs of a network, straight from its nodes.
 * @module floe
 */
export { ChainError } from '../../chain/index.ts'
export type { BlobObject, NetworkConfig, Wallet } from '../../chain/types.ts'
export { parseBlobId } from '../../codec/index.ts'
export type { BlobId, Epoch, ObjectId } from '../../codec/types.ts'
export { ConfigError, readNetworkConfig as readNetwork } from '../config.ts'
export { KeyError, readWallet } from '../keys.ts'
export { type ClientInit, createClient, createReader, type Reader, type ReaderInit } from './client.ts'
export { ClientError, type ClientErrorCode, type ClientErrorDetails } from './errors.ts'
export type {
  BlobHandle,
  ByteRange,
  Client,
  HandleReadOptions,
  Liar,
  NetworkBlobStatus,
  Progress,
  ReadOptions,
  ReadResult,
  StoredFile,
  StoreOptions,
  StoreResult,
  StoreSource,
} from './types.ts'
