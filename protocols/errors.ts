/**
 * What can go wrong between two peers: a closed table of codes, and the one error class that carries them.
 * A code with a wire number may be sent to a peer, with the details named here and nothing else, so that no internal
 * text can leak. Codes without a number are only ever raised on this side.
 */

import { codesOf } from '../base/causes.ts'
import { CodedError } from '../base/coded-error.ts'

interface CodeSpec {
  /** u16 on the wire; absent: never sent */
  wire?: number
  /** names of what the code carries, in wire order */
  details: readonly string[]
  /** counts as a failed attempt of the peer that caused it */
  blame: boolean
  /** for people */
  text: string
}

/** Every code, what it means, and what of it may travel. */
export const ERROR_CODES = {
  // any protocol
  INTERNAL: { wire: 1, details: [], blame: false, text: 'the peer failed to answer' },
  BUSY: { wire: 2, details: [], blame: false, text: 'over a quota; try again later' },
  MALFORMED: { wire: 3, details: [], blame: true, text: 'a message could not be decoded' },
  TOO_LARGE: {
    wire: 4,
    details: ['limitBytes', 'actualBytes'],
    blame: true,
    text: 'a message is over the declared limit',
  },
  WRONG_NETWORK: { wire: 5, details: ['network'], blame: false, text: 'the peer belongs to another network' },
  TIMEOUT: { wire: 6, details: [], blame: false, text: 'the other side took too long' },
  TRUNCATED: { wire: 7, details: [], blame: true, text: 'the stream ended before the message did' },
  TOO_MANY_FAILURES: {
    wire: 9,
    details: [],
    blame: false,
    text: 'too many failed attempts; try again later',
  },
  STOPPING: { wire: 10, details: [], blame: false, text: 'the peer is shutting down' },
  NOT_AUTHORIZED: { wire: 11, details: [], blame: true, text: 'the peer may not ask this' },
  OVER_CAP: {
    wire: 12,
    details: [],
    blame: false,
    text: 'what the node may move in this month is used up',
  },
  PATH_LOST: {
    wire: 13,
    details: [],
    blame: false,
    text: 'the path through a relay broke, at whichever end of it',
  },
  // store
  METADATA_MISMATCH: {
    wire: 20,
    details: ['blobId'],
    blame: true,
    text: 'the metadata does not match the blob ID',
  },
  NOT_REGISTERED: {
    wire: 21,
    details: ['blobId'],
    blame: false,
    text: 'the blob is not registered, as far as the node sees',
  },
  NOT_IN_COMMITTEE: {
    wire: 22,
    details: ['epoch'],
    blame: false,
    text: 'the node has no shards in this epoch',
  },
  UNWANTED_SLIVER: {
    wire: 23,
    details: ['pair', 'axis'],
    blame: true,
    text: 'a sliver that the node did not ask for',
  },
  SLIVER_MISMATCH: {
    wire: 24,
    details: ['pair', 'axis'],
    blame: true,
    text: 'a sliver does not match the metadata',
  },
  SLIVER_SIZE: {
    wire: 25,
    details: ['pair', 'axis', 'expectedBytes', 'actualBytes'],
    blame: true,
    text: 'a sliver does not have the size that the metadata says',
  },
  BLOB_INVALID: { wire: 26, details: ['blobId'], blame: false, text: 'the blob was found to be invalid' },
  BLOB_GONE: { wire: 27, details: ['blobId'], blame: false, text: 'the blob has expired or was deleted' },
  NO_SPACE: { wire: 28, details: [], blame: false, text: 'the node has no room left' },
  INCOMPLETE: {
    wire: 29,
    details: ['missing'],
    blame: false,
    text: 'slivers are missing that the node must hold',
  },
  CHAIN_UNAVAILABLE: { wire: 30, details: [], blame: false, text: 'the node cannot reach its chain' },
  BLOCKED: {
    wire: 32,
    details: ['blobId'],
    blame: false,
    text: 'the node may not keep or hand out the blob',
  },
  EPOCH_CHANGED: { wire: 31, details: ['epoch'], blame: false, text: 'the epoch changed under way' },
  // status
  CERTIFICATE_INVALID: { wire: 40, details: ['blobId'], blame: true, text: 'the certificate does not hold' },
  // between storage nodes
  NOT_A_MEMBER: {
    wire: 50,
    details: [],
    blame: true,
    text: 'only members of the previous, the current or the next committee may ask this',
  },
  NOT_YOURS: {
    wire: 51,
    details: ['shard', 'epoch'],
    blame: true,
    text: 'the shard is not that of the asking node in this epoch',
  },
  EPOCH_AHEAD: {
    wire: 52,
    details: ['epoch'],
    blame: false,
    text: 'the epoch is one that has not been decided yet; the node is in the named one',
  },
  EPOCH_BEHIND: {
    wire: 53,
    details: ['epoch'],
    blame: false,
    text: 'the node has not seen the epoch yet; it is in the named one',
  },
  PROOF_INVALID: {
    wire: 54,
    details: ['blobId'],
    blame: true,
    text: 'the proof does not show that the blob was encoded wrongly, or the node has given such a one before',
  },
  NO_SNAPSHOT: {
    wire: 55,
    details: [],
    blame: false,
    text: 'the node does not have this blob table, or not so many pages of it',
  },
  NO_ROUND: {
    wire: 56,
    details: ['epoch', 'round'],
    blame: false,
    text: 'the node does not know this round of challenges, or not yet what is asked in it',
  },
  CHALLENGE_FAILED: {
    wire: 57,
    details: ['question'],
    blame: true,
    text: 'the proof of this question of the challenge does not hold',
  },
  // this side only
  UNREACHABLE: { details: [], blame: false, text: 'the peer cannot be dialled' },
  REFUSED: { details: [], blame: false, text: 'the peer does not speak the protocol' },
  NOT_RESERVED: { details: [], blame: false, text: 'the relay has no reservation of the peer' },
  CONNECTION_LOST: { details: [], blame: false, text: 'the connection broke' },
  VIOLATION: { details: [], blame: true, text: 'the peer broke the protocol' },
  CLOSED: { details: [], blame: false, text: 'closed on this side' },
  UNKNOWN: { details: ['wireCode'], blame: false, text: 'the peer sent an error code from a later version' },
} as const satisfies Record<string, CodeSpec>

