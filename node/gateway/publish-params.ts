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
  share?: boolean
  reuse?: boolean
}

const KNOWN = [
  'epochs',
  'deletable',
  'permanent',
  'force',
  'send_object_to',
  'share',
  'reuse_resources',
  'encoding_type',
  'quilt_version',
]

/**
 * Reads the query of `PUT /v1/blobs`. Blobs are deletable unless `permanent` or shared; a flag without a value counts as true.
 * Throws 400; unknown names too, because a misspelt option would cost money.
 */
export function parsePublishParams(query: URLSearchParams): PublishParams {
  expectParameters(query, KNOWN)
  expectEncoding(query)
  const deletable = flagParameter(query, 'deletable')
  const permanent = flagParameter(query, 'permanent')
  if (deletable !== undefined && deletable === permanent)
    throw invalidParameter('permanent', 'contradicts deletable')
  const share = flagParameter(query, 'share') ?? false
  const sendObjectTo = addressParameter(query, 'send_object_to')
  if (share && sendObjectTo !== undefined)
    throw invalidParameter('share', 'contradicts send_object_to: a shared blob belongs to nobody')
  const isDeletable = !permanent && (deletable ?? !share)
  if (share && isDeletable)
    throw invalidParameter('share', 'contradicts deletable: only permanent blobs can be shared')
  expectQuiltVersion(query.get('quilt_version'))
  return {
    epochs: epochs(query.get('epochs')),
    deletable: isDeletable,
    force: flagParameter(query, 'force') ?? false,
    sendObjectTo,
    share,
    reuse: flagParameter(query, 'reuse_resources') ?? true,
  }
}

function epochs(text: string | null): number {
  if (text === null) return 1
  if (!/^[1-9]\d{0,8}$/.test(text)) throw invalidParameter('epochs', 'must be a whole number from 1')
  return Number(text)
}

/** Of quilts there is one version, as Walrus writes it in three ways. */
function expectQuiltVersion(text: string | null): void {
  if (text !== null && !/^(?:[vV]?1)$/.test(text)) throw invalidParameter('quilt_version', 'must be V1')
}
