import { fromBase64 } from '@mysten/sui/utils'
import { type Address, parseAddress, SYSTEM } from './address.ts'
import { LedgerError } from './errors.ts'
import type { LoadedInput, LoadedTransaction } from './execution/inputs.ts'
import { coinBalance, type LedgerObject, type MoveObject, suiCoinType } from './object.ts'
import type { CallArg, ParsedTransaction } from './transaction.ts'

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
  if (!object)
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

function loadInput(read: ReadAny, arg: CallArg, sender: Address, checks: boolean): LoadedInput {
  if (arg.Pure) return { kind: 'pure', bytes: fromBase64(arg.Pure.bytes) }
  const { ImmOrOwnedObject, SharedObject, Receiving } = arg.Object ?? {}
  if (ImmOrOwnedObject) {
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
  if (SharedObject) {
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

function loadGas(read: ReadAny, payment: readonly ObjectRef[], owner: Address, budget: bigint): MoveObject[] {
  // only a simulation gets here without gas; it then has a coin made up for it
  if (payment.length === 0) return []
  const coins = payment.map(ref => {
    const coin = findVersion(read, ref)
    if (coin.type !== suiCoinType) refuse(`Gas object is not a SUI coin: ${coin.id}`)
    if (coin.owner.kind !== 'address' || coin.owner.address !== owner)
      refuse(`Gas object ${coin.id} is not owned by the gas owner ${owner}`)
    return coin
  })
  const balance = coins.reduce((sum, coin) => sum + coinBalance(coin.contents), 0n)
  if (balance < budget)
    refuse(
      `Balance of gas object ${balance} is lower than the needed amount: ${budget}. Insufficient SUI to cover the gas budget`,
    )
  return coins
}

/** Reads and checks all inputs and the gas; throws LedgerError. Without checks, ownership and gas are not looked at. */
export function loadTransaction(
  read: ReadAny,
  { data, programmable }: ParsedTransaction,
  { checks }: { checks: boolean },
): LoadedTransaction {
  const sender = parseAddress(data.sender)
  const inputs = programmable.inputs.map(arg => loadInput(read, arg, sender, checks))
  const { payment, owner, budget } = data.gasData
  const gasIds = new Set(payment.map(coin => coin.objectId))
  for (const entry of inputs)
    if (entry.kind !== 'pure' && gasIds.has(entry.object.id))
      refuse(`Object ${entry.object.id} is both an input and a gas payment`)
  const gas = loadGas(read, payment, parseAddress(owner), checks ? BigInt(budget) : 0n)
  return { inputs, gas }
}
