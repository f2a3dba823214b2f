import {
  errors,
  importJWK,
  importSPKI,
  type CryptoKey as JoseKey,
  type JWTPayload,
  jwtVerify,
  type KeyObject,
} from 'jose'
import type { Clock } from '../../base/clock.ts'
import type { Records } from '../../base/records.ts'
import { parseObjectId } from '../../codec/index.ts'
import type { BlobId, ObjectId } from '../../codec/types.ts'
import { HttpError } from '../http/errors.ts'
import type { Exchange } from '../http/exchange.ts'

/** Who may store by a token, as Walrus's authenticated publisher has it. */
export interface TokenRules {
  /** a secret (HS…), a public key in PEM (SPKI), or a JWK as JSON */
  key: string
  /** HS256, ES256, RS256, PS256, EdDSA and the like; that of a JWK, or else HS256, when absent */
  algorithm?: string | undefined
  /** tokens must be valid for exactly so long, from `iat` to `exp` */
  validSeconds?: number | undefined
}

/** What a token allows. */
export interface Token {
  id: string
  subject: string | undefined
  expiresMs: number
  /** when it was read */
  isExpired: boolean
  sendObjectTo: ObjectId | undefined
  epochs: number | undefined
  maxEpochs: number | undefined
  size: number | undefined
  maxSize: number | undefined
  /** what of the wallet's blobs it may delete, or extend: any, or those of a blob ID or an object ID; none when absent */
  delete: string | true | undefined
  extend: string | true | undefined
}

export interface TokensInit {
  rules: TokenRules
  /** of those that were used */
  records: Records
  clock: Clock
}

/** What a token was used for. */
interface Use {
  request?: string
  /** its retries, too */
  untilMs?: number
}

const RETRIES_MS = 24 * 3_600_000
/** A public key of a real size has some hundred characters, and a secret is shorter. */
const MAX_TOKEN = 8_192

/** As RFC 7518 (3.2) wants for HS256: who has one token may try secrets against it. */
const SECRET_BYTES = 32

/** Checks tokens, and that each is used once. */
export class Tokens {
  readonly #init: TokensInit
  readonly #key: Promise<JoseKey | KeyObject | Uint8Array>
  readonly #algorithm: string

  constructor(init: TokensInit) {
    this.#init = init
    const { key, algorithm } = readKey(init.rules)
    this.#algorithm = algorithm
    this.#key = key
    // whoever comes with a token meets the error
    this.#key.catch(() => undefined)
  }

  /** The token of a request, which may have expired. Throws HttpError 401. */
  async read({ request }: Exchange): Promise<Token> {
    const [, text] = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '') ?? []
    if (text === undefined)
      throw refuse('TOKEN_MISSING', 'storing here takes a token: Authorization: Bearer JWT')
    if (text.length > MAX_TOKEN) throw refuse('TOKEN_INVALID', 'the token is too long')
    const { rules, clock } = this.#init
    const key = await this.#key
    const { payload } = await jwtVerify(text, key, {
      algorithms: [this.#algorithm],
      requiredClaims: ['exp', 'jti', ...(rules.validSeconds === undefined ? [] : ['iat'])],
      currentDate: new Date(clock.now()),
    }).catch(cause => {
      // its signature has been checked
      if (cause instanceof errors.JWTExpired) return { payload: cause.payload }
      const why = cause instanceof errors.JOSEError ? `: ${cause.message}` : ''
      throw refuse('TOKEN_INVALID', `the token is not valid${why}`)
    })
    const { iat = 0, exp = 0 } = payload
    if (rules.validSeconds !== undefined && exp - iat !== rules.validSeconds)
      throw refuse('TOKEN_INVALID', `tokens here are valid for ${rules.validSeconds} s, from iat to exp`)
    return { ...tokenOf(payload), isExpired: clock.now() >= 1000 * exp }
  }

  /**
   * Uses it up, for a request and its retries, which are known by `request`. Throws HttpError 401 when it has expired or was
   * used for another, RecordsFull.
   */
  async use(token: Token, request?: string): Promise<void> {
    expectCurrent(token)
    const { records, clock } = this.#init
    const { id, expiresMs } = token
    const use: Use = request === undefined ? {} : { request, untilMs: clock.now() + RETRIES_MS }
    if (await records.add(`jti ${id}`, JSON.stringify(use), expiresMs)) return
    const text = await records.get(`jti ${id}`)
    const before = text ? (JSON.parse(text) as Use) : {}
    const { untilMs = 0 } = before
    if (request !== undefined && before.request === request && clock.now() < untilMs) return
    throw refuse('TOKEN_USED', 'this token was used before: each is good for one upload')
  }

  /** Nothing was stored by it. */
  async giveBack({ id }: Token): Promise<void> {
    await this.#init.records.delete(`jti ${id}`)
  }
}

/** Throws HttpError 401. */
export function expectCurrent({ isExpired }: Token): void {
  if (isExpired) throw refuse('TOKEN_EXPIRED', 'the token has expired')
}

/** Throws HttpError 403 when a request asks for something else than its token allows. */
export function expectAllowed(
  token: Token,
  asked: { epochs: number; sendObjectTo?: ObjectId | undefined },
  declaredBytes: number | undefined,
): void {
  const { epochs, maxEpochs, sendObjectTo } = token
  if (epochs !== undefined && asked.epochs !== epochs) throw other('epochs', `for ${epochs} epochs`)
  if (maxEpochs !== undefined && asked.epochs > maxEpochs)
    throw other('epochs', `for at most ${maxEpochs} epochs`)
  if (sendObjectTo !== undefined && asked.sendObjectTo !== sendObjectTo)
    throw other('send_object_to', `with send_object_to=${sendObjectTo}`)
  if (declaredBytes !== undefined) expectSize(token, declaredBytes)
}

