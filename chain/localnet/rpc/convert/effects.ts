import { bcs } from '@mysten/sui/bcs'
import type { GrpcTypes } from '@mysten/sui/grpc'
import { type Digest, digestAs } from '../../ledger/digest.ts'
import { ownerFromBcs } from '../../ledger/object.ts'
import type { FindModule } from './clever-error.ts'
import { bcsMessage, ownerMessage } from './common.ts'
import { statusMessage } from './failure.ts'

export const effectsV2 = (bytes: Uint8Array) => {
  const effects = bcs.TransactionEffects.parse(bytes)
  if (effects.$kind !== 'V2') throw new TypeError('effects are always of version 2')
  return effects.V2
}

type Effects = ReturnType<typeof effectsV2>
type Change = Effects['changedObjects'][number]

export interface EffectsSource {
  effects: Uint8Array
  objectTypes: ReadonlyMap<string, string>
  message: string | undefined
}

function changeMessage(
  [objectId, change]: Change,
  lamport: bigint,
  types: ReadonlyMap<string, string>,
): GrpcTypes.ChangedObject {
  const message: GrpcTypes.ChangedObject = {
    objectId,
    objectType: types.get(objectId),
    inputState: 1,
    outputState: 1,
    idOperation: change.idOperation.$kind === 'Created' ? 2 : change.idOperation.$kind === 'Deleted' ? 3 : 1,
  }
  if (change.inputState.$kind === 'Exist') {
    const [[version, digest], owner] = change.inputState.Exist
    message.inputState = 2
    message.inputVersion = BigInt(version)
    message.inputDigest = digest
    message.inputOwner = ownerMessage(ownerFromBcs(owner))
  }
  switch (change.outputState.$kind) {
    case 'ObjectWrite': {
      const [digest, owner] = change.outputState.ObjectWrite
      message.outputState = 2
      message.outputVersion = lamport
      message.outputDigest = digest
      message.outputOwner = ownerMessage(ownerFromBcs(owner))
      break
    }
    case 'AccumulatorWriteV1': {
      const { address, operation, value } = change.outputState.AccumulatorWriteV1
      message.outputState = 4
      message.accumulatorWrite = {
        address: address.address,
        accumulatorType: address.ty,
        operation: operation.$kind === 'Merge' ? 1 : 2,
        // the localnet writes amounts only
        valueKind: 1,
        integerValue: BigInt(value.Integer ?? 0),
        integerTuple: [],
        eventDigestValue: [],
      }
      break
    }
    case 'PackageWrite': {
      const [version, digest] = change.outputState.PackageWrite
      message.outputState = 3
      message.outputVersion = BigInt(version)
      message.outputDigest = digest
      message.outputOwner = ownerMessage({ kind: 'immutable' })
      break
    }
  }
  return message
}

export function effectsMessage(
  { effects: bytes, objectTypes, message }: EffectsSource,
  find: FindModule,
): GrpcTypes.TransactionEffects {
  const effects = effectsV2(bytes)
  const lamport = BigInt(effects.lamportVersion)
  const changedObjects = effects.changedObjects.map(change => changeMessage(change, lamport, objectTypes))
  const gas = effects.gasUsed
  return {
    bcs: bcsMessage('TransactionEffects', bytes),
    digest: digestAs('TransactionEffects', bytes),
    version: 2,
    status: statusMessage(effects.status, message, find),
    epoch: BigInt(effects.executedEpoch),
    gasUsed: {
      computationCost: BigInt(gas.computationCost),
      storageCost: BigInt(gas.storageCost),
      storageRebate: BigInt(gas.storageRebate),
      nonRefundableStorageFee: BigInt(gas.nonRefundableStorageFee),
    },
    transactionDigest: effects.transactionDigest,
    gasObject: effects.gasObjectIndex === null ? undefined : changedObjects[effects.gasObjectIndex],
    eventsDigest: effects.eventsDigest ?? undefined,
    dependencies: effects.dependencies as Digest[],
    lamportVersion: lamport,
    changedObjects,
    unchangedConsensusObjects: effects.unchangedConsensusObjects.map(([objectId, kind]) => {
      if (kind.$kind !== 'ReadOnlyRoot') return { objectId }
      const [version, digest] = kind.ReadOnlyRoot
      return { kind: 1, objectId, version: BigInt(version), digest, objectType: objectTypes.get(objectId) }
    }),
    auxiliaryDataDigest: effects.auxDataDigest ?? undefined,
    unchangedLoadedRuntimeObjects: [],
  }
}
