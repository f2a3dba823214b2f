import { GrpcTypes } from '@mysten/sui/grpc'
import type { Ledger } from '../../ledger/ledger.ts'
import { REFERENCE_GAS_PRICE } from '../../ledger/limits.ts'
import { parseTransaction, serializeTransaction } from '../../ledger/transaction.ts'
import { checkShape } from '../../ledger/validation.ts'
import type { MoveType } from '../../vm/index.ts'
import type { Call } from '../call.ts'
import { argumentMessage } from '../convert/commands.ts'
import { bcsMessage } from '../convert/common.ts'
import { jsonOf } from '../convert/json.ts'
import { executedMessage, recordMessage } from '../convert/transaction.ts'
import { transactionMessage } from '../convert/transaction-data.ts'
import { Mask } from '../mask.ts'
import { resolveTransaction } from '../resolve.ts'
import { invalid } from '../status.ts'

/** A signature alone, or BCS of it as a byte vector. */
function signatureBytes({ bcs }: GrpcTypes.UserSignature): Uint8Array {
  const bytes = bcs?.value
  if (bytes === undefined || bytes.length === 0) throw invalid('a signature has no bytes')
  const withLength = bytes[0] === bytes.length - 1 && bytes.length - 1 >= 97
  return withLength ? bytes.subarray(1) : bytes
}

export const executionService = (ledger: Ledger) => ({
  async executeTransaction(
    request: GrpcTypes.ExecuteTransactionRequest,
    { account }: Call,
  ): Promise<GrpcTypes.ExecuteTransactionResponse> {
    const mask = Mask.of(request.readMask, ['effects']).check(GrpcTypes.ExecutedTransaction)
    const { transaction, signatures } = request
    if (transaction === undefined) throw invalid('no transaction')
    const bytes = transaction.bcs?.value ?? resolveTransaction(ledger, transaction, { doGasSelection: false })
    const record = await ledger.execute(bytes, signatures.map(signatureBytes), { caller: account.key })
    return { transaction: await recordMessage(ledger, record, mask) }
  },

  async simulateTransaction(
    request: GrpcTypes.SimulateTransactionRequest,
    { account, signal }: Call,
  ): Promise<GrpcTypes.SimulateTransactionResponse> {
    const mask = Mask.of(request.readMask, ['*']).check(GrpcTypes.SimulateTransactionResponse)
    const { transaction } = request
    if (transaction === undefined) throw invalid('no transaction')
    const checks = request.checks !== 1
    const doGasSelection = request.doGasSelection === true && checks
    const bytes = simulatedBytes(ledger, transaction, doGasSelection)
    const withOutputs = mask.wants('command_outputs')
    return ledger.simulate(bytes, { checks, withOutputs, caller: account.key, signal }, simulation =>
      mask.prune(GrpcTypes.SimulateTransactionResponse, {
        transaction: mask.wants('transaction')
          ? executedMessage(
              ledger,
              { ...simulation, transaction: bytes, signatures: [] },
              mask.at('transaction'),
            )
          : undefined,
        commandOutputs: simulation.outputs.map(({ returned, mutated }) => ({
          returnValues: returned.map(value => outputMessage(ledger, value)),
          mutatedByRef: mutated.map(({ argument, ...value }) => ({
            ...outputMessage(ledger, value),
            argument: argumentMessage(argument),
          })),
        })),
        suggestedGasPrice: REFERENCE_GAS_PRICE,
      }),
    )
  },
})

const outputMessage = (
  ledger: Ledger,
  { type, contents }: { type: MoveType; contents: Uint8Array },
): GrpcTypes.CommandOutput => ({
  value: bcsMessage(type.text, contents),
  json: jsonOf(ledger.vm, type.text, contents),
})

function simulatedBytes(
  ledger: Ledger,
  transaction: GrpcTypes.Transaction,
  doGasSelection: boolean,
): Uint8Array {
  const bytes = transaction.bcs?.value
  if (bytes === undefined || bytes.length === 0)
    return resolveTransaction(ledger, transaction, { doGasSelection })
  const parsed = parseTransaction(bytes)
  checkShape(parsed)
  if (!doGasSelection || parsed.data.gasData.payment.length > 0) return bytes
  const completed = resolveTransaction(ledger, transactionMessage(parsed), { doGasSelection })
  const { gasData, expiration } = parseTransaction(completed).data
  return serializeTransaction({ V1: { ...parsed.data, gasData, expiration } })
}
