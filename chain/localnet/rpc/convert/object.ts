import type { GrpcTypes } from '@mysten/sui/grpc'
import type { Ledger } from '../../ledger/ledger.ts'
import { coinBalance, coinTypeOf, type LedgerObject, objectToBcs } from '../../ledger/object.ts'
import type { Mask } from '../mask.ts'
import { bcsMessage, ownerMessage } from './common.ts'
import { displayOf } from './display.ts'
import { jsonOf } from './json.ts'
import { packageMessage } from './package.ts'

/** Parts that cost something are only made when the mask wants them; prune the rest. */
export function objectMessage(ledger: Ledger, object: LedgerObject, mask: Mask): GrpcTypes.Object {
  const message: GrpcTypes.Object = {
    objectId: object.id,
    version: object.version,
    digest: object.digest,
    owner: ownerMessage(object.owner),
    previousTransaction: object.previousTransaction,
    storageRebate: 0n,
  }
  if (mask.wants('bcs')) message.bcs = bcsMessage('Object', objectToBcs(object))
  if (object.kind === 'package') {
    message.objectType = 'package'
    if (mask.wants('package')) message.package = packageMessage(ledger, object)
    return message
  }
  message.objectType = object.type
  message.hasPublicTransfer = object.hasPublicTransfer
  message.contents = bcsMessage(object.type, object.contents)
  if (mask.wants('json')) message.json = jsonOf(ledger.vm, object.type, object.contents)
  if (mask.wants('display')) message.display = displayOf(ledger, object)
  if (coinTypeOf(object.type) !== undefined) message.balance = coinBalance(object.contents)
  return message
}
