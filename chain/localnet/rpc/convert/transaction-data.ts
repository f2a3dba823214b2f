import type { GrpcTypes } from '@mysten/sui/grpc'
import { fromBase64 } from '@mysten/sui/utils'
import type { CallArg, ParsedTransaction, TransactionData } from '../../ledger/transaction.ts'
import { commandMessage } from './commands.ts'
import { bcsMessage, timestamp } from './common.ts'

export const INPUT_KIND = { pure: 1, immutableOrOwned: 2, shared: 3, receiving: 4, funds: 5 } as const
const EXPIRATION_KIND = { none: 1, epoch: 2, validDuring: 3, validity: 4 } as const

const SOURCE_KIND = { Sender: 1, Sponsor: 2, SenderAllowance: 3 } as const

function inputMessage(arg: CallArg): GrpcTypes.Input {
  if (arg.FundsWithdrawal !== undefined) {
    const { reservation, typeArg, withdrawFrom } = arg.FundsWithdrawal
    return {
      kind: INPUT_KIND.funds,
      fundsWithdrawal: {
        amount: BigInt(reservation.MaxAmountU64),
        coinType: typeArg.Balance,
        source: SOURCE_KIND[withdrawFrom.$kind],
        ...withdrawFrom.SenderAllowance,
      },
    }
  }
  if (arg.Pure !== undefined) return { kind: INPUT_KIND.pure, pure: fromBase64(arg.Pure.bytes) }
  const { ImmOrOwnedObject: owned, SharedObject: shared, Receiving: receiving } = arg.Object ?? {}
  if (shared !== undefined)
    return {
      kind: INPUT_KIND.shared,
      objectId: shared.objectId,
      version: BigInt(shared.initialSharedVersion),
      mutable: shared.mutable,
      mutability: shared.mutable ? 2 : 1,
    }
  const ref = owned ?? receiving
  return {
    kind: owned !== undefined ? INPUT_KIND.immutableOrOwned : INPUT_KIND.receiving,
    objectId: ref?.objectId,
    version: BigInt(ref?.version ?? 0),
    digest: ref?.digest,
  }
}

function expirationMessage({ expiration }: TransactionData): GrpcTypes.TransactionExpiration {
  if (!expiration || expiration.$kind === 'None') return { kind: EXPIRATION_KIND.none }
  if (expiration.$kind === 'Epoch') return { kind: EXPIRATION_KIND.epoch, epoch: BigInt(expiration.Epoch) }
  const isDuring = expiration.$kind === 'ValidDuring'
  const range = isDuring ? expiration.ValidDuring : expiration.Validity
  return {
    kind: isDuring ? EXPIRATION_KIND.validDuring : EXPIRATION_KIND.validity,
    minEpoch: range.minEpoch === null ? undefined : BigInt(range.minEpoch),
    epoch: range.maxEpoch === null ? undefined : BigInt(range.maxEpoch),
    minTimestamp: range.minTimestamp === null ? undefined : timestamp(BigInt(range.minTimestamp)),
    maxTimestamp: range.maxTimestamp === null ? undefined : timestamp(BigInt(range.maxTimestamp)),
    chain: range.chain,
    nonce: range.nonce,
  }
}

export function transactionMessage({
  data,
  programmable,
  bytes,
  digest,
}: ParsedTransaction): GrpcTypes.Transaction {
  const { gasData } = data
  return {
    bcs: bcsMessage('TransactionData', bytes),
    digest,
    version: 1,
    kind: {
      kind: 1,
      data: {
        oneofKind: 'programmableTransaction',
        programmableTransaction: {
          inputs: programmable.inputs.map(inputMessage),
          commands: programmable.commands.map(commandMessage),
        },
      },
    },
    sender: data.sender,
    gasPayment: {
      objects: gasData.payment.map(({ objectId, version, digest }) => ({
        objectId,
        version: BigInt(version),
        digest,
      })),
      owner: gasData.owner,
      price: BigInt(gasData.price),
      budget: BigInt(gasData.budget),
    },
    expiration: expirationMessage(data),
  }
}
