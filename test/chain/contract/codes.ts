import { fileURLToPath } from 'node:url'
import { readMoveFiles } from '../../../chain/move/sources.ts'

const contract = fileURLToPath(new URL('../../../chain/contract/walrus', import.meta.url))

export interface AbortCode {
  module: string
  code: number
  name: string
  /** the comment above the constant: when a call ends with it */
  when: string
}

/** Every abort code of the contract, by module and number. */
export function readAbortCodes(): AbortCode[] {
  return Object.entries(readMoveFiles(contract, { tests: false }))
    .flatMap(([file, text]) => (file.startsWith('sources/') ? codesOf(text) : []))
    .sort((a, b) => (a.module === b.module ? a.code - b.code : a.module < b.module ? -1 : 1))
}

function codesOf(text: string): AbortCode[] {
  const module = /^module walrus::(\w+);/m.exec(text)![1]!
  return [...text.matchAll(/((?:^\/\/\/ .*\n)*)^const (E[A-Z]\w+): u64 = (\d+);/gm)].map(
    ([, comment, name, code]) => ({
      module,
      code: Number(code),
      name: name!,
      when: comment!.replaceAll('/// ', '').trim().replaceAll('\n', ' '),
    }),
  )
}

/** Modules that Walrus does not have. */
export const OWN_MODULES: ReadonlySet<string> = new Set([
  'challenge',
  'challenge_events',
  'challenge_rounds',
  'governance',
  'parameter_events',
  'parameters',
])

/** The codes of Walrus's package 1.56, in order of number; a hole is a number that it does not use. */
export const walrusCodes: Readonly<Record<string, readonly (string | undefined)[]>> = {
  active_set: ['EZeroMaxSize', 'EDuplicateInsertion'],
  apportionment_queue: ['EPopFromEmptyHeap'],
  blob: [
    'ENotCertified',
    'EBlobNotDeletable',
    'EResourceBounds',
    'EResourceSize',
    undefined,
    'EAlreadyCertified',
    'EInvalidBlobId',
    'EDuplicateMetadata',
    'EMissingMetadata',
    'EInvalidBlobPersistenceType',
    'EInvalidBlobObject',
  ],
  bls_aggregate: ['EInvalidBitmap', 'ESigVerification', 'ENotEnoughStake', 'EIncorrectCommittee'],
  committee: ['EInvalidShardAssignment'],
  encoding: ['EInvalidEncodingType'],
  event_blob: ['EInvalidSequenceNumber'],
  init: ['EInvalidMigration', 'EInvalidUpgradeCap', 'EDeprecatedFunction'],
  messages: [
    'EIncorrectAppId',
    'EIncorrectEpoch',
    'EInvalidMsgType',
    'EIncorrectIntentVersion',
    'EInvalidBlobPersistenceType',
    'ENotDeletable',
    'EInvalidKeyLength',
  ],
  pending_values: ['EMissingEpochValue', 'EReduceValueTooLarge'],
  pool_exchange_rate: ['EInvalidRate'],
  slashing: ['ENotAuthorized', 'EDuplicateVote', 'ENoProposalForNode', 'EWrongEpoch', 'ENotEnoughVotes'],
  staked_wal: [
    'ENotWithdrawing',
    'EMetadataMismatch',
    'EInvalidAmount',
    undefined,
    undefined,
    undefined,
    'EAlreadyWithdrawing',
    'EStakeBelowThreshold',
  ],
  staking: ['EInvalidMigration', 'EWrongVersion', 'EDeprecatedFunction'],
  staking_inner: [
    'EWrongEpochState',
    'EInvalidSyncEpoch',
    'EDuplicateSyncDone',
    'ENoStake',
    'ENotInCommittee',
    'ECommitteeSelected',
    'ENextCommitteeIsEmpty',
    'EInvalidNodeWeight',
    'EPoolNotFound',
    'EZeroNodeWeight',
    'EIncorrectNodeOrder',
  ],
  staking_pool: [
    'EPoolAlreadyUpdated',
    'ECalculationError',
    'EIncorrectEpochAdvance',
    'EPoolNotEmpty',
    'EInvalidProofOfPossession',
    'EPoolAlreadyWithdrawing',
    'EPoolIsNotActive',
    'EZeroStake',
    'ENotStaked',
    'EIncorrectPoolId',
    'ENotWithdrawing',
    'EWithdrawEpochNotReached',
    'EActivationEpochNotReached',
    'EWithdrawDirectly',
    'EIncorrectCommissionRate',
    'EAuthorizationFailure',
    'EInvalidNetworkAddressLength',
    'EInvalidNameLength',
    'EZeroShares',
  ],
  storage_accounting: ['ETooFarInFuture'],
  storage_node: ['EInvalidNetworkPublicKey'],
  storage_pool: [
    'EBlobNotDeletable',
    'EResourceBounds',
    'EAlreadyCertified',
    'EInvalidBlobId',
    'EInvalidBlobPersistenceType',
    'EInvalidBlobObject',
    'EInsufficientCapacity',
    'EPoolNotEmpty',
    'EInvalidBlobSize',
    'EInvalidBlobCount',
    'EWrongVersion',
    'EIncompatibleEndEpoch',
    'EDuplicateMetadata',
    'EMissingMetadata',
    'EInvalidPercent',
  ],
  storage_resource: ['EInvalidEpoch', 'EIncompatibleEpochs', 'EIncompatibleAmount', 'EInvalidEpochRange'],
  system: ['EInvalidMigration', 'EWrongVersion', 'EZeroExtractSize'],
  system_state_inner: [
    'EInvalidMaxEpochsAhead',
    'EStorageExceeded',
    'EInvalidEpochsAhead',
    'EInvalidIdEpoch',
    'EIncorrectCommittee',
    'EInvalidAccountingEpoch',
    'EIncorrectAttestation',
    'ERepeatedAttestation',
    'ENotCommitteeMember',
    'EIncorrectDenyListSequence',
    'EIncorrectDenyListNode',
    'EInvalidResourceSize',
    'EInvalidStartEpoch',
  ],
  upgrade: [
    'EInvalidUpgradeManager',
    'ENotAuthorized',
    'EDuplicateVote',
    'EInvalidPackageDigest',
    'ENoProposalForDigest',
    'EWrongEpoch',
    'ENotEnoughVotes',
    'EWrongVersion',
  ],
}

/** Walrus's codes that this contract lacks: their conditions cannot come about here, or not in Walrus's either. */
export function absentCodes(codes: readonly AbortCode[]): string[] {
  const here = new Set(codes.map(({ module, name }) => `${module}::${name}`))
  return Object.entries(walrusCodes)
    .flatMap(([module, names]) => names.flatMap(name => name ?? []).map(name => `${module}::${name}`))
    .filter(code => !here.has(code))
}
