import { parseObjectId } from '../../../codec/index.ts'
import type { Axis, ObjectId, SliverPairIndex, SliverRef } from '../../../codec/types.ts'
import { HttpError } from '../../http/errors.ts'

type Params = Readonly<Record<string, string>>

/** Each throws 400 for a text that is not the one way to write such a value. */
export function objectIdParam({ objectId = '' }: Params): ObjectId {
  try {
    return parseObjectId(objectId)
  } catch {
    throw invalid('objectId', 'an object ID is 0x and up to 64 hex digits')
  }
}

export function sliverParam(params: Params, nShards: number): SliverRef {
  const axis = axisParam(params)
  const { pair = '' } = params
  if (!/^(0|[1-9]\d{0,4})$/.test(pair) || Number(pair) >= nShards) {
    throw invalid('pair', `sliver pairs are numbered from 0 to ${nShards - 1}`)
  }
  return { pair: Number(pair) as SliverPairIndex, axis }
}

export function axisParam({ axis = '' }: Params): Axis {
  if (axis === 'primary' || axis === 'secondary') return axis
  throw invalid('axis', 'a sliver is either primary or secondary')
}

function invalid(parameter: string, message: string): HttpError {
  return new HttpError(400, 'INVALID_PARAMETER', message, { metadata: { parameter } })
}
