import { bcs } from '@mysten/sui/bcs'
import type { SuiGrpcClient } from '@mysten/sui/grpc'
import { deriveDynamicFieldID } from '@mysten/sui/utils'
import { parseObjectId } from '../../codec/index.ts'
import type { Epoch, ObjectId } from '../../codec/types.ts'
import { ChallengesField, RoundField } from '../bindings/challenge-rounds.ts'
import { decodeMove, safeNumber } from '../bindings/move.ts'
import { PARAMETERS } from '../parameters.ts'
import type { ChallengeStanding } from '../types/index.ts'
import { fetchObjects } from './objects.ts'
import type { ChainState } from './state.ts'

/** Name of the dynamic field of the staking object, a `vector<u8>`. */
const CHALLENGES_KEY = bcs.byteVector().serialize(new TextEncoder().encode('challenges')).toBytes()

/** The rounds of the present epoch that were opened, in order. */
export async function readRounds(
  client: SuiGrpcClient,
  stakingObjectId: ObjectId,
  { staking }: Pick<ChainState, 'staking'>,
): Promise<ChallengeStanding[]> {
  const epoch = staking.epoch as Epoch
  const id = deriveDynamicFieldID(stakingObjectId, 'vector<u8>', CHALLENGES_KEY)
  const [field] = await fetchObjects(client, [id])
  if (field === undefined) return []
  const challenges = decodeMove(ChallengesField, field.content).value
  if (challenges.epoch !== epoch) return []
  const numbers = Array.from({ length: PARAMETERS.rounds.most }, (_, number) => number)
  const table = challenges.rounds.id
  const rounds = await fetchObjects(
    client,
    numbers.map(number => deriveDynamicFieldID(table, 'u8', bcs.u8().serialize(number).toBytes())),
  )
  const members = staking.committee.map.contents.map(({ key }) => parseObjectId(key))
  return rounds.flatMap((object, round) => {
    if (object === undefined) return []
    const told = decodeMove(RoundField, object.content).value
    return {
      epoch,
      round,
      isDrawn: told.seed !== null,
      commitUntilMs: safeNumber(told.commit_until, 'end of commitments'),
      passUntilMs: safeNumber(told.pass_until, 'end of a round'),
      committed: told.roots.contents.map(({ key }) => parseObjectId(key)),
      passed: members.filter((_, position) => told.passed[position]),
      passedShards: told.weight,
    }
  })
}
