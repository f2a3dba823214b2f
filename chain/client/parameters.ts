import { bcs } from '@mysten/sui/bcs'
import type { SuiGrpcClient } from '@mysten/sui/grpc'
import { deriveDynamicFieldID } from '@mysten/sui/utils'
import { parseObjectId } from '../../codec/index.ts'
import type { Epoch, ObjectId } from '../../codec/types.ts'
import { BallotField, BylawsField } from '../bindings/bylaws.ts'
import { decodeMove, safeNumber } from '../bindings/move.ts'
import { PARAMETER_KEYS, PARAMETERS, type ParameterKey } from '../parameters.ts'
import type { NetworkParameters, Parameters, ParameterVote } from '../types/index.ts'
import { fetchObjects } from './objects.ts'
import type { ChainState } from './state.ts'

/** Name of the dynamic field of the staking object, a `vector<u8>`. */
const BYLAWS_KEY = bcs.byteVector().serialize(new TextEncoder().encode('bylaws')).toBytes()

type Bylaws = ReturnType<typeof BylawsField.parse>['value']

/** The parameters, those to come, and the votes of this epoch. */
export async function readParameters(
  client: SuiGrpcClient,
  stakingObjectId: ObjectId,
  { staking }: Pick<ChainState, 'staking'>,
): Promise<NetworkParameters> {
  const epoch = staking.epoch as Epoch
  const bylaws = await readBylaws(client, stakingObjectId)
  const votes = bylaws === undefined ? {} : await readVotes(client, bylaws.ballots.id, staking)
  return { epoch, nShards: staking.n_shards, ...inForce(bylaws, epoch), votes }
}

/** Those in force in an epoch: the present one. */
export async function readCurrent(
  client: SuiGrpcClient,
  stakingObjectId: ObjectId,
  epoch: number,
): Promise<Parameters> {
  return inForce(await readBylaws(client, stakingObjectId), epoch).current
}

/** There are none before the first vote. */
async function readBylaws(client: SuiGrpcClient, stakingObjectId: ObjectId): Promise<Bylaws | undefined> {
  const id = deriveDynamicFieldID(stakingObjectId, 'vector<u8>', BYLAWS_KEY)
  const [field] = await fetchObjects(client, [id])
  return field && decodeMove(BylawsField, field.content).value
}

function inForce(
  bylaws: Bylaws | undefined,
  epoch: number,
): Pick<NetworkParameters, 'current' | 'next' | 'later'> {
  const at = (epoch: number): Parameters => {
    const values = bylaws && valuesAt(bylaws, epoch)
    return byKey(key => values?.[PARAMETERS[key].name] ?? PARAMETERS[key].first)
  }
  return { current: at(epoch), next: at(epoch + 1), later: at(epoch + 2) }
}

const valuesAt = ({ current, next, next_from, later }: Bylaws, epoch: number): Bylaws['next'] =>
  epoch < next_from ? current : epoch === next_from ? next : later

async function readVotes(
  client: SuiGrpcClient,
  ballots: string,
  { epoch, committee }: ChainState['staking'],
): Promise<NetworkParameters['votes']> {
  const ids = PARAMETER_KEYS.map(key => {
    const name = bcs.string().serialize(PARAMETERS[key].name).toBytes()
    return deriveDynamicFieldID(ballots, '0x1::string::String', name)
  })
  const shards = new Map(committee.map.contents.map(({ key, value }) => [key, value.length]))
  const votes: Partial<Record<ParameterKey, ParameterVote[]>> = {}
  for (const [i, field] of (await fetchObjects(client, ids)).entries()) {
    if (field === undefined) continue
    const ballot = decodeMove(BallotField, field.content).value
    if (ballot.epoch !== epoch) continue
    votes[PARAMETER_KEYS[i]!] = ballot.votes.contents.map(({ key, value }) => ({
      nodeId: parseObjectId(key),
      value: safeNumber(value, 'a vote'),
      shards: shards.get(key) ?? 0,
    }))
  }
  return votes
}

const byKey = (value: (key: ParameterKey) => number): Parameters =>
  Object.fromEntries(PARAMETER_KEYS.map(key => [key, value(key)])) as Parameters
