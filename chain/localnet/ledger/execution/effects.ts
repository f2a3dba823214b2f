import { bcs } from '@mysten/sui/bcs'
import { type Address, SYSTEM } from '../address.ts'
import { type Digest, digestAs } from '../digest.ts'
import { fundsField, fundsOf } from '../funds.ts'
import { FLAT_GAS_UNITS, LIMITS } from '../limits.ts'
import {
  coinBalance,
  coinTypeOf,
  type LedgerObject,
  type MoveObject,
  type Owner,
  ownerToBcs,
  SUI_TYPE,
  sealMove,
  sealPackage,
} from '../object.ts'
import { ABILITIES } from './arguments.ts'
import type { Execution, WrittenObject } from './execute.ts'
import { statusOf } from './failure.ts'
import { inputObjects, type LoadedTransaction } from './inputs.ts'
import type { FundsChange } from './object-runtime.ts'

export interface BalanceChange {
  address: Address
  coinType: string
  amount: bigint
}

/** A transaction's effects and what they write; nothing is in the ledger yet. */
export interface Outcome {
  effects: Uint8Array
  effectsDigest: Digest
  /** BCS of TransactionEvents; absent when there are none */
  events: Uint8Array | undefined
  written: LedgerObject[]
  removed: Address[]
  /** funds of addresses as they are afterwards; not part of the effects, as the chain settles them after it */
  settled: MoveObject[]
  /** fields of funds that are used up */
  emptied: Address[]
  /** type of every changed object that has one; packages are `package` */
  objectTypes: Map<Address, string>
  balanceChanges: BalanceChange[]
  /** of the failure */
  message: string | undefined
  success: boolean
  /** MIST */
  cost: bigint
}

export interface OutcomeInput {
  execution: Execution
  loaded: LoadedTransaction
  digest: Digest
  epoch: bigint
  gasPrice: bigint
  read: (id: Address) => LedgerObject | undefined
  hasTypeAbility: (type: WrittenObject['type'], ability: number) => boolean
  /** digests of transactions that made the packages which are called */
  packageDependencies: Iterable<Digest>
}

const TransactionEvents = bcs.struct('TransactionEvents', {
  data: bcs.vector(
    bcs.struct('Event', {
      packageId: bcs.Address,
      module: bcs.string(),
      sender: bcs.Address,
      type: bcs.StructTag,
      contents: bcs.byteVector(),
    }),
  ),
})

export const parseEvents = (bytes: Uint8Array) => TransactionEvents.parse(bytes).data

/** Versions are Lamport's: one above the highest of all inputs. */
export function lamportVersion(loaded: LoadedTransaction): bigint {
  let highest = 0n
  for (const { version } of [...loaded.gas, ...inputObjects(loaded)]) if (version > highest) highest = version
  return highest + 1n
}

const sealOwner = (owner: Owner, version: bigint): Owner => {
  if (owner.kind === 'shared' && owner.initialVersion === 0n) return { ...owner, initialVersion: version }
  if (owner.kind === 'consensus' && owner.startVersion === 0n) return { ...owner, startVersion: version }
  return owner
}

function chargeGas({ funds, gasCoin, written }: Execution, loaded: LoadedTransaction, cost: bigint): void {
  const gas = gasCoin === undefined ? undefined : written.get(gasCoin)
  if (gas === undefined) {
    // the payer's funds were reserved and given back: they have changed already
    for (const change of funds.values())
      if (
        loaded.gasFunds !== undefined &&
        change.owner === loaded.gasFunds.owner &&
        change.type.text === SUI_BALANCE
      )
        change.withdrawn += cost
    return
  }
  const contents = gas.contents.slice()
  new DataView(contents.buffer).setBigUint64(32, coinBalance(contents) - cost, true)
  written.set(gas.id, { ...gas, contents })
}

/** What a transaction did to funds in one number, positive when there are more. */
const netOf = ({ deposited, withdrawn }: FundsChange): bigint => deposited - withdrawn

