import type { Address } from './address.ts'
import { SYSTEM } from './address.ts'
import { LedgerError } from './errors.ts'
import type { Command } from './execution/execute.ts'
import { FLAT_GAS_UNITS, LIMITS } from './limits.ts'
import type { ParsedTransaction, ProgrammableData, TransactionData } from './transaction.ts'

/** As Sui checks names in transactions. */
const IDENTIFIER = /^(?:[A-Za-z][A-Za-z0-9_]*|_[A-Za-z0-9_]+)$/

const refuse = (message: string): never => {
  throw new LedgerError('INVALID_ARGUMENT', message)
}

const limit = (what: string, actual: number, max: number): void => {
  if (actual > max) refuse(`Size limit exceeded: ${what} is ${actual}, the maximum is ${max}`)
}

/** As on Sui, most of these are met by what reaches them, not only by what is above. */
const below = (what: string, { length }: { length: number }, max: number): void => {
  if (length >= max) refuse(`Size limit exceeded: ${what} is ${max}, there are ${length}`)
}

type Argument = Extract<Command, { $kind: 'SplitCoins' }>['SplitCoins']['coin']

export function argumentsOf(command: Command): Argument[] {
  switch (command.$kind) {
    case 'MoveCall':
      return command.MoveCall.arguments
    case 'TransferObjects':
      return [...command.TransferObjects.objects, command.TransferObjects.address]
    case 'SplitCoins':
      return [command.SplitCoins.coin, ...command.SplitCoins.amounts]
    case 'MergeCoins':
      return [command.MergeCoins.destination, ...command.MergeCoins.sources]
    case 'MakeMoveVec':
      return command.MakeMoveVec.elements
    case 'Upgrade':
      return [command.Upgrade.ticket]
    default:
      return []
  }
}

/** Packages that a command names are inputs too. */
const packagesOf = (command: Command): readonly Address[] => {
  switch (command.$kind) {
    case 'MoveCall':
      return [command.MoveCall.package]
    case 'Publish':
      return command.Publish.dependencies
    case 'Upgrade':
      return [...command.Upgrade.dependencies, command.Upgrade.package]
    default:
      return []
  }
}

function checkCommand(command: Command): void {
  const empty = (isEmpty: boolean) => {
    if (isEmpty) refuse('Empty command input')
  }
  const code = (modules: readonly string[], dependencies: readonly string[]) => {
    empty(modules.length === 0)
    below('maximum modules in a publish or upgrade', modules, LIMITS.maxModulesInPublish)
    below('maximum package dependencies', dependencies, LIMITS.maxPackageDependencies)
  }
  const list = (args: readonly Argument[]) => {
    empty(args.length === 0)
    below('maximum arguments in a command', args, LIMITS.maxArguments)
  }
  switch (command.$kind) {
    case 'MoveCall':
      for (const name of [command.MoveCall.module, command.MoveCall.function])
        if (!IDENTIFIER.test(name)) refuse(`Invalid identifier: ${name.slice(0, 80)}`)
      below('maximum arguments in a move call', command.MoveCall.arguments, LIMITS.maxArguments)
      break
    case 'TransferObjects':
      list(command.TransferObjects.objects)
      break
    case 'SplitCoins':
      list(command.SplitCoins.amounts)
      break
    case 'MergeCoins':
      list(command.MergeCoins.sources)
      break
    case 'MakeMoveVec':
      empty(command.MakeMoveVec.type === null && command.MakeMoveVec.elements.length === 0)
      below('maximum arguments in a command', command.MakeMoveVec.elements, LIMITS.maxArguments)
      break
    case 'Publish':
      code(command.Publish.modules, command.Publish.dependencies)
      break
    case 'Upgrade':
      code(command.Upgrade.modules, command.Upgrade.dependencies)
  }
}

/** After a command that saw the random object, only transfers and merges may follow. */
function checkRandom(transaction: ProgrammableData): void {
  const random = transaction.inputs.findIndex(input => input.Object?.SharedObject?.objectId === SYSTEM.random)
  if (random < 0) return
  let used = false
  for (const command of transaction.commands) {
    if (used && command.$kind !== 'TransferObjects' && command.$kind !== 'MergeCoins')
      refuse('Only TransferObjects and MergeCoins may follow a command that uses Random')
    used ||=
      command.$kind === 'MoveCall' && command.MoveCall.arguments.some(argument => argument.Input === random)
  }
}

