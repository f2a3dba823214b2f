import { ChainError, isChainError } from '../../chain/index.ts'
import { CodecError } from '../../codec/index.ts'
import { ClientError } from './errors.ts'

/** What went wrong below, as the closed table that CLI and gateway know. Other errors, aborts too, stay as they are. */
export function toClientError(error: unknown): unknown {
  if (error instanceof CodecError && error.code === 'BLOB_TOO_LARGE') {
    const { maxBytes, actualBytes } = error.details
    return new ClientError(
      'BLOB_TOO_LARGE',
      error.message,
      { maxBytes: Number(maxBytes), actualBytes: Number(actualBytes) },
      { cause: error },
    )
  }
  if (error instanceof CodecError && error.code === 'SOURCE_CHANGED')
    return new ClientError('SOURCE_CHANGED', error.message, {}, { cause: error })
  if (error instanceof ChainError && isChainError(error)) return fromChain(error)
  return error
}

function fromChain(error: ChainError): unknown {
  const cause = { cause: error }
  if (isChainError(error, 'NOT_ENOUGH_WAL')) {
    const { neededFrost, availableFrost, subWalletsFrost } = error.details
    return tooLittle(error, 'WAL', neededFrost, availableFrost, subWalletsFrost)
  }
  if (isChainError(error, 'NOT_ENOUGH_SUI')) {
    const { neededMist, availableMist, subWalletsMist } = error.details
    return tooLittle(error, 'SUI', neededMist, availableMist, subWalletsMist)
  }
  if (isChainError(error, 'RPC_UNAVAILABLE')) {
    const { urls, httpStatus } = error.details
    const details = { url: urls[0], httpStatus }
    return new ClientError('CHAIN_UNAVAILABLE', error.message, details, cause)
  }
  if (isChainError(error, 'RPC_FAILED')) {
    const { url, httpStatus } = error.details
    const details = { url, httpStatus }
    return new ClientError('CHAIN_UNAVAILABLE', error.message, details, cause)
  }
  if (isChainError(error, 'WRONG_CHAIN')) {
    return new ClientError('CHAIN_UNAVAILABLE', error.message, { url: error.details.url }, cause)
  }
  if (isChainError(error, 'WALLET_BUSY')) {
    const { owner, attempts } = error.details
    return new ClientError('WALLET_BUSY', error.message, { owner, attempts }, cause)
  }
  if (isChainError(error, 'QUEUE_FULL')) return new ClientError('CHAIN_UNAVAILABLE', error.message, {}, cause)
  if (isChainError(error, 'INVALID_ARGUMENT')) {
    const { what, value } = error.details
    return new ClientError(
      'INVALID_OPTION',
      error.message,
      { option: what, reason: `it cannot be ${value}` },
      cause,
    )
  }
  if (isChainError(error, 'NOT_FOUND')) {
    const reason = `object ${error.details.objectId} does not exist`
    return new ClientError('CHAIN_REJECTED', error.message, { reason }, cause)
  }
  if (isChainError(error, 'MOVE_ABORT')) {
    const { name, module, abortCode, digest } = error.details
    return new ClientError(
      'CHAIN_REJECTED',
      error.message,
      { reason: name ?? `${module}: ${abortCode}`, digest },
      cause,
    )
  }
  if (isChainError(error, 'TRANSACTION_FAILED')) {
    return new ClientError(
      'CHAIN_REJECTED',
      error.message,
      { reason: error.details.kind, digest: error.details.digest },
      cause,
    )
  }
  if (isChainError(error, 'TRANSACTION_REJECTED')) {
    return new ClientError('CHAIN_REJECTED', error.message, { reason: error.details.reason }, cause)
  }
  if (isChainError(error, 'CLOSED')) return new ClientError('CLOSED', 'the client was closed', {}, cause)
  return error
}

function tooLittle(cause: ChainError, coin: 'WAL' | 'SUI', needed: bigint, available: bigint, held?: bigint) {
  const details = {
    coin,
    neededAmount: `${needed}`,
    availableAmount: `${available}`,
    ...(held !== undefined && { subWalletsAmount: `${held}` }),
  }
  return new ClientError('INSUFFICIENT_FUNDS', cause.message, details, { cause })
}
