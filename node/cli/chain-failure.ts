import { type AnyChainError, type ChainErrorDetails, isChainError } from '../../chain/index.ts'
import { CliError, chainHint, EXIT, FUNDS_HINT, sentence, WALLET_BUSY_HINT } from './errors.ts'

/** What the chain says, as the command line tells it: what is wrong, and what to do. Other errors as they are. */
export function chainFailure(error: unknown): unknown {
  return isChainError(error) ? fromChain(error) : error
}

function fromChain(error: AnyChainError): CliError {
  const cause = error
  const message = sentence(error.message)
  switch (error.code) {
    case 'NOT_ENOUGH_WAL':
      return tooLittle('WAL', message, error.details.neededFrost, error.details.availableFrost, cause)
    case 'NOT_ENOUGH_SUI':
      return tooLittle('SUI', message, error.details.neededMist, error.details.availableMist, cause)
    case 'COST_ABOVE_LIMIT': {
      const { costFrost, limitFrost } = error.details
      const details = { coin: 'WAL', neededAmount: `${costFrost}`, availableAmount: `${limitFrost}` }
      return new CliError('INSUFFICIENT_FUNDS', EXIT.funds, message, { details, cause })
    }
    case 'MOVE_ABORT':
      return fromAbort(message, error.details, cause)
    case 'TRANSACTION_FAILED':
      return rejected(message, { reason: error.details.kind, digest: error.details.digest }, cause)
    case 'TRANSACTION_REJECTED':
      return rejected(message, { reason: error.details.reason }, cause)
    case 'NOT_FOUND':
      return new CliError('NOT_FOUND', EXIT.notFound, message, { details: error.details, cause })
    case 'INVALID_ARGUMENT':
      return new CliError('INVALID_OPTION', EXIT.usage, message, { details: error.details, cause })
    case 'RPC_UNAVAILABLE': {
      const { urls, status, httpStatus } = error.details
      return new CliError('CHAIN_UNAVAILABLE', EXIT.noNetwork, message, {
        hint: chainHint({ httpStatus }),
        details: { url: urls[0], status, httpStatus },
        cause,
      })
    }
    case 'WALLET_BUSY':
      return new CliError('WALLET_BUSY', EXIT.unavailable, message, {
        hint: WALLET_BUSY_HINT,
        details: error.details,
        cause,
      })
    case 'RPC_FAILED':
    case 'WRONG_CHAIN':
    case 'HISTORY_PRUNED':
      return new CliError('CHAIN_UNAVAILABLE', EXIT.noNetwork, message, { details: error.details, cause })
    default:
      return new CliError('UNEXPECTED', EXIT.unexpected, message, { details: error.details, cause })
  }
}

function tooLittle(coin: 'WAL' | 'SUI', message: string, needed: bigint, available: bigint, cause: Error) {
  return new CliError('INSUFFICIENT_FUNDS', EXIT.funds, message, {
    hint: FUNDS_HINT,
    details: { coin, neededAmount: `${needed}`, availableAmount: `${available}` },
    cause,
  })
}

function rejected(message: string, details: object, cause: Error, hint?: string) {
  return new CliError('CHAIN_REJECTED', EXIT.refused, message, { hint, details, cause })
}

function fromAbort(message: string, details: ChainErrorDetails['MOVE_ABORT'], cause: Error): CliError {
  const { module, name, abortCode, digest } = details
  const [told, hint] = ABORTS[`${module}::${name}`] ?? [message]
  return rejected(told, { reason: name ?? `${module}: ${abortCode}`, module, digest }, cause, hint)
}

const INFO_PARAMETERS = '`floe info parameters` shows what stands.'
const LIST_STAKED = '`floe list-staked` shows from which epoch on.'

/** The aborts that people meet: a sentence, and what to do. */
const ABORTS: Readonly<Record<string, readonly [string, string?]>> = {
  'staked_wal::EStakeBelowThreshold': ['A stake is at least 1 WAL.'],
  'staking_pool::EZeroStake': ['A stake is at least 1 WAL.'],
  'staking_inner::EWrongEpochState': ['The network does not take this at this moment of the epoch.'],
  'staking_pool::ENotStaked': ['Notice was given for this stake already.', LIST_STAKED],
  'staking_pool::EWithdrawDirectly': [
    'This stake is in no committee: it needs no notice.',
    'Take it back with `floe withdraw STAKE`.',
  ],
  'staking_pool::ENotWithdrawing': [
    'This stake is at work, and nobody has given notice.',
    'Do so with `floe unstake STAKE`, then withdraw it when `floe list-staked` says so.',
  ],
  'staking_pool::EWithdrawEpochNotReached': ['It is too early to withdraw this stake.', LIST_STAKED],
  'governance::ENotAuthorized': ['This wallet may not vote for the node: its governance is with another.'],
  'staking_inner::ENotInCommittee': ['The node is not in the committee: only its members vote.'],
  'parameters::EDuplicateVote': ['The node has voted for this value already.', INFO_PARAMETERS],
  'parameters::EDecided': [
    'This parameter has been decided on in this epoch.',
    `Vote again in the next one. ${INFO_PARAMETERS}`,
  ],
  'blob::EBlobNotDeletable': ['The blob is permanent: nobody can delete it before its time.'],
  'blob::ENotCertified': ['The blob is not certified.', 'Store it again, then try this again.'],
  'blob::EResourceBounds': ['The blob has expired.', 'Store it again with `floe store`.'],
  'blob::EMissingMetadata': ['The blob has no attributes.'],
  'system_state_inner::EStorageExceeded': ['The network has too little space left for this.'],
  'system_state_inner::EInvalidEpochsAhead': [
    'That is further ahead than the network sells storage.',
    '`floe info storage` tells how far it does.',
  ],
}