const BALANCE_PREFIX = `${SYSTEM.sui}::balance::Balance<`
const SUI_BALANCE = `${BALANCE_PREFIX}${SUI_TYPE}>`
const currencyOf = ({ type }: FundsChange): string => type.text.slice(BALANCE_PREFIX.length, -1)

/** The fields of funds afterwards. */
function settle(input: OutcomeInput, version: bigint): Pick<Outcome, 'settled' | 'emptied'> {
  const settled: MoveObject[] = []
  const emptied: Address[] = []
  for (const change of input.execution.funds.values()) {
    const found = input.read(change.id)
    const before = found?.kind === 'move' ? found : undefined
    const amount = ((before && fundsOf(before)?.amount) ?? 0n) + netOf(change)
    if (netOf(change) === 0n) continue
    const next = before !== undefined && before.version >= version ? before.version + 1n : version
    if (amount === 0n) emptied.push(change.id)
    else
      settled.push(
        fundsField({ owner: change.owner, coinType: currencyOf(change), amount }, next, input.digest),
      )
  }
  return { settled, emptied }
}

export function makeOutcome(
  input: OutcomeInput & { sender: Address; eventTag: (type: WrittenObject['type']) => object },
): Outcome {
  const { execution, loaded, digest } = input
  const version = lamportVersion(loaded)
  const cost = FLAT_GAS_UNITS * input.gasPrice
  chargeGas(execution, loaded, cost)
  const gasId = execution.gasCoin

  const written: LedgerObject[] = [...execution.written.values()].map(object =>
    sealMove({
      id: object.id,
      version,
      owner: sealOwner(object.owner, version),
      previousTransaction: digest,
      type: object.type.text,
      hasPublicTransfer: input.hasTypeAbility(object.type, ABILITIES.store),
      contents: object.contents,
    }),
  )
  for (const made of execution.packages) written.push(sealPackage({ ...made, previousTransaction: digest }))

  const changed = changedObjects(execution, written)
  const events = execution.events.length > 0 ? eventsBcs(input) : undefined
  const effects = bcs.TransactionEffects.serialize(
    {
      V2: {
        status: statusOf(execution.failure, execution.command),
        executedEpoch: input.epoch,
        gasUsed: { computationCost: cost, storageCost: 0, storageRebate: 0, nonRefundableStorageFee: 0 },
        transactionDigest: digest,
        gasObjectIndex: gasId === undefined ? null : changed.findIndex(([id]) => id === gasId),
        eventsDigest: events !== undefined ? digestAs('TransactionEvents', events) : null,
        dependencies: dependencies(input),
        lamportVersion: version,
        changedObjects: changed,
        unchangedConsensusObjects: readOnlyShared(loaded),
        auxDataDigest: null,
      },
    },
    { maxSize: LIMITS.maxSerializedTxEffectsSizeBytes * 2 },
  ).toBytes()

  const objectTypes = new Map<Address, string>()
  for (const object of [...execution.modified.values(), ...written])
    objectTypes.set(object.id, object.kind === 'package' ? 'package' : object.type)
  return {
    effects,
    effectsDigest: digestAs('TransactionEffects', effects),
    events,
    written,
    removed: [...execution.modified.keys()].filter(id => !execution.written.has(id)),
    ...settle(input, version),
    objectTypes,
    balanceChanges: balanceChanges([...execution.modified.values()], written, [...execution.funds.values()]),
    message: execution.failure?.message,
    success: execution.failure === undefined,
    cost,
  }
}

type EffectsInput = Extract<Parameters<typeof bcs.TransactionEffects.serialize>[0], { V2: unknown }>['V2']
type Change = EffectsInput['changedObjects'] extends Iterable<readonly [unknown, infer C]> ? C : never
type ChangedObjects = [Address, Change][]

