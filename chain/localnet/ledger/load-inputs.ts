import { fromBase64 } from '@mysten/sui/utils'
import { createTypeTable } from '../vm/type-table.ts'
import { type Address, parseAddress, SYSTEM } from './address.ts'
import type { Digest } from './digest.ts'
import { LedgerError } from './errors.ts'
import { type GasFunds, inputObjects, type LoadedInput, type LoadedTransaction } from './execution/inputs.ts'
import { fundsId, fundsOf, reservationId, reservationOf } from './funds.ts'
import { coinBalance, type LedgerObject, type MoveObject, SUI_COIN_TYPE, SUI_TYPE } from './object.ts'
import type { CallArg, ParsedTransaction, TransactionData } from './transaction.ts'

export type ReadAny = (id: Address) => LedgerObject | undefined

interface ObjectRef {
  objectId: string
  version: string | number | bigint
  digest: string
}

const refuse = (message: string): never => {
  throw new LedgerError('INVALID_ARGUMENT', message)
}

function find(read: ReadAny, id: string, version?: string | number | bigint): MoveObject {
  const object = read(parseAddress(id))
  if (object === undefined)
    throw new LedgerError(
      'NOT_FOUND',
      `Could not find the referenced object ${id} at version ${version ?? 'any'}`,
    )
  if (object.kind === 'package')
    throw new LedgerError('INVALID_ARGUMENT', `Package ${id} cannot be an object argument`)
  return object
}

/** An owned or immutable object in exactly the version named. */
function findVersion(read: ReadAny, ref: ObjectRef): MoveObject {
  const object = find(read, ref.objectId, ref.version)
  if (object.version !== BigInt(ref.version) || object.digest !== ref.digest)
    refuse(
      `Transaction needs to be rebuilt because object ${object.id} version 0x${BigInt(ref.version).toString(16)} ` +
        `digest ${ref.digest} is unavailable for consumption, current version: 0x${object.version.toString(16)}`,
    )
  return object
}

/** The accounts that take part, and which chain and epoch it is. */
export interface LoadContext {
  checks: boolean
  chainId: Digest
  epoch: bigint
}

/** The type in the form that the ledger uses. It is not kept: it need not exist. */
function typeText(type: string): string {
  try {
    return createTypeTable().fromTag(type).text
  } catch (cause) {
    throw new LedgerError('INVALID_ARGUMENT', `Invalid withdraw reservation: ${type} is no type`, { cause })
  }
}

function loadWithdrawal(
  { reservation, typeArg, withdrawFrom }: NonNullable<CallArg['FundsWithdrawal']>,
  { sender, gasData }: TransactionData,
): LoadedInput {
  // validation.ts refuses other sources
  const owner = parseAddress(withdrawFrom.$kind === 'Sponsor' ? gasData.owner : sender)
  return {
    kind: 'withdrawal',
    owner,
    coinType: typeText(typeArg.Balance),
    limit: BigInt(reservation.MaxAmountU64),
  }
}

function loadInput(read: ReadAny, arg: CallArg, data: TransactionData, context: LoadContext): LoadedInput {
  const { checks } = context
  const sender = parseAddress(data.sender)
  if (arg.Pure !== undefined) return { kind: 'pure', bytes: fromBase64(arg.Pure.bytes) }
  if (arg.FundsWithdrawal !== undefined) return loadWithdrawal(arg.FundsWithdrawal, data)
  const { ImmOrOwnedObject, SharedObject, Receiving } = arg.Object ?? {}
  if (ImmOrOwnedObject !== undefined) {
    const object = findVersion(read, ImmOrOwnedObject)
    const { owner } = object
    if (owner.kind === 'immutable') return { kind: 'object', object, access: 'immutable' }
    if (owner.kind === 'shared' || owner.kind === 'consensus')
      refuse(`Shared object ${object.id} cannot be passed as an owned one`)
    if (owner.kind === 'object')
      refuse(`Object ${object.id} is owned by object ${owner.address}, it cannot be a transaction's input`)
    if (checks && owner.kind === 'address' && owner.address !== sender)
      refuse(
        `Transaction was not signed by the correct sender: Object ${object.id} is owned by account address ` +
          `${owner.address}, but given owner/signer address is ${sender}`,
      )
    return { kind: 'object', object, access: 'mutable' }
  }
  if (SharedObject !== undefined) {
    const object = find(read, SharedObject.objectId)
    const { owner } = object
    if (owner.kind !== 'shared' && owner.kind !== 'consensus')
      throw new LedgerError('INVALID_ARGUMENT', `Object ${object.id} is not a shared object`)
    const start = owner.kind === 'shared' ? owner.initialVersion : owner.startVersion
    if (start !== BigInt(SharedObject.initialSharedVersion))
      refuse(
        `The starting version of shared object ${object.id} is ${start}, not ${SharedObject.initialSharedVersion}`,
      )
    if (checks && owner.kind === 'consensus' && owner.address !== sender)
      refuse(`Party object ${object.id} is owned by ${owner.address}, but the sender is ${sender}`)
    if (SharedObject.mutable && (object.id === SYSTEM.clock || object.id === SYSTEM.random))
      refuse(`System object ${object.id} can only be passed by immutable reference`)
    return { kind: 'object', object, access: SharedObject.mutable ? 'mutable' : 'readonly' }
  }
  if (Receiving) {
    const object = findVersion(read, Receiving)
    if (object.owner.kind !== 'address')
      refuse(`Object ${object.id} cannot be received: it is not owned by an address`)
    return { kind: 'receiving', object }
  }
  throw new LedgerError('INVALID_ARGUMENT', 'unknown kind of input')
}

