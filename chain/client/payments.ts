import { fromBase64 } from '@mysten/bcs'
import type { SuiGrpcClient } from '@mysten/sui/grpc'
import { normalizeStructTag } from '@mysten/sui/utils'
import { parseObjectId } from '../../codec/index.ts'
import { ChainError } from '../errors.ts'
import type { PaymentRecord } from '../types/index.ts'

const SUI_TYPE = normalizeStructTag('0x2::sui::SUI')

/** A transaction as one who is paid by it looks at it; undefined when the node knows none of this digest. */
export async function readPayment(client: SuiGrpcClient, digest: string): Promise<PaymentRecord | undefined> {
  const result = await client.core.getTransaction({
    digest,
    include: { transaction: true, balanceChanges: true },
  })
  const { transaction, balanceChanges, status, timestampMs } = result.Transaction ?? result.FailedTransaction
  if (transaction === undefined || balanceChanges === undefined)
    throw new ChainError('MALFORMED', `transaction ${digest} came without what it did`, {
      what: 'transaction',
    })
  return {
    digest,
    succeeded: status.success,
    timestampMs: timestampMs ?? undefined,
    pureInputs: transaction.inputs.flatMap(input =>
      'Pure' in input && input.Pure ? [fromBase64(input.Pure.bytes)] : [],
    ),
    receivedMist: Object.fromEntries(
      balanceChanges
        .filter(({ coinType }) => normalizeStructTag(coinType) === SUI_TYPE)
        .map(({ address, amount }) => [parseObjectId(address), BigInt(amount)]),
    ),
  }
}
