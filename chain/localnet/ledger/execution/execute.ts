import type { bcs } from '@mysten/sui/bcs'
import type { MoveType, Value, Vm } from '../../vm/index.ts'
import type { Address } from '../address.ts'
import { fundsId, fundsOf } from '../funds.ts'
import { LIMITS } from '../limits.ts'
import { coinBalance, type LedgerObject, type Owner, SUI_TYPE } from '../object.ts'
import { type Argument, Arguments } from './arguments.ts'
import { makeMoveVec, mergeCoins, splitCoins, transferObjects } from './coin-commands.ts'
import { currencyTypes, type Environment, type NewPackage } from './environment.ts'
import { type ExecutionFailure, fail, toFailure } from './failure.ts'
import { type LoadedTransaction, newSlot, type Slot } from './inputs.ts'
import { moveCall, resolveType } from './move-call.ts'
import {
  type EmittedEvent,
  type FundsChange,
  ObjectRuntime,
  type TransactionContext,
} from './object-runtime.ts'
import { publish, upgrade } from './publish.ts'

type TransactionData = ReturnType<typeof bcs.TransactionData.parse>
export type ProgrammableTransaction = Extract<
  TransactionData['V1']['kind'],
  { $kind: 'ProgrammableTransaction' }
>['ProgrammableTransaction']
export type Command = ProgrammableTransaction['commands'][number]

/** An object as the transaction leaves it. */
export interface WrittenObject {
  id: Address
  type: MoveType
  contents: Uint8Array
  /** a shared object's initial version is 0 when it is new */
  owner: Owner
}

export interface CommandOutput {
  returned: { type: MoveType; contents: Uint8Array }[]
  /** arguments that the command had by mutable reference, as it left them */
  mutated: { argument: Argument; type: MoveType; contents: Uint8Array }[]
}

/** What happened in a transaction, before gas is charged and versions are given. */
export interface Execution {
  failure?: ExecutionFailure
  /** the command that failed */
  command?: number
  written: Map<Address, WrittenObject>
  /** objects of before that the transaction could change or take: inputs, gas, children, received ones */
  modified: Map<Address, LedgerObject>
  /** read through natives, for the dependencies */
  loaded: Map<Address, LedgerObject>
  created: ReadonlySet<Address>
  deleted: ReadonlySet<Address>
  packages: NewPackage[]
  events: EmittedEvent[]
  outputs: CommandOutput[]
  funds: ReadonlyMap<Address, FundsChange>
  /** the coin that pays; absent when funds do */
  gasCoin?: Address
}

export interface ExecuteInput {
  vm: Vm
  context: TransactionContext
  transaction: ProgrammableTransaction
  loaded: LoadedTransaction
  read: (id: Address) => LedgerObject | undefined
  checks: boolean
  /** tell what each command returned and changed: only a simulation's caller asks for it */
  withOutputs: boolean
}

const SIMULATED_GAS = 10n ** 18n

/** Runs the commands. Nothing is written; packages stay loaded in the VM unless it fails. */
export function execute(input: ExecuteInput): Execution {
  const { vm, context, transaction, loaded, read, checks } = input
  const runtime = new ObjectRuntime(
    vm,
    id => {
      const object = read(id)
      return object?.kind === 'move' ? object : undefined
    },
    context,
  )
  const newPackages: NewPackage[] = []
  let command: number | undefined
  const outputs: CommandOutput[] = []
  try {
    const slots = loaded.inputs.map(entry => inputSlot(vm, entry, runtime))
    const gas = gasSlot(vm, loaded, runtime)
    const env: Environment = {
      vm,
      runtime,
      args: new Arguments(vm, slots, gas, { anyPure: !checks, meter: runtime.meter }),
      checks,
      readPackage: id => {
        const object = read(id)
        return object && (object.kind === 'package' ? object : 'not-a-package')
      },
      newPackages,
    }
    for (command = 0; command < transaction.commands.length; command++) {
      env.args.startCommand()
      runCommand(env, transaction.commands[command]!)
      if (input.withOutputs) outputs.push(describe(env, command))
    }
    env.args.checkUnused()
    const { written, modified } = collect(env, loaded, slots, gas)
    const gasCoin = settleGas(env, loaded, gas, written)
    if (checks) checkFunds(runtime, read)
    return {
      gasCoin,
      funds: runtime.funds,
      written,
      modified,
      loaded: runtime.loaded,
      created: runtime.created,
      deleted: runtime.deleted,
      packages: newPackages,
      events: runtime.events,
      outputs,
    }
  } catch (error) {
    for (const { id } of newPackages) vm.unloadPackage(id)
    const failure = toFailure(error)
    return {
      ...failed(vm, loaded, failure, context),
      command: command !== undefined && command < transaction.commands.length ? command : undefined,
      loaded: runtime.loaded,
    }
  }
}

