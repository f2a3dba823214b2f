import { bcs } from '@mysten/sui/bcs'
import { toBase58 } from '@mysten/sui/utils'
import { type Digest, hashAs } from './digest.ts'

export interface CheckpointRecord {
  sequence: bigint
  digest: Digest
  previousDigest: Digest | undefined
  contentDigest: Digest
  epoch: bigint
  totalTransactions: bigint
  timestampMs: bigint
  /** computation cost of the epoch so far; storage is free */
  epochCost: bigint
  transactions: { transaction: Digest; effects: Digest; signatures: Uint8Array[] }[]
  /** BCS of CheckpointSummary and CheckpointContents */
  summary: Uint8Array
  contents: Uint8Array
}

const GasCost = bcs.struct('GasCostSummary', {
  computationCost: bcs.u64(),
  storageCost: bcs.u64(),
  storageRebate: bcs.u64(),
  nonRefundableStorageFee: bcs.u64(),
})

const Summary = bcs.struct('CheckpointSummary', {
  epoch: bcs.u64(),
  sequenceNumber: bcs.u64(),
  networkTotalTransactions: bcs.u64(),
  contentDigest: bcs.ObjectDigest,
  previousDigest: bcs.option(bcs.ObjectDigest),
  epochRollingGasCostSummary: GasCost,
  timestampMs: bcs.u64(),
  // the localnet has no commitments and ends no epoch
  checkpointCommitments: bcs.vector(bcs.u8()),
  endOfEpochData: bcs.option(bcs.bool()),
  versionSpecificData: bcs.byteVector(),
})

const Contents = bcs.enum('CheckpointContents', {
  V1: bcs.struct('CheckpointContentsV1', {
    transactions: bcs.vector(
      bcs.struct('ExecutionDigests', { transaction: bcs.ObjectDigest, effects: bcs.ObjectDigest }),
    ),
    userSignatures: bcs.vector(bcs.vector(bcs.byteVector())),
  }),
})

const Stored = bcs.struct('StoredCheckpoint', { summary: bcs.byteVector(), contents: bcs.byteVector() })

const MAX_SIZE = 2 ** 31

export interface CheckpointInput {
  epoch: bigint
  previous: CheckpointRecord | undefined
  timestampMs: bigint
  cost: bigint
  transactions: CheckpointRecord['transactions']
  /** makes the first checkpoint, and so the chain's ID, unique */
  salt?: Uint8Array
}

export function makeCheckpoint(input: CheckpointInput): CheckpointRecord {
  const { epoch, previous, timestampMs, transactions, salt } = input
  const contents = Contents.serialize(
    {
      V1: {
        transactions: transactions.map(({ transaction, effects }) => ({ transaction, effects })),
        userSignatures: transactions.map(({ signatures }) => signatures),
      },
    },
    { maxSize: MAX_SIZE },
  ).toBytes()
  const summary = Summary.serialize({
    epoch,
    sequenceNumber: previous !== undefined ? previous.sequence + 1n : 0n,
    networkTotalTransactions: (previous?.totalTransactions ?? 0n) + BigInt(transactions.length),
    contentDigest: toBase58(hashAs('CheckpointContents', contents)),
    previousDigest: previous?.digest ?? null,
    epochRollingGasCostSummary: {
      computationCost: (previous?.epochCost ?? 0n) + input.cost,
      storageCost: 0,
      storageRebate: 0,
      nonRefundableStorageFee: 0,
    },
    timestampMs,
    checkpointCommitments: [],
    endOfEpochData: null,
    versionSpecificData: salt ?? new Uint8Array(0),
  }).toBytes()
  return parse(summary, contents)
}

function parse(summary: Uint8Array, contents: Uint8Array): CheckpointRecord {
  const head = Summary.parse(summary)
  const { transactions, userSignatures } = Contents.parse(contents).V1
  return {
    sequence: BigInt(head.sequenceNumber),
    digest: toBase58(hashAs('CheckpointSummary', summary)),
    previousDigest: head.previousDigest ?? undefined,
    contentDigest: head.contentDigest,
    epoch: BigInt(head.epoch),
    totalTransactions: BigInt(head.networkTotalTransactions),
    timestampMs: BigInt(head.timestampMs),
    epochCost: BigInt(head.epochRollingGasCostSummary.computationCost),
    transactions: transactions.map((entry, i) => ({
      ...entry,
      signatures: userSignatures[i]!.map(signature => Uint8Array.from(signature)),
    })),
    summary,
    contents,
  }
}

export const encodeCheckpoint = ({ summary, contents }: CheckpointRecord): Uint8Array =>
  Stored.serialize({ summary, contents }, { maxSize: MAX_SIZE }).toBytes()

export function decodeCheckpoint(bytes: Uint8Array): CheckpointRecord {
  const { summary, contents } = Stored.parse(bytes)
  return parse(Uint8Array.from(summary), Uint8Array.from(contents))
}
