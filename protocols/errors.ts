/**
 * What can go wrong between two peers: a closed table of codes, and the one error class that carries them.
 * A code with a wire number may be sent to a peer, with the arguments named here and nothing else, so that no internal
 * text can leak. Codes without a number are only ever raised on this side.
 */

interface CodeSpec {
  /** u16 on the wire; absent: never sent */
  wire?: number
  /** names of the arguments that travel, in wire order */
  args: readonly string[]
  /** counts as a failed attempt of the peer that caused it */
  blame: boolean
  /** for people */
  text: string
}

/** Every code, what it means, and what of it may travel. */
export const ERROR_CODES = {
  // any protocol
  INTERNAL: { wire: 1, args: [], blame: false, text: 'the peer failed to answer' },
  BUSY: { wire: 2, args: [], blame: false, text: 'over a quota; try again later' },
  MALFORMED: { wire: 3, args: [], blame: true, text: 'a message could not be decoded' },
  TOO_LARGE: {
    wire: 4,
    args: ['limitBytes', 'actualBytes'],
    blame: true,
    text: 'a message is over the declared limit',
  },
  WRONG_NETWORK: { wire: 5, args: ['network'], blame: false, text: 'the peer belongs to another network' },
  TIMEOUT: { wire: 6, args: [], blame: false, text: 'the other side took too long' },
  TRUNCATED: { wire: 7, args: [], blame: true, text: 'the stream ended before the message did' },
  TOO_MANY_FAILURES: { wire: 9, args: [], blame: false, text: 'too many failed attempts; try again later' },
  STOPPING: { wire: 10, args: [], blame: false, text: 'the peer is shutting down' },
  NOT_AUTHORIZED: { wire: 11, args: [], blame: true, text: 'the peer may not ask this' },
  // store
  METADATA_MISMATCH: {
    wire: 20,
    args: ['blobId'],
    blame: true,
    text: 'the metadata does not match the blob ID',
  },
  NOT_REGISTERED: {
    wire: 21,
    args: ['blobId'],
    blame: false,
    text: 'the blob is not registered, as far as the node sees',
  },
  NOT_IN_COMMITTEE: { wire: 22, args: ['epoch'], blame: false, text: 'the node has no shards in this epoch' },
  UNWANTED_SLIVER: {
    wire: 23,
    args: ['pair', 'axis'],
    blame: true,
    text: 'a sliver that the node did not ask for',
  },
  SLIVER_MISMATCH: {
    wire: 24,
    args: ['pair', 'axis'],
    blame: true,
    text: 'a sliver does not match the metadata',
  },
  SLIVER_SIZE: {
    wire: 25,
    args: ['pair', 'axis', 'expectedBytes', 'actualBytes'],
    blame: true,
    text: 'a sliver does not have the size that the metadata says',
  },
  BLOB_INVALID: { wire: 26, args: ['blobId'], blame: false, text: 'the blob was found to be invalid' },
  BLOB_GONE: { wire: 27, args: ['blobId'], blame: false, text: 'the blob has expired or was deleted' },
  NO_SPACE: { wire: 28, args: [], blame: false, text: 'the node has no room left' },
  INCOMPLETE: {
    wire: 29,
    args: ['missing'],
    blame: false,
    text: 'slivers are missing that the node must hold',
  },
  CHAIN_UNAVAILABLE: { wire: 30, args: [], blame: false, text: 'the node cannot reach its chain' },
  BLOCKED: { wire: 32, args: ['blobId'], blame: false, text: 'the node may not keep or hand out the blob' },
  EPOCH_CHANGED: { wire: 31, args: ['epoch'], blame: false, text: 'the epoch changed under way' },
  // status
  CERTIFICATE_INVALID: { wire: 40, args: ['blobId'], blame: true, text: 'the certificate does not hold' },
  // this side only
  UNREACHABLE: { args: [], blame: false, text: 'the peer cannot be dialled' },
  REFUSED: { args: [], blame: false, text: 'the peer does not speak the protocol' },
  CONNECTION_LOST: { args: [], blame: false, text: 'the connection broke' },
  VIOLATION: { args: [], blame: true, text: 'the peer broke the protocol' },
  CLOSED: { args: [], blame: false, text: 'closed on this side' },
  UNKNOWN: { args: ['wireCode'], blame: false, text: 'the peer sent an error code from a later version' },
} as const satisfies Record<string, CodeSpec>