function checkWithdrawal({
  reservation,
  withdrawFrom,
}: NonNullable<ProgrammableData['inputs'][number]['FundsWithdrawal']>): void {
  if (withdrawFrom.$kind === 'SenderAllowance')
    throw new LedgerError('UNIMPLEMENTED', 'withdrawals by allowance are not supported')
  if (BigInt(reservation.MaxAmountU64) === 0n)
    refuse('Invalid withdraw reservation: the amount must not be zero')
}

/** Rules that need nothing but the transaction; throws LedgerError. */
export function checkShape({ programmable }: Pick<ParsedTransaction, 'programmable'>): void {
  const { inputs, commands } = programmable
  below('maximum commands in a programmable transaction', commands, LIMITS.maxProgrammableTxCommands)
  for (const command of commands) checkCommand(command)
  const objects: Address[] = []
  for (const input of inputs) {
    if (input.FundsWithdrawal !== undefined) checkWithdrawal(input.FundsWithdrawal)
    if (input.Pure !== undefined)
      below(
        'maximum pure argument size',
        Buffer.from(input.Pure.bytes, 'base64'),
        LIMITS.maxPureArgumentSizeBytes,
      )
    const object = input.Object
    const id =
      object?.ImmOrOwnedObject?.objectId ?? object?.SharedObject?.objectId ?? object?.Receiving?.objectId
    if (id !== undefined) objects.push(id)
  }
  const packages = new Set(commands.flatMap(packagesOf))
  limit(
    'maximum input + receiving objects in a transaction',
    objects.length + packages.size,
    LIMITS.maxInputObjects,
  )
  limit(
    'number of withdrawals from address balances',
    inputs.filter(input => input.FundsWithdrawal).length,
    LIMITS.maxWithdrawals,
  )
  if (new Set(objects).size !== objects.length) refuse('Duplicate object reference in the inputs')
  checkRandom(programmable)
}

export function checkGasPrice(data: TransactionData, minimum: bigint): void {
  const price = BigInt(data.gasData.price)
  if (price < minimum) refuse(`Gas price ${price} under reference gas price (RGP) ${minimum}`)
  if (price > LIMITS.maxGasPriceMist) refuse(`Gas price ${price} above the maximum ${LIMITS.maxGasPriceMist}`)
}

/** Price, budget and the coins' number. */
export function checkGas(data: TransactionData, referenceGasPrice: bigint): void {
  checkGasPrice(data, referenceGasPrice)
  const price = BigInt(data.gasData.price)
  const budget = BigInt(data.gasData.budget)
  const minimum = FLAT_GAS_UNITS * price
  if (budget < minimum) refuse(`Gas budget: ${budget} is lower than min: ${minimum}`)
  if (budget > LIMITS.maxTxGasMist) refuse(`Gas budget: ${budget} is higher than max: ${LIMITS.maxTxGasMist}`)
  const { payment } = data.gasData
  limit('number of gas payment objects', payment.length, LIMITS.maxGasPaymentObjects)
  if (new Set(payment.map(coin => coin.objectId)).size !== payment.length)
    refuse('Duplicate object reference in the gas payment')
}

export interface ChainMoment {
  epoch: bigint
  timestampMs: bigint
  chainId: string
}

export function checkExpiration({ expiration }: TransactionData, now: ChainMoment): void {
  if (!expiration || expiration.$kind === 'None') return
  if (expiration.$kind === 'Epoch') {
    if (BigInt(expiration.Epoch) < now.epoch) refuse('Transaction Expired')
    return
  }
  const { minEpoch, maxEpoch, minTimestamp, maxTimestamp, chain } =
    expiration.$kind === 'ValidDuring' ? expiration.ValidDuring : expiration.Validity
  if (chain !== now.chainId) refuse(`Transaction is for chain ${chain}, this is ${now.chainId}`)
  if (minEpoch !== null && now.epoch < BigInt(minEpoch)) refuse('Transaction is not valid yet')
  if (maxEpoch !== null && now.epoch > BigInt(maxEpoch)) refuse('Transaction Expired')
  if (minTimestamp !== null && now.timestampMs < BigInt(minTimestamp)) refuse('Transaction is not valid yet')
  if (maxTimestamp !== null && now.timestampMs > BigInt(maxTimestamp)) refuse('Transaction Expired')
}
