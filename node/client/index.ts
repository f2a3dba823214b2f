/**
 * Stores and reads blobs of a network, straight from its nodes.
 * @module floe
 */
export { ChainError } from '../../chain/index.ts'
export type { BlobObject, NetworkConfig, TransactionSigner, Wallet } from '../../chain/types/index.ts'
export { parseBlobId } from '../../codec/index.ts'
export type { BlobId, Epoch, ObjectId } from '../../codec/types.ts'
export { ConfigError, readNetworkConfig as readNetwork } from '../config.ts'
export { KeyError, readWallet } from '../wallet-file.ts'
export type { NodeAnswer } from './answers.ts'
export type { Reader } from './client.ts'
export { ClientError, type ClientErrorCode, type ClientErrorDetails } from './errors.ts'
export { type ClientInit, createClient, createReader, type ReaderInit } from './node-client.ts'
export type {
  BlobHandle,
  ByteRange,
  Client,
  HandleReadOptions,
  Liar,
  NetworkBlobStatus,
  Progress,
  ReadCheck,
  ReadOptions,
  ReadResult,
  RegisteredBlob,
  ResourceOperation,
  SendOptions,
  StoredFile,
  StoreOptions,
  StoreResult,
  StoreSource,
} from './types.ts'
export type { PeerEvent } from './watch-peers.ts'
