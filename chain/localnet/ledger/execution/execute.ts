import type { bcs } from '@mysten/sui/bcs'
import type { MoveType, Value, Vm } from '../../vm/index.ts'
import type { Address } from '../address.ts'
import { LIMITS } from '../limits.ts'
import type { LedgerObject, Owner } from '../object.ts'
import { type Argument, Arguments } from './arguments.ts'
import { makeMoveVec, mergeCoins, splitCoins, transferObjects } from './coin-commands.ts'
import type { Environment, NewPackage } from './environment.ts'

import { type ExecutionFailure, fail, toFailure } from './failure.ts'
import { type LoadedTransaction, newSlot, type Slot } from './inputs.ts'
import { moveCall, resolveType } from './move-call.ts'
import { type EmittedEvent, ObjectRuntime, type TransactionContext } from './object-runtime.ts'
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

const simulatedGas = 10n ** 18n

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
  const slots = loaded.inputs.map(entry => inputSlot(vm, entry, runtime))
  const gas = gasSlot(vm, loaded, runtime)
  const env: Environment = {
    vm,
    runtime,
    args: new Arguments(vm, slots, gas, !checks),
    checks,
    readPackage: id => {
      const object = read(id)
      return object && (object.kind === 'package' ? object : 'not-a-package')
    },
    newPackages: [],
  }
  let command = 0
  const outputs: CommandOutput[] = []
  try {
    for (; command < transaction.commands.length; command++) {
      env.args.startCommand()
      runCommand(env, transaction.commands[command]!)
      if (input.withOutputs) outputs.push(describe(vm, env.args, command))
    }
    env.args.checkUnused()
    const { written, modified } = collect(env, loaded, slots, gas)
    return {
      written,
      modified,
      loaded: runtime.loaded,
      created: runtime.created,
      deleted: runtime.deleted,
      packages: env.newPackages,
      events: runtime.events,
      outputs,
    }
  } catch (error) {
    for (const { id } of env.newPackages) vm.unloadPackage(id)
    const failure = toFailure(error)
    return {
      ...failed(vm, loaded, failure),
      command: command < transaction.commands.length ? command : undefined,
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
    case 'object': {
      const { object, access } = entry
      const type = vm.types.fromTag(object.type)
      runtime.addInput(object)
      return newSlot({ type, cell: [vm.deserialize(type, object.contents)], object, access })
    }
  }
}

/** The first gas coin with the balances of all. */
function gasSlot(vm: Vm, { gas }: LoadedTransaction, runtime: ObjectRuntime): Slot {
  const type = vm.types.fromTag(`0x2::coin::Coin<0x2::sui::SUI>`)
  const [first, ...others] = gas
  if (!first) return newSlot({ type, cell: [[[[`0x${'f'.repeat(64)}`]], [simulatedGas]]], isGas: true })
  const balance = (object: { contents: Uint8Array }) =>
    (vm.deserialize(type, object.contents) as [Value, [bigint]])[1][0]
  const total = gas.reduce((sum, coin) => sum + balance(coin), 0n)
  runtime.addInput(first)
  for (const coin of others) runtime.deleteUid(coin.id)
  return newSlot({ type, cell: [[[[first.id]], [total]]], object: first, access: 'mutable', isGas: true })
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

const describe = (vm: Vm, args: Arguments, command: number): CommandOutput => ({
  returned: args.results[command]!.map(slot => ({
    type: slot.type!,
    contents: vm.serialize(slot.type!, slot.cell[0]!),
  })),
  mutated: args.lent.map(({ argument, type, cell }) => ({
    argument,
    type,
    contents: vm.serialize(type, cell[0]!),
  })),
})

/** Where every object ended up. */
function collect(env: Environment, loaded: LoadedTransaction, slots: readonly Slot[], gas: Slot) {
  const { vm, runtime } = env
  const written = new Map<Address, WrittenObject>()
  const modified = new Map<Address, LedgerObject>()
  const write = (id: Address, type: MoveType, value: Value, owner: Owner) => {
    const contents = vm.serialize(type, value)
    checkSize(contents.length)
    written.set(id, { id, type, contents, owner })
  }
  for (const coin of loaded.gas) modified.set(coin.id, coin)
  for (const slot of [...slots, gas]) {
    const { object, cell, access, type } = slot
    if (!object || access !== 'mutable') continue
    modified.set(object.id, object)
    if (cell.length > 0) write(object.id, type!, cell[0]!, object.owner)
  }
  for (const [id, object] of runtime.taken) modified.set(id, object)
  for (const [id, { parent, type, cell, original, touched }] of runtime.children) {
    if (!touched || cell.length === 0) continue
    const owner: Owner = { kind: 'object', address: parent }
    if (original && original.owner.kind === 'object' && original.owner.address === parent) {
      const contents = vm.serialize(type, cell[0]!)
      // a removed and restored, or only mutably borrowed child that has not changed is not written
      if (type.text === original.type && Buffer.compare(contents, original.contents) === 0) {
        modified.delete(id)
        continue
      }
    }
    if (original) modified.set(id, original)
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
function failed(vm: Vm, loaded: LoadedTransaction, failure: ExecutionFailure): Omit<Execution, 'loaded'> {
  const written = new Map<Address, WrittenObject>()
  const modified = new Map<Address, LedgerObject>()
  for (const entry of loaded.inputs) {
    if (entry.kind !== 'object' || entry.access !== 'mutable') continue
    const { id, type, contents, owner } = entry.object
    modified.set(id, entry.object)
    written.set(id, { id, type: vm.types.fromTag(type), contents, owner })
  }
  const [first, ...others] = loaded.gas
  if (first) {
    const type = vm.types.fromTag(first.type)
    const balances = loaded.gas.map(coin => vm.deserialize(type, coin.contents) as [Value, [bigint]])
    const total = balances.reduce((sum, [, [value]]) => sum + value, 0n)
    for (const coin of loaded.gas) modified.set(coin.id, coin)
    written.set(first.id, {
      id: first.id,
      type,
      contents: vm.serialize(type, [[[first.id]], [total]]),
      owner: first.owner,
    })
  }
  return {
    failure,
    written,
    modified,
    created: new Set(),
    deleted: new Set(others.map(coin => coin.id)),
    packages: [],
    events: [],
    outputs: [],
  }
}
