import { parseObjectId } from '../../codec/index.ts'
import type { ObjectId } from '../../codec/types.ts'
import { HttpError } from '../http/errors.ts'

/** Throws 400 for a name that is not known, because a misspelt option would cost money, and for one that is given twice. */
export function expectParameters(query: URLSearchParams, known: readonly string[]): void {
  for (const name of query.keys()) {
    if (!known.includes(name)) {
      const others = known.length === 0 ? 'there are none' : `known are ${known.join(', ')}`
      throw invalidParameter(name, `is unknown; ${others}`)
    }
    if (query.getAll(name).length > 1) throw invalidParameter(name, 'is given twice')
  }
}

/** One without a value counts as true. Throws 400. */
export function flagParameter(query: URLSearchParams, name: string): boolean | undefined {
  const text = query.get(name)
  if (text === null) return undefined
  if (text === '' || text === 'true') return true
  if (text === 'false') return false
  throw invalidParameter(name, 'must be true or false')
}

/** A whole number from `min`. Throws 400, also when it is not given. */
export function numberParameter(query: URLSearchParams, name: string, min: number): number {
  const text = query.get(name)
  const value = Number(text)
  if (text !== null && /^\d{1,16}$/.test(text) && Number.isSafeInteger(value) && value >= min) return value
  throw invalidParameter(name, `must be a whole number from ${min}`)
}

/** `KEY:VALUE`, several times. Throws 400. */
export function pairsParameter(query: URLSearchParams, name: string, max: number): [string, string][] {
  const all = query.getAll(name)
  if (all.length > max) throw invalidParameter(name, `may be given ${max} times`)
  return all.map(text => {
    const at = text.indexOf(':')
    if (at < 1) throw invalidParameter(name, 'must be KEY:VALUE')
    return [text.slice(0, at), text.slice(at + 1)]
  })
}

/** An address or an object ID. Throws 400. */
export function addressParameter(
  query: URLSearchParams,
  name: string,
  what = 'a Sui address',
): ObjectId | undefined {
  const text = query.get(name)
  if (text === null) return undefined
  try {
    return parseObjectId(text)
  } catch {
    throw invalidParameter(name, `must be ${what}`)
  }
}

/** Throws 400 for another encoding than the one there is. */
export function expectEncoding(query: URLSearchParams): void {
  const encoding = query.get('encoding_type')
  if (encoding !== null && encoding !== 'RS2') throw invalidParameter('encoding_type', 'must be RS2')
}

export function invalidParameter(parameter: string, why: string): HttpError {
  const name = parameter.slice(0, 40)
  return new HttpError(400, 'INVALID_PARAMETER', `the parameter ${name} ${why}`, {
    metadata: { parameter: name },
  })
}