function inputSlot(vm: Vm, entry: LoadedTransaction['inputs'][number], runtime: ObjectRuntime): Slot {
  switch (entry.kind) {
    case 'pure':
      return newSlot({ bytes: entry.bytes })
    case 'receiving': {
      const { id, version } = entry.object
      runtime.addReceivable(entry.object)
      return newSlot({ receiving: { id, version } })
    }
    case 'withdrawal': {
      const { owner, coinType, limit } = entry
      return newSlot({ type: currencyTypes(vm, coinType).withdrawal, cell: [[owner, limit]] })
    }
    case 'object': {
      const { object, access } = entry
      const type = vm.types.fromTag(object.type)
      runtime.addInput(object)
      const value = vm.deserialize(type, object.contents, { meter: runtime.meter })
      return newSlot({ type, cell: [value], object, access })
    }
  }
}

const suiFunds = (vm: Vm, owner: Address) =>
  [currencyTypes(vm, SUI_TYPE).balance, fundsId(owner, SUI_TYPE), owner] as const

/**
 * What the commands see as the gas coin: the first payment with the balances of all, less the budget. When funds come
 * first it is made for the transaction. Without a payment there is none.
 */
function gasSlot(
  vm: Vm,
  { gas, gasFunds, budget }: LoadedTransaction,
  runtime: ObjectRuntime,
): Slot | undefined {
  const type = currencyTypes(vm, SUI_TYPE).coin
  const [first, ...others] = gas
  if (gasFunds !== undefined)
    runtime.moveGas(...suiFunds(vm, gasFunds.owner), { withdrawn: gasFunds.reserved })
  if (gasFunds !== undefined && !gasFunds.hasCoin) return undefined
  if (first === undefined && gasFunds === undefined)
    return newSlot({ type, cell: [[[[`0x${'f'.repeat(64)}`]], [SIMULATED_GAS]]], isGas: true })
  const total = gas.reduce((sum, { contents }) => sum + coinBalance(contents), gasFunds?.reserved ?? 0n)
  const isFunds = gasFunds?.isTarget === true
  for (const coin of isFunds ? gas : others) runtime.deleteUid(coin.id)
  if (isFunds) {
    const id = runtime.freshId()
    return newSlot({ type, cell: [[[[id]], [total - budget]]], access: 'mutable', isGas: true, madeFor: id })
  }
  runtime.addInput(first!)
  const cell = [[[[first!.id]], [total - budget]]]
  return newSlot({ type, cell, object: first, access: 'mutable', isGas: true })
}

/** Gives the budget back to what pays, before it is charged; answers the coin that pays. */
function settleGas(
  { vm, runtime }: Environment,
  { gasFunds, budget }: LoadedTransaction,
  gas: Slot | undefined,
  written: Map<Address, WrittenObject>,
): Address | undefined {
  const coinId = gas?.madeFor ?? gas?.object?.id
  const coin = coinId === undefined ? undefined : written.get(coinId)
  if (coin !== undefined) {
    const contents = coin.contents.slice()
    new DataView(contents.buffer).setBigUint64(32, coinBalance(contents) + budget, true)
    written.set(coin.id, { ...coin, contents })
    return coin.id
  }
  if (!gasFunds?.isTarget) return undefined
  if (gas?.madeFor !== undefined) runtime.deleteUid(gas.madeFor)
  const left = gas !== undefined ? ((gas.cell[0] as Value[])[1] as bigint[])[0]! + budget : gasFunds.reserved
  runtime.moveGas(...suiFunds(vm, gasFunds.owner), { deposited: left })
  return undefined
}

/** Nobody may have taken more than there was; withdrawals among the inputs cannot, those from objects could. */
function checkFunds({ funds }: ObjectRuntime, read: ExecuteInput['read']): void {
  for (const { id, needed } of funds.values()) {
    const found = read(id)
    const available = (found?.kind === 'move' ? fundsOf(found)?.amount : undefined) ?? 0n
    if (needed > available)
      throw fail(
        { InsufficientBalanceForWithdraw: true },
        `Insufficient funds for withdraw: ${needed} are taken of ${available}`,
      )
  }
}

function runCommand(env: Environment, command: Command): void {
  switch (command.$kind) {
    case 'MoveCall':
      moveCall(env, command.MoveCall)
      break
    case 'TransferObjects':
      transferObjects(env, command.TransferObjects)
      break
    case 'SplitCoins':
      splitCoins(env, command.SplitCoins)
      break
    case 'MergeCoins':
      mergeCoins(env, command.MergeCoins)
      break
    case 'MakeMoveVec':
      makeMoveVec(env, command.MakeMoveVec, (text, index) => resolveType(env, text, index))
      break
    case 'Publish':
      publish(env, command.Publish)
      break
    case 'Upgrade':
      upgrade(env, command.Upgrade)
      break
    default:
      throw fail({ FeatureNotYetSupported: true })
  }
}

const describe = ({ vm, args, runtime }: Environment, command: number): CommandOutput => {
  const contents = (type: MoveType, value: Value): Uint8Array => {
    const bytes = vm.serialize(type, value, runtime.meter)
    runtime.meter.allocate(bytes.length)
    return bytes
  }
  return {
    returned: args.results[command]!.map(slot => ({
      type: slot.type!,
      contents: contents(slot.type!, slot.cell[0]!),
    })),
    mutated: args.lent.map(({ argument, type, cell }) => ({
      argument,
      type,
      contents: contents(type, cell[0]!),
    })),
  }
}

