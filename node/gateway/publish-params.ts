import { parseObjectId } from '../../codec/index.ts'
import type { ObjectId } from '../../codec/types.ts'
import { HttpError } from '../http/errors.ts'

export interface PublishParams {
  epochs: number
  deletable: boolean
  force: boolean
  sendObjectTo?: ObjectId
}

const KNOWN = ['epochs', 'deletable', 'permanent', 'force', 'send_object_to', 'encoding_type']

/**
 * Reads the query of `PUT /v1/blobs`. Blobs are deletable unless `permanent`; a flag without a value counts as true.
 * Throws 400; unknown names too, because a misspelt option would cost money.
 */
export function parsePublishParams(query: URLSearchParams): PublishParams {
  for (const name of query.keys()) {
    if (!KNOWN.includes(name)) throw invalid(name, `is unknown; known are ${KNOWN.join(', ')}`)
    if (query.getAll(name).length > 1) throw invalid(name, 'is given twice')
  }
  const encoding = query.get('encoding_type')
  if (encoding !== null && encoding !== 'RS2') throw invalid('encoding_type', 'must be RS2')
  const deletable = flag(query, 'deletable')
  const permanent = flag(query, 'permanent')
  if (deletable !== undefined && deletable === permanent) throw invalid('permanent', 'contradicts deletable')
  return {
    epochs: epochs(query.get('epochs')),
    deletable: !permanent && (deletable ?? true),
    force: flag(query, 'force') ?? false,
    sendObjectTo: address(query.get('send_object_to')),
  }
}

function epochs(text: string | null): number {
  if (text === null) return 1
  if (!/^[1-9]\d{0,8}$/.test(text)) throw invalid('epochs', 'must be a whole number from 1')
  return Number(text)
}

function flag(query: URLSearchParams, name: string): boolean | undefined {
  const text = query.get(name)
  if (text === null) return undefined
  if (text === '' || text === 'true') return true
  if (text === 'false') return false
  throw invalid(name, 'must be true or false')
}

function address(text: string | null): ObjectId | undefined {
  if (text === null) return undefined
  try {
    return parseObjectId(text)
  } catch {
    throw invalid('send_object_to', 'must be a Sui address')
  }
}

function invalid(parameter: string, why: string): HttpError {
  return new HttpError(400, 'INVALID_PARAMETER', `the parameter ${parameter.slice(0, 40)} ${why}`, {
    metadata: { parameter: parameter.slice(0, 40) },
  })
}
