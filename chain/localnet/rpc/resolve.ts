import type { GrpcTypes } from '@mysten/sui/grpc'
import { toBase64 } from '@mysten/sui/utils'
import { type Address, parseAddress, SYSTEM } from '../ledger/address.ts'
import type { Command } from '../ledger/execution/execute.ts'
import { reservationOf, reservationRef } from '../ledger/funds.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { FLAT_GAS_UNITS, LIMITS, REFERENCE_GAS_PRICE } from '../ledger/limits.ts'
import { coinBalance, type LedgerObject, SUI_COIN_TYPE, SUI_TYPE } from '../ledger/object.ts'
import { type CallArg, serializeTransaction } from '../ledger/transaction.ts'
import { argumentsOf } from '../ledger/validation.ts'
import { VmError } from '../vm/index.ts'
import { commandOf } from './convert/commands.ts'
import { INPUT_KIND } from './convert/transaction-data.ts'
import { literalBytes, plainName } from './literal.ts'
import { requestType } from './request-type.ts'
import { invalid, limited, notFound } from './status.ts'

/** How the commands use an input. */
interface Use {
  /** by value or through `&mut` */
  mutable: boolean
  /** as `Receiving<T>` */
  receiving: boolean
  /** the plain type that it is used as first */
  plain: string | undefined
}

function inputUses(ledger: Ledger, commands: readonly Command[]): Map<number, Use> {
  const uses = new Map<number, Use>()
  const note = (input: number | undefined, use: Partial<Use>) => {
    if (input === undefined) return
    const known = uses.get(input) ?? { mutable: false, receiving: false, plain: undefined }
    uses.set(input, {
      plain: known.plain ?? use.plain,
      mutable: known.mutable || use.mutable === true,
      receiving: known.receiving || use.receiving === true,
    })
  }
  for (const command of commands) {
    if (command.$kind !== 'MoveCall') {
      const plain = plainOf(command)
      for (const argument of argumentsOf(command)) note(argument.Input, { mutable: true, plain })
      continue
    }
    const { package: id, module, function: name, arguments: args } = command.MoveCall
    for (const [i, type] of parametersOf(ledger, id, module, name).entries()) {
      const value = type.kind === 'reference' ? type.target : type
      const isReceiving =
        value.kind === 'datatype' &&
        value.address === SYSTEM.sui &&
        value.module === 'transfer' &&
        value.name === 'Receiving'
      const mutable = type.kind === 'reference' ? type.mutable : true
      note(args[i]?.Input, { mutable, receiving: isReceiving, plain: plainName(type) })
    }
  }
  return uses
}

/** What a command's plain values are; its objects never meet it. */
function plainOf(command: Command): string | undefined {
  if (command.$kind === 'SplitCoins') return 'u64'
  if (command.$kind === 'TransferObjects') return 'address'
  const element = command.$kind === 'MakeMoveVec' ? command.MakeMoveVec.type : null
  return element === null ? undefined : plainName(requestType(element))
}

function parametersOf(ledger: Ledger, id: string, module: string, name: string) {
  const packageId = parseAddress(id)
  if (ledger.objects.get(packageId)?.kind !== 'package') throw notFound(`package ${packageId}`)
  try {
    // TxContext is not an argument
    return ledger.vm
      .function(packageId, module, name)
      .parameters.filter(
        type =>
          !(type.kind === 'reference' && type.target.kind === 'datatype' && type.target.name === 'TxContext'),
      )
  } catch (error) {
    if (error instanceof VmError && error.kind === 'FunctionNotFound')
      throw notFound(`function ${packageId}::${module}::${name}`)
    throw error
  }
}

const refOf = ({ id, version, digest }: LedgerObject) => ({
  objectId: id,
  version: version.toString(),
  digest,
})

function resolveObject(ledger: Ledger, input: GrpcTypes.Input, use: Use | undefined): CallArg {
  const id = parseAddress(input.objectId ?? '')
  const object = ledger.objects.get(id)
  if (object === undefined) throw notFound(`object ${id}`)
  if (input.version !== undefined && object.owner.kind !== 'shared' && object.owner.kind !== 'consensus') {
    const isSame =
      input.version === object.version && (input.digest === undefined || input.digest === object.digest)
    if (!isSame) throw invalid(`object ${id} has version ${object.version}, not ${input.version}`)
  }
  switch (object.owner.kind) {
    case 'shared':
    case 'consensus': {
      const start = object.owner.kind === 'shared' ? object.owner.initialVersion : object.owner.startVersion
      const mutable = input.mutable ?? use?.mutable ?? false
      return {
        $kind: 'Object',
        Object: {
          $kind: 'SharedObject',
          SharedObject: { objectId: id, initialSharedVersion: start.toString(), mutable },
        },
      }
    }
    default:
      return use?.receiving
        ? { $kind: 'Object', Object: { $kind: 'Receiving', Receiving: refOf(object) } }
        : { $kind: 'Object', Object: { $kind: 'ImmOrOwnedObject', ImmOrOwnedObject: refOf(object) } }
  }
}

