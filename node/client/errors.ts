import { CodedError } from '../../base/coded-error.ts'
import type { NodeAnswer } from './answers.ts'

/** How far an upload came. */
export interface Confirmations {
  blobId: string
  confirmedShards: number
  neededShards: number
  /** of the committee, with shards */
  nodes: number
  /** of them, those that refused because they have no space left */
  noSpaceNodes: number
  /** those that refused because they have too much to do */
  busyNodes: number
}

/** Why a client of a network could not do what it was asked: one closed table for CLI exit codes and HTTP statuses. */
export interface ClientErrorDetails {
  /** 2f+1 of the shard weight says that no such blob is certified. */
  BLOB_NOT_FOUND: { blobId: string; answeredShards: number; neededShards: number }
  /** The same, and it was certified until that epoch, or deleted in it. Told for two epochs, and then not found. */
  BLOB_ENDED: { blobId: string; endEpoch: number; answeredShards: number; neededShards: number }
  /** The network has proved that the blob was encoded inconsistently, or its bytes do not give its ID. */
  BLOB_INVALID: { blobId: string }
  /** Too little shard weight answered to tell, or to decode. `nodes`: what each of those did that were asked. */
  TOO_FEW_SHARDS: { blobId?: string; answeredShards: number; neededShards: number; nodes?: NodeAnswer[] }
  /** Too little shard weight confirmed an upload. Sending it again resumes it. */
  TOO_FEW_CONFIRMATIONS: Confirmations
  /** The same, as most of the nodes that refused it have no room left on their disks. */
  NO_SPACE: Confirmations
  /** The same, as most of the nodes that refused it are over a quota, or out of file descriptors. */
  NODES_BUSY: Confirmations
  /** The epochs that were paid for ended before the upload did. */
  REGISTRATION_ENDED: { blobId: string; objectId: string; endEpoch: number }
  /** A file changed while it was read, which takes two passes. */
  SOURCE_CHANGED: Record<never, never>
  /** The bytes are another blob than the one that they were said to be. */
  BLOB_ID_MISMATCH: { blobId: string; actual: string }
  BLOB_TOO_LARGE: { maxBytes: number; actualBytes: number }
  /** An option is outside what the network takes, e.g. more epochs than it sells ahead. */
  INVALID_OPTION: { option: string; reason: string }
  /** The wallet lacks coins. Amounts in the coin's smallest unit, as decimal text; `subWalletsAmount` is with its sub-wallets. */
  INSUFFICIENT_FUNDS: {
    coin: 'WAL' | 'SUI'
    neededAmount?: string
    availableAmount?: string
    subWalletsAmount?: string
  }
  /** Storing needs a wallet and the client was made without one. */
  NO_WALLET: Record<never, never>
  /** No Sui RPC answers, or none as it should. `httpStatus` is what it, or a proxy before it, said instead. */
  CHAIN_UNAVAILABLE: { url?: string; httpStatus?: number }
  /** Another program spends the wallet's coins at the same time. Nothing was sent. */
  WALLET_BUSY: { owner: string; attempts: number }
  /** Sui executed the transaction and it aborted. */
  CHAIN_REJECTED: { digest?: string; reason: string }
  CLOSED: Record<never, never>
}

/** The closed list of codes; `ClientErrorDetails` says what each means and carries. */
export type ClientErrorCode = keyof ClientErrorDetails

/** An error of Client (types.ts). `message` is a sentence for people; `details` holds its data. */
export class ClientError<Code extends ClientErrorCode = ClientErrorCode> extends CodedError<
  ClientErrorDetails,
  Code
> {
  override readonly name = 'ClientError'
}

/** Narrows to one code: `isClientError(error, 'BLOB_TOO_LARGE') && error.details.maxBytes`. */
export function isClientError<Code extends ClientErrorCode>(
  error: unknown,
  code?: Code,
): error is ClientError<Code> {
  return error instanceof ClientError && (code === undefined || error.code === code)
}