/** Throws HttpError 403 when a token is not for deleting, or extending, this blob of the wallet's. */
export function expectManaging(
  token: Token,
  action: 'delete' | 'extend',
  { blobId, objectId }: { blobId: BlobId; objectId: ObjectId },
): void {
  const claim = token[action]
  if (claim === true || claim === blobId || claim?.toLowerCase() === objectId) return
  const whose = claim === undefined ? 'blobs of the wallet' : 'this blob'
  throw new HttpError(403, 'TOKEN_FOR_OTHER', `the token is not to ${action} ${whose}`, {
    metadata: { parameter: action },
  })
}

/** Throws HttpError 403. */
export function expectSize({ size, maxSize }: Token, bytes: number): void {
  if (size !== undefined && bytes !== size) throw other('size', `for ${size} bytes`)
  if (maxSize !== undefined && bytes > maxSize) throw other('size', `for at most ${maxSize} bytes`)
}

/** A secret that can be found by trying; the message has no part of it. */
export class WeakSecret extends Error {
  override readonly name = 'WeakSecret'

  constructor(bytes: number) {
    super(`the secret has ${bytes} bytes, and needs ${SECRET_BYTES}`)
  }
}

/** Rejects when the key is none of the algorithm, with what is wrong; WeakSecret for one of less than 32 bytes. */
export async function checkTokenRules(rules: TokenRules): Promise<void> {
  await readKey(rules).key
}

function readKey({ key: text, algorithm }: TokenRules): {
  key: Promise<JoseKey | KeyObject | Uint8Array>
  algorithm: string
} {
  const trimmed = text.trim()
  if (trimmed.startsWith('{')) {
    const jwk = JSON.parse(trimmed) as { alg?: string }
    const named = algorithm ?? jwk.alg ?? 'HS256'
    return { algorithm: named, key: importJWK(jwk, named).then(strong) }
  }
  const named = algorithm ?? 'HS256'
  if (trimmed.startsWith('-----BEGIN')) return { algorithm: named, key: importSPKI(trimmed, named) }
  const bytes = /^0x(?:[0-9a-f]{2})+$/i.test(trimmed)
    ? Buffer.from(trimmed.slice(2), 'hex')
    : Buffer.from(trimmed)
  const isSecret = named.startsWith('HS')
  return { algorithm: named, key: isSecret ? Promise.resolve(bytes).then(strong) : noPublicKey(named) }
}

function strong<Key extends JoseKey | KeyObject | Uint8Array>(key: Key): Key {
  if (key instanceof Uint8Array && key.length < SECRET_BYTES) throw new WeakSecret(key.length)
  return key
}

async function noPublicKey(algorithm: string): Promise<never> {
  throw new Error(`${algorithm} needs a public key: PEM (SPKI) or a JWK`)
}

function tokenOf(payload: JWTPayload): Omit<Token, 'isExpired'> {
  const number = (name: string): number | undefined => {
    const value = payload[name]
    if (value === undefined || value === null) return undefined
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
    throw refuse('TOKEN_INVALID', `the claim ${name} must be a whole number`)
  }
  const managing = (name: string): string | true | undefined => {
    const value = payload[name]
    if (value === undefined || value === null || value === false) return undefined
    if (value === true || typeof value === 'string') return value
    throw refuse('TOKEN_INVALID', `the claim ${name} must be true, or the ID of a blob or an object`)
  }
  if (typeof payload.jti !== 'string' || payload.jti.length > 255)
    throw refuse('TOKEN_INVALID', 'the claim jti must be a text of at most 255 characters')
  const token = {
    id: payload.jti,
    subject: typeof payload.sub === 'string' ? payload.sub : undefined,
    expiresMs: 1000 * (payload.exp as number),
    sendObjectTo: addressOf(payload.send_object_to),
    epochs: number('epochs'),
    maxEpochs: number('max_epochs'),
    size: number('size'),
    maxSize: number('max_size'),
    delete: managing('delete'),
    extend: managing('extend'),
  }
  const { epochs, maxEpochs, size, maxSize } = token
  if ((epochs !== undefined && maxEpochs !== undefined) || (size !== undefined && maxSize !== undefined))
    throw refuse('TOKEN_INVALID', 'the token has both an exact claim and one of at most: epochs or size')
  return token
}

function addressOf(value: unknown): ObjectId | undefined {
  if (value === undefined || value === null) return undefined
  try {
    return parseObjectId(String(value))
  } catch {
    throw refuse('TOKEN_INVALID', 'the claim send_object_to must be a Sui address')
  }
}

function refuse(
  code: 'TOKEN_MISSING' | 'TOKEN_INVALID' | 'TOKEN_EXPIRED' | 'TOKEN_USED',
  message: string,
): HttpError {
  return new HttpError(401, code, message, { headers: { 'www-authenticate': 'Bearer' } })
}

function other(parameter: string, what: string): HttpError {
  return new HttpError(403, 'TOKEN_FOR_OTHER', `the token is ${what}`, { metadata: { parameter } })
}