function resolveInput(ledger: Ledger, input: GrpcTypes.Input, use: Use | undefined): CallArg {
  const ref = () => {
    if (input.objectId === undefined || input.version === undefined || input.digest === undefined)
      throw invalid('an object input lacks its ID, version or digest')
    return { objectId: parseAddress(input.objectId), version: input.version.toString(), digest: input.digest }
  }
  if (input.literal !== undefined && !input.kind && input.objectId === undefined)
    return { $kind: 'Pure', Pure: { bytes: toBase64(literalBytes(input.literal, use?.plain)) } }
  switch (input.kind) {
    case INPUT_KIND.pure:
      return { $kind: 'Pure', Pure: { bytes: toBase64(input.pure ?? new Uint8Array(0)) } }
    case INPUT_KIND.immutableOrOwned:
      return { $kind: 'Object', Object: { $kind: 'ImmOrOwnedObject', ImmOrOwnedObject: ref() } }
    case INPUT_KIND.receiving:
      return { $kind: 'Object', Object: { $kind: 'Receiving', Receiving: ref() } }
    case INPUT_KIND.shared:
      if (input.objectId === undefined || input.version === undefined)
        throw invalid('a shared input lacks its ID or initial version')
      return {
        $kind: 'Object',
        Object: {
          $kind: 'SharedObject',
          SharedObject: {
            objectId: parseAddress(input.objectId),
            initialSharedVersion: input.version.toString(),
            mutable: input.mutable ?? input.mutability === 2,
          },
        },
      }
    case INPUT_KIND.funds:
      return { $kind: 'FundsWithdrawal', FundsWithdrawal: withdrawalOf(input.fundsWithdrawal) }
    default:
      if (input.objectId !== undefined) return resolveObject(ledger, input, use)
      throw invalid('an input has no kind')
  }
}

function withdrawalOf(
  message: GrpcTypes.FundsWithdrawal | undefined,
): NonNullable<CallArg['FundsWithdrawal']> {
  if (message?.amount === undefined || message.coinType === undefined)
    throw invalid('a withdrawal lacks its amount or coin type')
  if (message.source === 3) throw invalid('withdrawals by allowance are not supported')
  return {
    reservation: { $kind: 'MaxAmountU64', MaxAmountU64: message.amount.toString() },
    typeArg: { $kind: 'Balance', Balance: requestType(message.coinType).text },
    withdrawFrom:
      message.source === 2 ? { $kind: 'Sponsor', Sponsor: true } : { $kind: 'Sender', Sender: true },
  }
}

/** What the payer's address balance has left besides the transaction's own withdrawals. */
function freeFunds(ledger: Ledger, owner: Address, sender: Address, inputs: readonly CallArg[]): bigint {
  let free = ledger.objects.balance(owner, SUI_TYPE).funds
  for (const { FundsWithdrawal: withdrawal } of inputs) {
    if (withdrawal === undefined || requestType(withdrawal.typeArg.Balance).text !== SUI_TYPE) continue
    const isPayers = withdrawal.withdrawFrom.$kind === 'Sponsor' || owner === sender
    if (isPayers) free -= BigInt(withdrawal.reservation.MaxAmountU64)
  }
  return free > 0n ? free : 0n
}

type Payment = ReturnType<typeof refOf>[]

/**
 * As Sui's full nodes pay: from the address balance when it is enough and no command needs the gas coin; else with
 * coins, and the address balance in front of them when the gas coin is used or they do not suffice.
 */
function selectGas(
  ledger: Ledger,
  { owner, sender, budget }: { owner: Address; sender: Address; budget: bigint },
  inputs: readonly CallArg[],
  commands: readonly Command[],
): Payment {
  const usesGasCoin = commands.some(command => argumentsOf(command).some(({ $kind }) => $kind === 'GasCoin'))
  const free = freeFunds(ledger, owner, sender, inputs)
  if (!usesGasCoin && free >= budget) return []
  const coins = gasCoins(ledger, owner, inputs)
  const total = coins.reduce((sum, { balance }) => sum + balance, 0n)
  const needsFunds = free > 0n && (usesGasCoin || total < budget)
  if (total + (needsFunds ? free : 0n) < budget || (coins.length === 0 && !needsFunds))
    throw invalid(
      `Unable to perform gas selection due to insufficient SUI balance (in MIST) for account ${owner} ` +
        `to satisfy required budget ${budget}.`,
    )
  const refs = coins.map(({ coin }) => refOf(coin))
  if (!needsFunds) return refs
  const { chainId } = ledger.identity
  const reserved = reservationRef(owner, SUI_TYPE, chainId, { amount: free, epoch: ledger.epoch })
  return [reserved, ...refs.slice(0, LIMITS.maxGasPaymentObjects - 1)]
}