/** The closed list of codes, a key of `ERROR_CODES` each. */
export type ProtocolErrorCode = keyof typeof ERROR_CODES
/** What each code carries, as `ERROR_CODES` names it; what a peer sent is text. */
export type ProtocolErrorDetails = {
  readonly [Code in ProtocolErrorCode]: Readonly<
    Record<(typeof ERROR_CODES)[Code]['details'][number], string | number>
  >
}

export interface ProtocolErrorInit {
  /** when it makes sense to try again; absent: not said */
  retryAfterMs?: number
  /** for the log on this side; never travels */
  cause?: unknown
  /** the peer sent it, rather than this side having noticed it */
  remote?: boolean
}

/** Details may be left out only where the code has none. */
type WithDetails<Details> = [keyof Details] extends [never]
  ? [init?: ProtocolErrorInit & { details?: Details }]
  : [init: ProtocolErrorInit & { details: Details }]

/** The one error class of protocols/: a closed `code` and the details that belong to it, whichever side noticed. */
export class ProtocolError<Code extends ProtocolErrorCode = ProtocolErrorCode> extends CodedError<
  ProtocolErrorDetails,
  Code
> {
  override readonly name = 'ProtocolError'
  readonly retryAfterMs: number | undefined
  readonly remote: boolean

  constructor(code: Code, ...[init = {}]: WithDetails<ProtocolErrorDetails[Code]>) {
    const { details = {} as ProtocolErrorDetails[Code], cause, retryAfterMs, remote = false } = init
    super(code, `${code}: ${ERROR_CODES[code].text}${describe(details)}`, details, { cause })
    this.retryAfterMs = retryAfterMs
    this.remote = remote
  }

  /** Whether the peer that caused it is to blame, so that it counts as a failed attempt. */
  get blame(): boolean {
    return ERROR_CODES[this.code].blame
  }
}

function describe(details: object): string {
  const parts = Object.entries(details).map(([name, value]) => `${name} ${value}`)
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`
}

/** What the system says of a disk without room, and of a process without file descriptors, by the code of its errors. */
const SYSTEM_CODES: Readonly<Record<string, ProtocolErrorCode>> = {
  ENOSPC: 'NO_SPACE',
  EDQUOT: 'NO_SPACE',
  EMFILE: 'BUSY',
  ENFILE: 'BUSY',
}
/** Neither is over in a moment; streams and requests, and so the files that they have open, end within seconds. */
const SYSTEM_RETRY_MS = 2_000

/**
 * Any error as a ProtocolError; a full disk is NO_SPACE and a lack of file descriptors BUSY, wherever they were met. What is
 * none becomes INTERNAL with the original as cause.
 */
export function toProtocolError(error: unknown): ProtocolError {
  if (error instanceof ProtocolError) return error
  const [code] = codesOf(error).flatMap(one => SYSTEM_CODES[one] ?? [])
  if (code === undefined) return new ProtocolError('INTERNAL', { cause: error })
  return new ProtocolError(code, { cause: error, retryAfterMs: SYSTEM_RETRY_MS })
}

const BY_WIRE: ReadonlyMap<number, ProtocolErrorCode> = new Map(
  (Object.entries(ERROR_CODES) as [ProtocolErrorCode, CodeSpec][]).flatMap(([code, spec]) =>
    spec.wire === undefined ? [] : [[spec.wire, code] as const],
  ),
)

/** What of an error may travel. Codes that stay on this side, and INTERNAL's text, do not. */
export interface WireErrorFields {
  code: number
  retryAfterMs: number
  args: string[]
}

const MAX_ARG_LENGTH = 128

export function errorToWire(error: ProtocolError): WireErrorFields {
  const spec: CodeSpec = ERROR_CODES[error.code]
  const local = spec.wire === undefined || error.remote
  const shown: CodeSpec = local ? ERROR_CODES.INTERNAL : spec
  return {
    code: shown.wire ?? ERROR_CODES.INTERNAL.wire,
    retryAfterMs: Math.max(0, Math.min(error.retryAfterMs ?? 0, 0xffffffff)),
    args: shown.details.map(name =>
      String((error.details as Record<string, unknown>)[name] ?? '').slice(0, MAX_ARG_LENGTH),
    ),
  }
}

export function errorFromWire(fields: WireErrorFields): ProtocolError {
  const code = BY_WIRE.get(fields.code)
  const retryAfterMs = fields.retryAfterMs === 0 ? undefined : fields.retryAfterMs
  const init: ProtocolErrorInit = { remote: true, retryAfterMs }
  if (code === undefined) {
    return new ProtocolError('UNKNOWN', { ...init, details: { wireCode: fields.code } })
  }
  const names: readonly string[] = ERROR_CODES[code].details
  const details = Object.fromEntries(
    names.map((name, i) => [name, (fields.args[i] ?? '').slice(0, MAX_ARG_LENGTH)]),
  )
  return new ProtocolError(code, { ...init, details })
}