/** Where every object ended up. */
function collect(env: Environment, loaded: LoadedTransaction, slots: readonly Slot[], gas: Slot | undefined) {
  const { vm, runtime } = env
  const written = new Map<Address, WrittenObject>()
  const modified = new Map<Address, LedgerObject>()
  const write = (id: Address, type: MoveType, value: Value, owner: Owner) => {
    const contents = vm.serialize(type, value, runtime.meter)
    checkSize(contents.length)
    written.set(id, { id, type, contents, owner })
  }
  for (const coin of loaded.gas) modified.set(coin.id, coin)
  for (const slot of gas !== undefined ? [...slots, gas] : slots) {
    const { object, cell, access, type } = slot
    if (object === undefined || access !== 'mutable') continue
    modified.set(object.id, object)
    if (cell.length > 0) write(object.id, type!, cell[0]!, object.owner)
  }
  for (const [id, object] of runtime.taken) modified.set(id, object)
  for (const [id, { parent, type, cell, original, touched }] of runtime.children) {
    if (!touched || cell.length === 0) continue
    const owner: Owner = { kind: 'object', address: parent }
    if (original !== undefined && original.owner.kind === 'object' && original.owner.address === parent) {
      const contents = vm.serialize(type, cell[0]!, runtime.meter)
      // a removed and restored, or only mutably borrowed child that has not changed is not written
      if (type.text === original.type && Buffer.compare(contents, original.contents) === 0) {
        modified.delete(id)
        continue
      }
    }
    if (original !== undefined) modified.set(id, original)
    write(id, type, cell[0]!, owner)
  }
  for (const [id, { type, value, owner }] of runtime.placed) write(id, type, value, owner)
  checkShared(slots, written, runtime)
  const total = [...written.values()].reduce((sum, object) => sum + object.contents.length, 0)
  if (total > LIMITS.maxSizeWrittenObjectsBytes)
    throw fail({
      WrittenObjectsTooLarge: { currentSize: total, maxSize: LIMITS.maxSizeWrittenObjectsBytes },
    })
  return { written, modified }
}

function checkSize(size: number): void {
  if (size > LIMITS.maxMoveObjectSizeBytes)
    throw fail(
      { MoveObjectTooBig: { objectSize: size, maxObjectSize: LIMITS.maxMoveObjectSizeBytes } },
      `An object of ${size} bytes exceeds the limit of ${LIMITS.maxMoveObjectSizeBytes}`,
    )
}

/** A shared object that was taken by value must be shared again or deleted. */
function checkShared(
  slots: readonly Slot[],
  written: ReadonlyMap<Address, WrittenObject>,
  runtime: ObjectRuntime,
): void {
  for (const { object, cell } of slots)
    if (
      object?.owner.kind === 'shared' &&
      cell.length === 0 &&
      !runtime.deleted.has(object.id) &&
      written.get(object.id)?.owner.kind !== 'shared'
    )
      throw fail(
        { SharedObjectOperationNotAllowed: true },
        'The shared object operation is not allowed: it can be neither wrapped, transferred nor frozen',
      )
}

/** A failed transaction writes its mutable inputs as they were, with new versions, and merges the gas. */
function failed(
  vm: Vm,
  loaded: LoadedTransaction,
  failure: ExecutionFailure,
  context: TransactionContext,
): Omit<Execution, 'loaded'> {
  const written = new Map<Address, WrittenObject>()
  const modified = new Map<Address, LedgerObject>()
  for (const entry of loaded.inputs) {
    if (entry.kind !== 'object' || entry.access !== 'mutable') continue
    const { id, type, contents, owner } = entry.object
    modified.set(id, entry.object)
    written.set(id, { id, type: vm.types.fromTag(type), contents, owner })
  }
  const { gas, gasFunds } = loaded
  const runtime = new ObjectRuntime(vm, () => undefined, context)
  const total = gas.reduce((sum, { contents }) => sum + coinBalance(contents), gasFunds?.reserved ?? 0n)
  const target = gasFunds?.isTarget ? undefined : gas[0]
  if (gasFunds !== undefined)
    runtime.moveGas(...suiFunds(vm, gasFunds.owner), { withdrawn: gasFunds.reserved })
  if (gasFunds?.isTarget) runtime.moveGas(...suiFunds(vm, gasFunds.owner), { deposited: total })
  for (const coin of gas) modified.set(coin.id, coin)
  if (target !== undefined) {
    const type = vm.types.fromTag(target.type)
    written.set(target.id, {
      id: target.id,
      type,
      contents: vm.serialize(type, [[[target.id]], [total]]),
      owner: target.owner,
    })
  }
  return {
    failure,
    written,
    modified,
    created: new Set(),
    deleted: new Set(gas.filter(coin => coin !== target).map(coin => coin.id)),
    funds: runtime.funds,
    gasCoin: target?.id,
    packages: [],
    events: [],
    outputs: [],
  }
}
