import { bcs } from '@mysten/sui/bcs'
import { toBase58 } from '@mysten/sui/utils'
import type { Digest } from './digest.ts'
import { hashAs } from './digest.ts'
import { LedgerError } from './errors.ts'
import { LIMITS } from './limits.ts'
import { checkTypeTags } from './type-tags.ts'

export type TransactionData = ReturnType<typeof bcs.TransactionData.parse>['V1']
export type ProgrammableData = Extract<
  TransactionData['kind'],
  { $kind: 'ProgrammableTransaction' }
>['ProgrammableTransaction']
export type CallArg = ProgrammableData['inputs'][number]

export interface ParsedTransaction {
  bytes: Uint8Array
  data: TransactionData
  programmable: ProgrammableData
  digest: Digest
  /** 32 bytes */
  digestBytes: Uint8Array
}

/** Reads TransactionData, which must be canonical BCS; throws LedgerError. */
export function parseTransaction(bytes: Uint8Array): ParsedTransaction {
  if (bytes.length > LIMITS.maxTxSizeBytes)
    throw new LedgerError(
      'INVALID_ARGUMENT',
      `Transaction size limit exceeded: ${bytes.length} bytes, the maximum is ${LIMITS.maxTxSizeBytes}`,
    )
  checkTypeTags(bytes)
  let data: TransactionData
  try {
    const parsed = bcs.TransactionData.parse(bytes)
    const again = bcs.TransactionData.serialize(parsed, { maxSize: LIMITS.maxTxSizeBytes * 2 }).toBytes()
    if (Buffer.compare(again, bytes) !== 0) throw new TypeError('not canonical')
    data = parsed.V1
  } catch (cause) {
    throw new LedgerError('INVALID_ARGUMENT', 'transaction bytes are not the BCS of TransactionData', {
      cause,
    })
  }
  if (data.kind.$kind !== 'ProgrammableTransaction')
    throw new LedgerError('INVALID_ARGUMENT', 'only programmable transactions can be submitted')
  const digestBytes = hashAs('TransactionData', bytes)
  return {
    bytes,
    data,
    programmable: data.kind.ProgrammableTransaction,
    digest: toBase58(digestBytes),
    digestBytes,
  }
}

export const serializeTransaction = (data: Parameters<typeof bcs.TransactionData.serialize>[0]): Uint8Array =>
  bcs.TransactionData.serialize(data, { maxSize: 2 ** 24 }).toBytes()
