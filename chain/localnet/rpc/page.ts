import { invalid } from './status.ts'

export const PAGE_SIZE = { default: 50, max: 1000 } as const

/** A token names two types at most. */
const MAX_TOKEN_BYTES = 32_768

export interface PageRequest {
  pageSize?: number
  pageToken?: Uint8Array
}

/** A page token is the key it continues after, bound to what was asked: another question refuses it. */
export function pageOf(
  { pageSize, pageToken }: PageRequest,
  question: string,
): { limit: number; after?: string } {
  const limit = Math.min(pageSize || PAGE_SIZE.default, PAGE_SIZE.max)
  if (pageToken === undefined) return { limit }
  if (pageToken.length > MAX_TOKEN_BYTES) throw invalid('invalid page token')
  let token: unknown
  try {
    token = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(pageToken))
  } catch {
    throw invalid('invalid page token')
  }
  const [asked, after] = Array.isArray(token) ? token : []
  if (asked !== question || typeof after !== 'string') throw invalid('the page token is for another request')
  return { limit, after }
}

export const pageToken = (next: string | undefined, question: string): Uint8Array | undefined =>
  next === undefined ? undefined : new TextEncoder().encode(JSON.stringify([question, next]))
