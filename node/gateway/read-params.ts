import type { ReadCheck } from '../client/types.ts'
import { expectParameters, flagParameter, invalidParameter } from './parameters.ts'

/** Parameters that every read takes. */
const COMMON = ['content-type', 'filename']
/** Parameters of reads of whole blobs. */
export const CHECKS = ['strict_consistency_check', 'skip_consistency_check']

/** Throws 400 for parameters that a read does not know, or has twice. */
export function checkReadParams(query: URLSearchParams, more: readonly string[] = []): void {
  expectParameters(query, [...COMMON, ...more])
}

/**
 * How the blob is to be checked, by Walrus's parameters: `strict`, encoded again as a whole before the first byte; `skip`, each row by
 * itself and at once; by its size when neither is true. Throws 400.
 */
export function checkParam(query: URLSearchParams): ReadCheck | undefined {
  const [strict, skip] = CHECKS.map(name => flagParameter(query, name) ?? false)
  if (strict && skip) throw invalidParameter('strict_consistency_check', 'contradicts skip_consistency_check')
  return strict ? 'blob' : skip ? 'rows' : undefined
}