function changedObjects(execution: Execution, written: readonly LedgerObject[]): ChangedObjects {
  const outputs = new Map(written.map(object => [object.id, object]))
  const ids = new Set([
    ...execution.created,
    ...execution.deleted,
    ...execution.modified.keys(),
    ...outputs.keys(),
  ])
  const funds: ChangedObjects = [...execution.funds.values()].map(change => [
    change.id,
    { inputState: { NotExist: true }, outputState: fundsState(change), idOperation: { None: true } },
  ])
  const objects: ChangedObjects = [...ids].map(id => {
    const before = execution.modified.get(id)
    const after = outputs.get(id)
    const isNew = execution.created.has(id) || after?.kind === 'package'
    return [
      id,
      {
        inputState:
          before !== undefined
            ? { Exist: [[before.version, before.digest], ownerToBcs(before.owner)] }
            : { NotExist: true },
        outputState: outputState(after),
        idOperation: isNew
          ? { Created: true }
          : execution.deleted.has(id)
            ? { Deleted: true }
            : { None: true },
      },
    ]
  })
  return [...objects, ...funds].sort(([a], [b]) => (a < b ? -1 : 1))
}

function fundsState(change: FundsChange): Change['outputState'] {
  const net = netOf(change)
  return {
    AccumulatorWriteV1: {
      address: { address: change.owner, ty: change.type.text },
      operation: net < 0n ? { Split: true } : { Merge: true },
      value: { Integer: net < 0n ? -net : net },
    },
  }
}

function outputState(after: LedgerObject | undefined): ChangedObjects[number][1]['outputState'] {
  if (after === undefined) return { NotExist: true }
  return after.kind === 'package'
    ? { PackageWrite: [after.version, after.digest] }
    : { ObjectWrite: [after.digest, ownerToBcs(after.owner)] }
}

function readOnlyShared(loaded: LoadedTransaction): EffectsInput['unchangedConsensusObjects'] {
  return loaded.inputs
    .flatMap(entry => (entry.kind === 'object' && entry.access === 'readonly' ? [entry.object] : []))
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map(({ id, version, digest }) => [id, { ReadOnlyRoot: [version, digest] }])
}

function dependencies({ execution, loaded, packageDependencies }: OutcomeInput): Digest[] {
  const digests = new Set<Digest>(packageDependencies)
  for (const object of [...inputObjects(loaded), ...loaded.gas, ...execution.loaded.values()])
    digests.add(object.previousTransaction)
  return [...digests].sort()
}

function eventsBcs({
  execution,
  sender,
  eventTag,
}: {
  execution: Execution
  sender: Address
  eventTag: (type: WrittenObject['type']) => object
}): Uint8Array {
  return TransactionEvents.serialize(
    {
      data: execution.events.map(event => ({
        packageId: event.packageId,
        module: event.module,
        sender,
        type: eventTag(event.type) as never,
        contents: event.contents,
      })),
    },
    { maxSize: 2 ** 31 },
  ).toBytes()
}

/** By address and coin type, without those that stay the same. */
function balanceChanges(
  before: readonly LedgerObject[],
  after: readonly LedgerObject[],
  funds: readonly FundsChange[],
): BalanceChange[] {
  const changes = new Map<string, BalanceChange>()
  const add = (address: Address, coinType: string, amount: bigint) => {
    const key = `${address} ${coinType}`
    const change = changes.get(key) ?? { address, coinType, amount: 0n }
    change.amount += amount
    changes.set(key, change)
  }
  const count = (objects: readonly LedgerObject[], sign: bigint) => {
    for (const object of objects) {
      const coinType = object.kind === 'move' ? coinTypeOf(object.type) : undefined
      if (coinType === undefined || object.kind !== 'move') continue
      const { owner } = object
      if (owner.kind !== 'address' && owner.kind !== 'consensus') continue
      add(owner.address, coinType, sign * coinBalance(object.contents))
    }
  }
  count(before, -1n)
  count(after, 1n)
  for (const change of funds) add(change.owner, currencyOf(change), netOf(change))
  return [...changes.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, change]) => change)
    .filter(({ amount }) => amount !== 0n)
}
