import { GrpcTypes } from '@mysten/sui/grpc'
import { SYSTEM } from '../../ledger/address.ts'
import { GENESIS_DIGEST } from '../../ledger/genesis.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import type { Mask } from '../mask.ts'
import { objectWeight, type ReplyBudget } from '../reply-budget.ts'
import { ownerMessage, timestamp } from './common.ts'
import { objectMessage } from './object.ts'

const {
  ChangedObject_IdOperation: IdOperation,
  ChangedObject_InputObjectState: Before,
  ChangedObject_OutputObjectState: After,
  TransactionKind_Kind: Kind,
} = GrpcTypes

/**
 * The transaction that system objects name as the one that made them: nobody sent it and nobody paid, so it has no gas
 * object. Its objects are told as they are now.
 */
export function genesisMessage(
  ledger: Ledger,
  mask: Mask,
  budget: ReplyBudget,
): GrpcTypes.ExecutedTransaction {
  const objects = Object.values(SYSTEM).flatMap(id => ledger.objects.get(id) ?? [])
  const all = mask.at('objects.objects')
  if (mask.wants('objects')) for (const object of objects) budget.spend(objectWeight(object, all))
  const noGas = { computationCost: 0n, storageCost: 0n, storageRebate: 0n, nonRefundableStorageFee: 0n }
  return mask.prune(GrpcTypes.ExecutedTransaction, {
    digest: GENESIS_DIGEST,
    transaction: {
      digest: GENESIS_DIGEST,
      version: 1,
      sender: SYSTEM.zero,
      kind: { kind: Kind.GENESIS, data: { oneofKind: 'genesis', genesis: { objects: [] } } },
      gasPayment: { objects: [], owner: SYSTEM.zero, price: 1n, budget: 0n },
    },
    signatures: [],
    effects: {
      version: 2,
      status: { success: true },
      epoch: 0n,
      gasUsed: noGas,
      transactionDigest: GENESIS_DIGEST,
      dependencies: [],
      lamportVersion: 1n,
      changedObjects: objects.map(object => ({
        objectId: object.id,
        objectType: object.kind === 'move' ? object.type : 'package',
        inputState: Before.DOES_NOT_EXIST,
        outputState: object.kind === 'move' ? After.OBJECT_WRITE : After.PACKAGE_WRITE,
        outputVersion: object.version,
        outputDigest: object.digest,
        outputOwner: ownerMessage(object.owner),
        idOperation: IdOperation.CREATED,
      })),
      unchangedConsensusObjects: [],
      unchangedLoadedRuntimeObjects: [],
    },
    checkpoint: 0n,
    timestamp: timestamp(BigInt(ledger.identity.genesisMs)),
    balanceChanges: [],
    objects: mask.wants('objects')
      ? { objects: objects.map(object => objectMessage(ledger, object, all)) }
      : undefined,
  })
}