interface Gas {
  gas: MoveObject[]
  gasFunds?: GasFunds
}

/** Coins, and references that stand for the payer's funds. */
function loadGas(read: ReadAny, { gasData }: TransactionData, context: LoadContext): Gas {
  const owner = parseAddress(gasData.owner)
  const budget = BigInt(gasData.budget)
  if (gasData.payment.length === 0) {
    // without checks, and in a simulation that leaves the gas open, a coin is made up
    return context.checks
      ? { gas: [], gasFunds: { owner, reserved: budget, isTarget: true, hasCoin: false } }
      : { gas: [] }
  }
  const gas: MoveObject[] = []
  let reserved = 0n
  let isTarget = false
  for (const [i, ref] of gasData.payment.entries()) {
    const reservation = reservationOf(ref.digest)
    if (reservation === undefined) {
      gas.push(loadCoin(read, ref, owner))
      continue
    }
    if (parseAddress(ref.objectId) !== reservationId(owner, SUI_TYPE, context.chainId))
      refuse(`Gas payment ${ref.objectId} reserves funds of another address or chain`)
    if (reservation.epoch !== context.epoch)
      refuse(
        `Gas payment ${ref.objectId} reserves funds in epoch ${reservation.epoch}, now is ${context.epoch}`,
      )
    reserved += reservation.amount
    isTarget ||= i === 0
  }
  const total = gas.reduce((sum, coin) => sum + coinBalance(coin.contents), reserved)
  if (total > MAX_U64) refuse(`Gas payments add up to ${total}, more than a balance can hold`)
  if (context.checks && total < budget)
    refuse(
      `Balance of gas object ${total} is lower than the needed amount: ${budget}. Insufficient SUI to cover the gas budget`,
    )
  return { gas, gasFunds: reserved > 0n ? { owner, reserved, isTarget, hasCoin: true } : undefined }
}

function loadCoin(read: ReadAny, ref: ObjectRef, owner: Address): MoveObject {
  const coin = findVersion(read, ref)
  if (coin.type !== SUI_COIN_TYPE) refuse(`Gas object is not a SUI coin: ${coin.id}`)
  if (coin.owner.kind !== 'address' || coin.owner.address !== owner)
    refuse(`Gas object ${coin.id} is not owned by the gas owner ${owner}`)
  return coin
}

/** What is reserved of each owner's funds must be there, all of it together. */
function checkReservations(read: ReadAny, { inputs, gasFunds }: LoadedTransaction): void {
  const wanted = new Map<Address, { owner: Address; coinType: string; amount: bigint }>()
  const reserve = (owner: Address, coinType: string, amount: bigint) => {
    const id = fundsId(owner, coinType)
    wanted.set(id, { owner, coinType, amount: (wanted.get(id)?.amount ?? 0n) + amount })
  }
  for (const entry of inputs)
    if (entry.kind === 'withdrawal') reserve(entry.owner, entry.coinType, entry.limit)
  if (gasFunds !== undefined) reserve(gasFunds.owner, SUI_TYPE, gasFunds.reserved)
  for (const [id, { owner, coinType, amount }] of wanted) {
    const found = read(id)
    const available = (found?.kind === 'move' ? fundsOf(found)?.amount : undefined) ?? 0n
    if (available < amount)
      refuse(
        `Invalid withdraw reservation: ${owner} has ${available} of ${coinType} in its address balance, ` +
          `which is less than the ${amount} that the transaction reserves`,
      )
  }
}

const MAX_EPOCHS_VALID = 1n
const MAX_U64 = 2n ** 64n - 1n

/** What uses up no owned object could be executed again once its digest is forgotten, so it must expire soon. */
function checkReplay(loaded: LoadedTransaction, { expiration }: TransactionData): void {
  if (loaded.gas.length > 0 || inputObjects(loaded).some(({ owner }) => owner.kind === 'address')) return
  const during = expiration?.ValidDuring ?? expiration?.Validity
  const isShort =
    during &&
    during.minEpoch !== null &&
    during.maxEpoch !== null &&
    BigInt(during.maxEpoch) - BigInt(during.minEpoch) <= MAX_EPOCHS_VALID
  if (!isShort)
    refuse(
      'Invalid expiration: a transaction that has no owned object among its inputs and gas needs a ValidDuring ' +
        'expiration of at most two epochs',
    )
}

/**
 * Reads and checks all inputs and the gas; throws LedgerError. Without checks, ownership, funds and gas are not looked
 * at; `openGas`: a simulation that leaves the gas to be found.
 */
export function loadTransaction(
  read: ReadAny,
  { data, programmable }: ParsedTransaction,
  context: LoadContext & { openGas: boolean },
): LoadedTransaction {
  const inputs = programmable.inputs.map(arg => loadInput(read, arg, data, context))
  const gasIds = new Set(data.gasData.payment.map(coin => coin.objectId))
  const { openGas, checks } = context
  const isOpen = openGas && data.gasData.payment.length === 0
  const loaded: LoadedTransaction = {
    inputs,
    ...loadGas(read, data, { ...context, checks: checks && !isOpen }),
    budget: checks && !isOpen ? BigInt(data.gasData.budget) : 0n,
  }
  for (const object of inputObjects(loaded))
    if (gasIds.has(object.id)) refuse(`Object ${object.id} is both an input and a gas payment`)
  if (checks) {
    checkReservations(read, loaded)
    if (!isOpen) checkReplay(loaded, data)
  }
  return loaded
}