/** The closed list of codes, a key of `ERROR_CODES` each. */
export type ProtocolErrorCode = keyof typeof ERROR_CODES
/** The arguments that `ERROR_CODES` names for a code. */
export type ProtocolErrorArgs = Readonly<Record<string, string | number>>

export interface ProtocolErrorInit {
  args?: ProtocolErrorArgs
  /** when it makes sense to try again; absent: not said */
  retryAfterMs?: number
  /** for the log on this side; never travels */
  cause?: unknown
  /** the peer sent it, rather than this side having noticed it */
  remote?: boolean
}

/** The one error class of protocols/: a closed `code` and the arguments that belong to it, whichever side noticed. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
  readonly code: ProtocolErrorCode
  readonly args: ProtocolErrorArgs
  readonly retryAfterMs: number | undefined
  readonly remote: boolean

  constructor(code: ProtocolErrorCode, init: ProtocolErrorInit = {}) {
    const args = init.args ?? {}
    super(
      `${code}: ${ERROR_CODES[code].text}${describeArgs(args)}`,
      init.cause === undefined ? {} : { cause: init.cause },
    )
    this.code = code
    this.args = args
    this.retryAfterMs = init.retryAfterMs
    this.remote = init.remote ?? false
  }

  /** Whether the peer that caused it is to blame, so that it counts as a failed attempt. */
  get blame(): boolean {
    return ERROR_CODES[this.code].blame
  }
}

function describeArgs(args: ProtocolErrorArgs): string {
  const parts = Object.entries(args).map(([name, value]) => `${name} ${value}`)
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`
}

/** What the system says of a disk without room, and of a process without file descriptors, by the code of its errors. */
const SYSTEM_CODES: Readonly<Record<string, ProtocolErrorCode>> = {
  ENOSPC: 'NO_SPACE',
  EDQUOT: 'NO_SPACE',
  EMFILE: 'BUSY',
  ENFILE: 'BUSY',
}
/** deeper than any chain of causes of ours; an error may also be its own */
const MAX_CAUSES = 20
/** Neither is over in a moment; streams and requests, and so the files that they have open, end within seconds. */
const SYSTEM_RETRY_MS = 2_000

/**
 * Any error as a ProtocolError; a full disk is NO_SPACE and a lack of file descriptors BUSY, wherever they were met. What is
 * none becomes INTERNAL with the original as cause.
 */
export function toProtocolError(error: unknown): ProtocolError {
  if (error instanceof ProtocolError) return error
  let at = error
  for (let i = 0; i < MAX_CAUSES && at instanceof Error; i++) {
    const code = 'code' in at && typeof at.code === 'string' ? SYSTEM_CODES[at.code] : undefined
    if (code !== undefined) return new ProtocolError(code, { cause: error, retryAfterMs: SYSTEM_RETRY_MS })
    at = at.cause
  }
  return new ProtocolError('INTERNAL', { cause: error })
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
    args: shown.args.map(name => String(error.args[name] ?? '').slice(0, MAX_ARG_LENGTH)),
  }
}

export function errorFromWire(fields: WireErrorFields): ProtocolError {
  const code = BY_WIRE.get(fields.code)
  const retryAfterMs = fields.retryAfterMs === 0 ? undefined : fields.retryAfterMs
  const init: ProtocolErrorInit = { remote: true, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }
  if (code === undefined) {
    return new ProtocolError('UNKNOWN', { ...init, args: { wireCode: fields.code } })
  }
  const names: readonly string[] = ERROR_CODES[code].args
  const args = Object.fromEntries(
    names.map((name, i) => [name, (fields.args[i] ?? '').slice(0, MAX_ARG_LENGTH)]),
  )
  return new ProtocolError(code, { ...init, args })
}
