import type { SuiGrpcClient } from '@mysten/sui/grpc'
import type { Epoch } from '../../codec/types.ts'
import { Clock, decodeMove, safeNumber } from '../bindings/move.ts'
import { ChainError } from '../errors.ts'
import type { EpochRefusal, EpochState, EpochTiming } from '../types/index.ts'
import { fetchObjects } from './objects.ts'
import type { StakingState } from './state.ts'

/** Sui's clock, which every consensus commit sets: what the contract goes by. */
const CLOCK_ID = `0x${'6'.padStart(64, '0')}`

/** The chain's time, in ms since 1970. */
export async function readChainTime(client: SuiGrpcClient): Promise<number> {
  const [clock] = await fetchObjects(client, [CLOCK_ID])
  if (!clock) throw new ChainError('NOT_FOUND', 'the chain has no clock', { objectId: CLOCK_ID })
  return safeNumber(decodeMove(Clock, clock.content).timestamp_ms, "the chain's time")
}

export function epochState({ epoch_state: state }: StakingState): EpochState {
  switch (state.$kind) {
    case 'EpochChangeSync':
      return { kind: 'sync', weight: state.EpochChangeSync }
    case 'EpochChangeDone':
      return { kind: 'done', sinceMs: safeNumber(state.EpochChangeDone, 'time of EpochChangeDone') }
    case 'NextParamsSelected':
      return {
        kind: 'next-params-selected',
        sinceMs: safeNumber(state.NextParamsSelected, 'time of EpochChangeDone'),
      }
  }
}

/** When what is due of this epoch, by the contract's rules. */
export function epochTiming(staking: StakingState, nowMs: number): EpochTiming {
  const state = epochState(staking)
  const durationMs = safeNumber(staking.epoch_duration, 'epoch duration')
  const timing = { epoch: staking.epoch as Epoch, state, nowMs, durationMs }
  if (state.kind === 'sync') return timing
  // epoch 0 lasts until its fixed end, the others are timed from when their change was done
  const firstMs = staking.epoch === 0 ? safeNumber(staking.first_epoch_start, 'start of epoch 1') : undefined
  const changeDueMs = firstMs ?? state.sinceMs + durationMs
  if (state.kind !== 'done') return { ...timing, changeDueMs }
  return { ...timing, changeDueMs, votingEndDueMs: firstMs ?? state.sinceMs + Math.floor(durationMs / 2) }
}

/** The calls of an epoch's change, each about one epoch. */
export type EpochCall = 'votingEnd' | 'initiateEpochChange' | 'epochSyncDone'

/** What an abort of the call for `epoch` means, by its name and the state as it is now; undefined for one of another kind. */
export function epochRefusal(
  call: EpochCall,
  epoch: Epoch,
  name: string | undefined,
  now: Pick<StakingState, 'epoch' | 'epoch_state'>,
): EpochRefusal | undefined {
  const isOver = now.epoch > epoch
  switch (name) {
    case 'EDuplicateSyncDone':
      return 'DONE_BEFORE'
    case 'ENotInCommittee':
      return 'NOT_A_MEMBER'
    case 'EInvalidSyncEpoch':
      return isOver ? 'EPOCH_OVER' : 'TOO_EARLY'
    case 'EWrongEpochState':
    case 'ENextCommitteeIsEmpty': {
      const isSelected = call === 'votingEnd' && now.epoch_state.$kind === 'NextParamsSelected'
      return isOver || isSelected ? 'DONE_BEFORE' : 'TOO_EARLY'
    }
    default:
      return undefined
  }
}

/**
 * When an epoch that is yet to come begins at the earliest, by the chain's clock: ms since 1970. While shards are moving, the
 * present epoch has not begun to count, and nobody knows when it will.
 */
export function beginsAtMs({ epoch, nowMs, durationMs, changeDueMs }: EpochTiming, coming: Epoch): number {
  return (changeDueMs ?? nowMs + durationMs) + (coming - epoch - 1) * durationMs
}
