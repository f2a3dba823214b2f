import type { ObjectId } from '../../codec/types.ts'
import {
  addressParameter,
  expectEncoding,
  expectParameters,
  flagParameter,
  invalidParameter,
} from './parameters.ts'

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
  expectParameters(query, KNOWN)
  expectEncoding(query)
  const deletable = flagParameter(query, 'deletable')
  const permanent = flagParameter(query, 'permanent')
  if (deletable !== undefined && deletable === permanent)
    throw invalidParameter('permanent', 'contradicts deletable')
  return {
    epochs: epochs(query.get('epochs')),
    deletable: !permanent && (deletable ?? true),
    force: flagParameter(query, 'force') ?? false,
    sendObjectTo: addressParameter(query, 'send_object_to'),
  }
}

function epochs(text: string | null): number {
  if (text === null) return 1
  if (!/^[1-9]\d{0,8}$/.test(text)) throw invalidParameter('epochs', 'must be a whole number from 1')
  return Number(text)
}
