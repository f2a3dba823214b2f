import { TypeTagSerializer } from '@mysten/sui/bcs'
import { GrpcTypes } from '@mysten/sui/grpc'
import { type Digest, digestAs } from '../../ledger/digest.ts'
import { type BalanceChange, parseEvents } from '../../ledger/execution/effects.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import type { TransactionRecord } from '../../ledger/records.ts'
import { parseTransaction } from '../../ledger/transaction.ts'
import type { Mask } from '../mask.ts'
import { objectWeight, ReplyBudget } from '../reply-budget.ts'
import { moduleFinder } from './clever-error.ts'
import { bcsMessage, timestamp } from './common.ts'
import { effectsMessage, effectsV2 } from './effects.ts'
import { jsonOf } from './json.ts'
import { objectMessage } from './object.ts'
import { transactionMessage } from './transaction-data.ts'

/** A transaction that was executed, or simulated. */
export interface TransactionSource {
  digest: Digest
  transaction: Uint8Array
  signatures: readonly Uint8Array[]
  effects: Uint8Array
  events: Uint8Array | undefined
  objectTypes: ReadonlyMap<string, string>
  balanceChanges: readonly BalanceChange[]
  message: string | undefined
  timestampMs: bigint
  /** absent in a simulation */
  checkpoint?: bigint
}

export function eventMessages(ledger: Ledger, bytes: Uint8Array, withJson: boolean): GrpcTypes.Event[] {
  return parseEvents(bytes).map((event): GrpcTypes.Event => {
    const eventType = TypeTagSerializer.tagToString({ struct: event.type })
    const contents = Uint8Array.from(event.contents)
    return {
      packageId: event.packageId,
      module: event.module,
      sender: event.sender,
      eventType,
      contents: bcsMessage(eventType, contents),
      json: withJson ? jsonOf(ledger.vm, eventType, contents) : undefined,
    }
  })
}

function eventsMessage(ledger: Ledger, bytes: Uint8Array, mask: Mask): GrpcTypes.TransactionEvents {
  return {
    bcs: bcsMessage('TransactionEvents', bytes),
    digest: digestAs('TransactionEvents', bytes),
    events: mask.wants('events.events') ? eventMessages(ledger, bytes, mask.wants('events.events.json')) : [],
  }
}

/** Pruned to the mask; without `objects`. */
export function executedMessage(
  ledger: Ledger,
  source: TransactionSource,
  mask: Mask,
): GrpcTypes.ExecutedTransaction {
  const message: GrpcTypes.ExecutedTransaction = {
    digest: source.digest,
    signatures: source.signatures.map(signature => ({
      bcs: bcsMessage('UserSignatureBytes', signature),
      scheme: signature[0],
      signature: { oneofKind: undefined },
    })),
    checkpoint: source.checkpoint,
    timestamp: timestamp(source.timestampMs),
    balanceChanges: source.balanceChanges.map(({ address, coinType, amount }) => ({
      address,
      coinType,
      amount: amount.toString(),
    })),
  }
  if (mask.wants('transaction'))
    message.transaction = transactionMessage(parseTransaction(source.transaction))
  if (mask.wants('effects')) message.effects = effectsMessage(source, moduleFinder(ledger.vm))
  if (source.events !== undefined && mask.wants('events'))
    message.events = eventsMessage(ledger, source.events, mask)
  return mask.prune(GrpcTypes.ExecutedTransaction, message)
}

/** Everything is given as bytes and as a message. */
function recordWeight({ transaction, effects, events }: TransactionSource, mask: Mask): number {
  const size = (part: string, bytes: Uint8Array | undefined) =>
    bytes !== undefined && mask.wants(part) ? bytes.length * 4 : 0
  return 300 + size('transaction', transaction) + size('effects', effects) + size('events', events)
}

/** Pruned to the mask; its objects are read from the ledger. */
export async function recordMessage(
  ledger: Ledger,
  record: TransactionRecord,
  mask: Mask,
  budget = new ReplyBudget(),
): Promise<GrpcTypes.ExecutedTransaction> {
  budget.spend(recordWeight(record, mask))
  const message = executedMessage(ledger, record, mask)
  if (mask.wants('objects'))
    message.objects = await objectSet(ledger, record, mask.at('objects.objects'), budget)
  return message
}

/** Objects before and after, as far as their versions are still kept. */
export async function objectSet(
  ledger: Ledger,
  source: TransactionSource,
  mask: Mask,
  budget = new ReplyBudget(),
): Promise<GrpcTypes.ObjectSet> {
  const effects = effectsV2(source.effects)
  const objects: GrpcTypes.Object[] = []
  for (const [id, { inputState, outputState }] of effects.changedObjects) {
    const versions = [
      inputState.$kind === 'Exist' ? inputState.Exist[0][0] : undefined,
      outputState.$kind === 'ObjectWrite' ? effects.lamportVersion : outputState.PackageWrite?.[0],
    ]
    for (const version of versions) {
      const object = version === undefined ? undefined : await ledger.object(id, BigInt(version))
      if (object === undefined) continue
      budget.spend(objectWeight(object, mask))
      objects.push(mask.prune(GrpcTypes.Object, objectMessage(ledger, object, mask)))
    }
  }
  return { objects }
}