/** The owner's largest SUI coins that are not inputs already. */
function gasCoins(
  ledger: Ledger,
  owner: Address,
  inputs: readonly CallArg[],
): { coin: LedgerObject; balance: bigint }[] {
  const used = new Set(inputs.map(input => input.Object?.ImmOrOwnedObject?.objectId))
  return ledger.objects
    .ownedBy(owner, { limit: 1000, type: SUI_COIN_TYPE })
    .items.filter(coin => coin.owner.kind === 'address' && !used.has(coin.id))
    .map(coin => ({ coin, balance: coinBalance(coin.contents) }))
    .sort((a, b) => (a.balance > b.balance ? -1 : a.balance < b.balance ? 1 : 0))
    .slice(0, LIMITS.maxGasPaymentObjects)
}

function expirationOf(message: GrpcTypes.TransactionExpiration | undefined) {
  switch (message?.kind) {
    case undefined:
    case 0:
    case 1:
      return { None: true as const }
    case 2:
      return { Epoch: Number(message.epoch ?? 0n) }
    case 3:
      return {
        ValidDuring: {
          minEpoch: message.minEpoch?.toString() ?? null,
          maxEpoch: message.epoch?.toString() ?? null,
          minTimestamp: milliseconds(message.minTimestamp),
          maxTimestamp: milliseconds(message.maxTimestamp),
          chain: message.chain ?? '',
          nonce: message.nonce ?? 0,
        },
      }
    default:
      throw invalid('this kind of expiration is not supported')
  }
}

/** What pays without coins has to expire in this epoch or the next. */
const soon = ({ epoch, identity, draw }: Ledger) => ({
  ValidDuring: {
    minEpoch: epoch.toString(),
    maxEpoch: (epoch + 1n).toString(),
    minTimestamp: null,
    maxTimestamp: null,
    chain: identity.chainId,
    nonce: Buffer.from(draw(4)).readUInt32LE(),
  },
})

const milliseconds = (time: { seconds: bigint; nanos: number } | undefined): string | null =>
  time !== undefined ? (time.seconds * 1000n + BigInt(Math.floor(time.nanos / 1_000_000))).toString() : null

/** With flat gas, any transaction costs the minimum; twice that leaves room, as Sui's estimates do. */
const estimatedBudget = (price: bigint): bigint => 2n * FLAT_GAS_UNITS * price

/**
 * Completes a transaction that leaves out versions and digests of objects, kinds of inputs, gas price,
 * budget or coins; answers the BCS of its TransactionData. Throws RpcStatus.
 */
export function resolveTransaction(
  ledger: Ledger,
  message: GrpcTypes.Transaction,
  { doGasSelection }: { doGasSelection: boolean },
): Uint8Array {
  const data = message.kind?.data
  if (data?.oneofKind !== 'programmableTransaction')
    throw invalid('only programmable transactions are supported')
  if (message.sender === undefined) throw invalid('the transaction has no sender')
  const { inputs: inputMessages, commands: commandMessages } = data.programmableTransaction
  // said by the checks of the transaction too, but what is above is not even read
  if (commandMessages.length >= LIMITS.maxProgrammableTxCommands)
    throw limited(
      'size',
      `Size limit exceeded: maximum commands in a programmable transaction is ${LIMITS.maxProgrammableTxCommands}`,
    )
  const commands = commandMessages.map(commandOf)
  const uses = inputUses(ledger, commands)
  const inputs = inputMessages.map((input, i) => resolveInput(ledger, input, uses.get(i)))
  const { gasPayment } = message
  const sender = parseAddress(message.sender)
  const owner = gasPayment?.owner === undefined ? sender : parseAddress(gasPayment.owner)
  const price = gasPayment?.price ?? REFERENCE_GAS_PRICE
  const budget = gasPayment?.budget ?? estimatedBudget(price)
  let payment = (gasPayment?.objects ?? []).map(({ objectId = '', version = 0n, digest = '' }) => ({
    objectId: parseAddress(objectId),
    version: version.toString(),
    digest,
  }))
  let expiration: ReturnType<typeof expirationOf> = expirationOf(message.expiration)
  if (doGasSelection && payment.length === 0) {
    payment = selectGas(ledger, { owner, sender, budget }, inputs, commands)
    const isCoinless = payment.every(({ digest }) => reservationOf(digest))
    if (isCoinless && 'None' in expiration) expiration = soon(ledger)
  }
  return serializeTransaction({
    V1: {
      kind: { ProgrammableTransaction: { inputs, commands } },
      sender,
      gasData: { payment, owner, price: price.toString(), budget: budget.toString() },
      expiration,
    },
  })
}
