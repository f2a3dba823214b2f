import { GrpcTypes } from '@mysten/sui/grpc'
import type { CheckpointRecord } from '../../ledger/checkpoint.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import type { Mask } from '../mask.ts'
import { bcsMessage, timestamp } from './common.ts'
import { objectSet, recordMessage } from './transaction.ts'

/** Pruned to the mask. The localnet has no validators, so there is no signature. */
export async function checkpointMessage(
  ledger: Ledger,
  checkpoint: CheckpointRecord,
  mask: Mask,
): Promise<GrpcTypes.Checkpoint> {
  const message: GrpcTypes.Checkpoint = {
    sequenceNumber: checkpoint.sequence,
    digest: checkpoint.digest,
    summary: {
      bcs: bcsMessage('CheckpointSummary', checkpoint.summary),
      digest: checkpoint.digest,
      epoch: checkpoint.epoch,
      sequenceNumber: checkpoint.sequence,
      totalNetworkTransactions: checkpoint.totalTransactions,
      contentDigest: checkpoint.contentDigest,
      previousDigest: checkpoint.previousDigest,
      epochRollingGasCostSummary: {
        computationCost: checkpoint.epochCost,
        storageCost: 0n,
        storageRebate: 0n,
        nonRefundableStorageFee: 0n,
      },
      timestamp: timestamp(checkpoint.timestampMs),
      commitments: [],
    },
    contents: {
      bcs: bcsMessage('CheckpointContents', checkpoint.contents),
      digest: checkpoint.contentDigest,
      version: 1,
      transactions: checkpoint.transactions.map(entry => ({
        transaction: entry.transaction,
        effects: entry.effects,
        signatures: entry.signatures.map(signature => ({
          bcs: bcsMessage('UserSignatureBytes', signature),
          signature: { oneofKind: undefined },
        })),
        addressAliasesVersions: [],
      })),
    },
    transactions: [],
  }
  if (mask.wants('transactions'))
    for (const { transaction } of checkpoint.transactions) {
      const record = await ledger.transaction(transaction)
      if (record !== undefined)
        message.transactions.push(await recordMessage(ledger, record, mask.at('transactions')))
    }
  if (mask.wants('objects')) message.objects = await objectsOf(ledger, checkpoint, mask.at('objects'))
  return mask.prune(GrpcTypes.Checkpoint, message)
}

async function objectsOf(
  ledger: Ledger,
  checkpoint: CheckpointRecord,
  mask: Mask,
): Promise<GrpcTypes.ObjectSet> {
  const objects = new Map<string, GrpcTypes.Object>()
  for (const { transaction } of checkpoint.transactions) {
    const record = await ledger.transaction(transaction)
    if (record === undefined) continue
    for (const object of (await objectSet(ledger, record, mask.at('objects'))).objects)
      objects.set(`${object.objectId} ${object.version}`, object)
  }
  return { objects: [...objects.values()] }
}
