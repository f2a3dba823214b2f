import { GrpcTypes } from '@mysten/sui/grpc'
import { parseAddress } from '../../ledger/address.ts'
import { GENESIS_DIGEST } from '../../ledger/genesis.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import { REFERENCE_GAS_PRICE } from '../../ledger/limits.ts'
import type { Call } from '../call.ts'
import { checkpointMessage } from '../convert/checkpoint.ts'
import { timestamp } from '../convert/common.ts'
import { genesisMessage } from '../convert/genesis.ts'
import { objectMessage } from '../convert/object.ts'
import { systemStateMessage } from '../convert/system-state.ts'
import { recordMessage } from '../convert/transaction.ts'
import { Mask } from '../mask.ts'
import { protocolConfig } from '../protocol-config.ts'
import { objectWeight, REPLY_LIMITS, ReplyBudget } from '../reply-budget.ts'
import { limited, notFound, STATUS, toStatus } from '../status.ts'

const MAX_BATCH = 1000

async function result<T>(work: () => Promise<T>): Promise<{ ok: T } | { error: GrpcTypes.GetObjectResult }> {
  try {
    return { ok: await work() }
  } catch (error) {
    const known = toStatus(error)
    // the whole reply is too large, not this part of it
    if (known.details.refusal !== undefined) throw known
    const { code, message } = known
    return {
      error: { result: { oneofKind: 'error', error: { code: STATUS[code], message, details: [] } } },
    }
  }
}

export function ledgerService(ledger: Ledger) {
  const object = async (
    request: Pick<GrpcTypes.GetObjectRequest, 'objectId' | 'version'>,
    mask: Mask,
    budget = new ReplyBudget(),
  ): Promise<GrpcTypes.Object> => {
    const id = parseAddress(request.objectId ?? '')
    const found = await ledger.object(id, request.version)
    if (found === undefined)
      throw notFound(`Object ${id}${request.version === undefined ? '' : ` with version ${request.version}`}`)
    budget.spend(objectWeight(found, mask))
    return mask.prune(GrpcTypes.Object, objectMessage(ledger, found, mask))
  }
  const transaction = async (
    digest: string | undefined,
    mask: Mask,
    budget = new ReplyBudget(),
  ): Promise<GrpcTypes.ExecutedTransaction> => {
    if (digest === GENESIS_DIGEST && ledger.lowest === 0n) return genesisMessage(ledger, mask, budget)
    const record = digest !== undefined ? await ledger.transaction(digest) : undefined
    if (record === undefined) throw notFound(`Transaction ${(digest ?? '').slice(0, 80)}`)
    return await recordMessage(ledger, record, mask, budget)
  }
  const objectMask = (mask: { paths: string[] } | undefined) =>
    Mask.of(mask, ['object_id', 'version', 'digest']).check(GrpcTypes.Object)
  const transactionMask = (mask: { paths: string[] } | undefined) =>
    Mask.of(mask, ['digest']).check(GrpcTypes.ExecutedTransaction)

  return {
    getServiceInfo: (): GrpcTypes.GetServiceInfoResponse => ({
      chainId: ledger.identity.chainId,
      chain: 'localnet',
      epoch: ledger.epoch,
      checkpointHeight: ledger.height,
      timestamp: timestamp(ledger.timestampMs),
      lowestAvailableCheckpoint: ledger.lowest,
      lowestAvailableCheckpointObjects: ledger.lowestWithObjects,
      server: 'floe-localnet/1',
    }),

    async getObject(request: GrpcTypes.GetObjectRequest): Promise<GrpcTypes.GetObjectResponse> {
      return { object: await object(request, objectMask(request.readMask)) }
    },

    async batchGetObjects(
      request: GrpcTypes.BatchGetObjectsRequest,
      { breathe }: Call,
    ): Promise<GrpcTypes.BatchGetObjectsResponse> {
      if (request.requests.length > MAX_BATCH) throw limited('size', `at most ${MAX_BATCH} objects at once`)
      const mask = objectMask(request.readMask)
      const objects: GrpcTypes.GetObjectResult[] = []
      const budget = new ReplyBudget(REPLY_LIMITS.batchBytes)
      for (const one of request.requests) {
        await breathe()
        const found = await result(() => object(one, mask, budget))
        objects.push('ok' in found ? { result: { oneofKind: 'object', object: found.ok } } : found.error)
      }
      return { objects }
    },

    async getTransaction(
      request: GrpcTypes.GetTransactionRequest,
    ): Promise<GrpcTypes.GetTransactionResponse> {
      return { transaction: await transaction(request.digest, transactionMask(request.readMask)) }
    },

    async batchGetTransactions(
      request: GrpcTypes.BatchGetTransactionsRequest,
      { breathe }: Call,
    ): Promise<GrpcTypes.BatchGetTransactionsResponse> {
      if (request.digests.length > MAX_BATCH)
        throw limited('size', `at most ${MAX_BATCH} transactions at once`)
      const mask = transactionMask(request.readMask)
      const transactions: GrpcTypes.GetTransactionResult[] = []
      const budget = new ReplyBudget(REPLY_LIMITS.batchBytes)
      for (const digest of request.digests) {
        await breathe()
        const found = await result(() => transaction(digest, mask, budget))
        transactions.push(
          'ok' in found
            ? { result: { oneofKind: 'transaction', transaction: found.ok } }
            : (found.error as GrpcTypes.GetTransactionResult),
        )
      }
      return { transactions }
    },

    async getCheckpoint(request: GrpcTypes.GetCheckpointRequest): Promise<GrpcTypes.GetCheckpointResponse> {
      const mask = Mask.of(request.readMask, ['sequence_number', 'digest']).check(GrpcTypes.Checkpoint)
      const { checkpointId } = request
      const which =
        checkpointId.oneofKind === 'sequenceNumber'
          ? checkpointId.sequenceNumber
          : checkpointId.oneofKind === 'digest'
            ? checkpointId.digest
            : ledger.height
      const checkpoint = await ledger.checkpoint(which)
      if (checkpoint === undefined) throw notFound(`Checkpoint ${which}`)
      return { checkpoint: await checkpointMessage(ledger, checkpoint, mask) }
    },

    getEpoch(request: GrpcTypes.GetEpochRequest): GrpcTypes.GetEpochResponse {
      const mask = Mask.of(request.readMask, [
        'epoch',
        'first_checkpoint',
        'last_checkpoint',
        'start',
        'end',
        'reference_gas_price',
        'protocol_config',
      ]).check(GrpcTypes.Epoch)
      if (request.epoch !== undefined && request.epoch !== ledger.epoch)
        throw notFound(`Epoch ${request.epoch}`)
      return {
        epoch: mask.prune(GrpcTypes.Epoch, {
          epoch: ledger.epoch,
          firstCheckpoint: 0n,
          start: timestamp(BigInt(ledger.identity.genesisMs)),
          referenceGasPrice: REFERENCE_GAS_PRICE,
          systemState: systemStateMessage(ledger),
          protocolConfig: protocolConfig(),
        }),
      }
    },
  }
}
