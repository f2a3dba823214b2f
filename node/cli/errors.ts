import { causesOf, codesOf } from '../../base/causes.ts'
import { CodedError } from '../../base/coded-error.ts'
import { type ClientErrorCode, isClientError } from '../client/errors.ts'
import type { ConfigErrorCode } from '../config.ts'
import { DevnetError, type DevnetErrorCode } from '../devnet/errors.ts'
import type { BackupErrorDetails } from '../storage/home/backup-error.ts'
import type { TlsErrorCode } from '../tls-files.ts'
import type { KeyErrorCode } from '../wallet-file.ts'

/** What the process answers to its caller; docs/cli.md tells the same. */
export const EXIT = {
  ok: 0,
  unexpected: 1,
  /** wrong arguments, or a file that cannot be read or written */
  usage: 2,
  /** no network file, or the network does not answer */
  noNetwork: 3,
  /** no such blob */
  notFound: 4,
  /** too few storage nodes answered, or another program uses the wallet; trying again may help */
  unavailable: 5,
  /** no wallet, or too little in it */
  funds: 6,
  /** the data is not what its blob ID says */
  integrity: 7,
  /** the network does not take it: too large, or refused by Sui */
  refused: 8,
  /** a port or folder that `up` needs is in use */
  taken: 9,
  /** Ctrl-C, as shells expect it */
  interrupted: 130,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

export const CLIENT_ERROR_EXITS: Record<ClientErrorCode, ExitCode> = {
  BLOB_NOT_FOUND: EXIT.notFound,
  BLOB_ENDED: EXIT.notFound,
  BLOB_INVALID: EXIT.integrity,
  TOO_FEW_SHARDS: EXIT.unavailable,
  TOO_FEW_CONFIRMATIONS: EXIT.unavailable,
  NO_SPACE: EXIT.unavailable,
  NODES_BUSY: EXIT.unavailable,
  REGISTRATION_ENDED: EXIT.refused,
  SOURCE_CHANGED: EXIT.usage,
  BLOB_ID_MISMATCH: EXIT.integrity,
  BLOB_TOO_LARGE: EXIT.refused,
  INVALID_OPTION: EXIT.usage,
  INSUFFICIENT_FUNDS: EXIT.funds,
  NO_WALLET: EXIT.funds,
  CHAIN_UNAVAILABLE: EXIT.noNetwork,
  CHAIN_REJECTED: EXIT.refused,
  WALLET_BUSY: EXIT.unavailable,
  CLOSED: EXIT.unexpected,
}

export type CliErrorCode =
  | 'USAGE'
  | 'NO_NETWORK'
  | 'BAD_NETWORK_FILE'
  | 'NO_QUILT'
  | 'NO_WALLET'
  | 'BAD_WALLET_FILE'
  | 'FILE'
  | 'PORT_TAKEN'
  | 'TOO_LARGE'
  | 'NOT_FOUND'
  | 'NOT_OWNER'
  | 'NOT_DELETABLE'
  | 'NOT_PERMANENT'
  | 'NOT_CERTIFIED'
  | 'EXPIRED'
  | 'NO_FAUCET'
  | 'FAUCET_FAILED'
  | 'FILE_EXISTS'
  | 'TOO_FEW_SLIVERS'
  | 'INTEGRITY'
  | 'INTERRUPTED'
  | 'TOO_MANY_FILES'
  | 'STORE_LOCKED'
  | 'STORE_DAMAGED'
  | 'LEDGER_DAMAGED'
  | 'STORE_NEWER'
  | 'STORE_FOREIGN'
  | 'STORE_UNSUPPORTED'
  | 'STORE_OLDER'
  | keyof BackupErrorDetails
  | 'SHARDS_UNRECEIVED'
  | 'NODE_SILENT'
  | 'NODE_FAILED'
  | 'RELAY_SILENT'
  | 'RELAY_SETTINGS'
  | 'UPLOAD_RELAY'
  | 'INSECURE_RELAY'
  | 'TIP_TOO_HIGH'
  | KeyErrorCode
  | ConfigErrorCode
  | TlsErrorCode
  | 'UNEXPECTED'

/** A failure of the command line itself; `hint` says what to do about it. */
export class CliError extends CodedError<Record<CliErrorCode | ClientErrorCode, object | undefined>> {
  override readonly name = 'CliError'
  readonly exitCode: ExitCode
  readonly hint?: string

  /** `details`: figures for programs */
  constructor(
    code: CliErrorCode | ClientErrorCode,
    exitCode: ExitCode,
    message: string,
    options: { hint?: string; details?: object; cause?: unknown } = {},
  ) {
    super(code, message, options.details, options.cause === undefined ? undefined : { cause: options.cause })
    this.exitCode = exitCode
    this.hint = options.hint
  }
}

/** A failure as it is told: a sentence, what to do, and figures for programs. */
export interface Failure {
  code: CliErrorCode | ClientErrorCode | DevnetErrorCode
  exitCode: ExitCode
  message: string
  hint?: string
  details?: object
}

export function toFailure(error: unknown): Failure {
  if (error instanceof CliError) {
    const { code, exitCode, message, hint, details } = error
    return { code, exitCode, message, hint, details }
  }
  if (isClientError(error)) {
    const { code, message, details } = error
    return {
      code,
      exitCode: CLIENT_ERROR_EXITS[code],
      message: sentence(message),
      hint: isClientError(error, 'CHAIN_UNAVAILABLE') ? chainHint(error.details) : HINTS[code],
      details,
    }
  }
  if (error instanceof DevnetError && error.code !== 'EADDRINUSE') {
    const { code, message, details } = error
    return {
      code,
      details,
      message: sentence(message),
      ...DEVNET_FAILURES[error.code as keyof typeof DEVNET_FAILURES],
      // what keeps a node from running in a process of its own would in any other
      ...('node' in details && KEPT_FAILURES[details.code]),
    }
  }
  if (isOutOfFiles(error)) return tooManyFiles()
  if (error instanceof Error && KEPT_ERRORS.has(error.name)) return fromKept(error)
  const { code, port, path, message } =
    error instanceof Error ? (error as NodeJS.ErrnoException & { port?: number }) : { message: String(error) }
  if (code === 'EADDRINUSE') return portTaken(port)
  if (path !== undefined && code !== undefined) {
    return { code: 'FILE', exitCode: EXIT.usage, message: FILE_FAILURES[code]?.(path) ?? sentence(message) }
  }
  return {
    code: 'UNEXPECTED',
    exitCode: EXIT.unexpected,
    message: sentence(message),
    hint: 'FLOE_DEBUG=1 shows where it happened.',
  }
}

/** Too little SUI or WAL. */
export const FUNDS_HINT =
  'On a localnet `floe faucet` gives coins; `floe wallet balance` shows what there is, `floe info price` the prices.'

export const WALLET_BUSY_HINT =
  'Try again when the other one is done, or use a wallet of your own: --wallet FILE.'

/** What to do about a Sui RPC that does not serve. */
export function chainHint({ httpStatus }: { httpStatus?: number | undefined }): string {
  if (httpStatus === undefined)
    return 'Is the network running? `npm start` or `floe localnet` starts one here.'
  if (httpStatus === 429)
    return 'The RPC limits how often it is asked: wait a while, or name another one in the network file.'
  return httpStatus >= 500
    ? 'The RPC has trouble: try again in a moment, or name another one in the network file.'
    : 'Is the RPC in the network file one of Sui, with gRPC?'
}

const HINTS: Partial<Record<ClientErrorCode, string>> = {
  TOO_FEW_SHARDS: 'Nodes may be starting or unreachable: try again in a moment, and see `floe info`.',
  TOO_FEW_CONFIRMATIONS: 'Store it again: what has arrived is kept, only the rest is sent.',
  NO_SPACE: 'Their operators must make room; store it again then: what has arrived is kept.',
  NODES_BUSY: 'Store it again in a moment: what has arrived is kept, only the rest is sent.',
  SOURCE_CHANGED: 'Large files are read twice: leave it alone meanwhile, or store a copy of it.',
  REGISTRATION_ENDED: 'Store it again, for more epochs: --epochs N.',
  INSUFFICIENT_FUNDS: FUNDS_HINT,
  NO_WALLET: 'Name one with --wallet FILE.',
  WALLET_BUSY: WALLET_BUSY_HINT,
}

const DEVNET_FAILURES: Record<
  Exclude<DevnetErrorCode, 'EADDRINUSE'>,
  { exitCode: ExitCode; hint?: string }
> = {
  DEVNET_LOCKED: {
    exitCode: EXIT.taken,
    hint: 'Use that one, or give this one a folder of its own with --dir.',
  },
  DEVNET_MISMATCH: {
    exitCode: EXIT.usage,
    hint: 'Start it with that many shards and nodes, or give this one another --dir.',
  },
  DEVNET_CONTRACT: {
    exitCode: EXIT.usage,
    hint: 'A network keeps its version: leave --contract-version out, or give this one another --dir.',
  },
  DEVNET_EPOCH: {
    exitCode: EXIT.usage,
    hint: 'A network keeps the length of its epochs: leave --epoch out, or give this one another --dir.',
  },
  DEVNET_WITHOUT_NODES: {
    exitCode: EXIT.usage,
    hint: '`floe localnet` made it, and continues it; give this one a folder of its own with --dir.',
  },
  DEVNET_DAMAGED: { exitCode: EXIT.usage },
  DEVNET_NOT_WRITABLE: { exitCode: EXIT.usage, hint: 'Name a folder of yours with --dir.' },
  DEVNET_FILES: {
    exitCode: EXIT.unexpected,
    hint: 'Raise the limit with `ulimit -n 4096` in this shell, or start fewer nodes with --nodes.',
  },
  DEVNET_PORTS: { exitCode: EXIT.unexpected, hint: 'Stop something that listens, such as another devnet.' },
  DEVNET_NODE: { exitCode: EXIT.unexpected },
  DEVNET_OPTIONS: { exitCode: EXIT.usage },
}

const FILE_FAILURES: Record<string, (path: string) => string> = {
  ENOENT: path => `${path} does not exist.`,
  EISDIR: path => `${path} is a folder, not a file.`,
  EACCES: path => `${path} may not be opened by this user.`,
  ENOSPC: path => `There is no space left to write ${path}.`,
  ENOTDIR: path => `A part of ${path} is not a folder.`,
}

/** Errors are written as clauses; people get a sentence. What begins with a name, a path or a URL stays as it is. */
export function sentence(clause: string): string {
  const isWord = /^(?:[a-z-]+[ ,;]|[a-z]+: )/.test(clause)
  const text = isWord ? clause.charAt(0).toUpperCase() + clause.slice(1) : clause
  return /[.!?]$/.test(text) ? text : `${text}.`
}

/** Whether it was for want of file descriptors, however deep that lies, or only in words as libp2p tells it. */
function isOutOfFiles(error: unknown): boolean {
  return (
    codesOf(error).some(code => code === 'EMFILE' || code === 'ENFILE') ||
    causesOf(error).some(({ message }) => message.includes('EMFILE'))
  )
}

function tooManyFiles(): Failure {
  return {
    code: 'TOO_MANY_FILES',
    exitCode: EXIT.unexpected,
    message: 'The system lets this process open no more files.',
    hint: 'Raise the limit with `ulimit -n 4096` in this shell, then try again; what is stored is safe.',
  }
}

/** Of what is kept in files: a node's store, the ledger, keys, configs. */
const KEPT_ERRORS: ReadonlySet<string> = new Set([
  'StoreError',
  'LedgerStoreError',
  'KeyError',
  'ConfigError',
  'TlsError',
  'BackupError',
])

function fromKept(error: Error & { code?: string; details?: object }): Failure {
  const { code = '', message, details } = error
  return {
    code: KEPT_FAILURES[code] === undefined ? 'UNEXPECTED' : (code as CliErrorCode),
    message: sentence(message),
    details,
    ...(KEPT_FAILURES[code] ?? { exitCode: EXIT.unexpected }),
  }
}

const REPAIR_HINT =
  'Copy the folder if it is dear to you, then start once with --repair: what can be read is kept.'

const KEPT_FAILURES: Readonly<Record<string, { exitCode: ExitCode; hint?: string }>> = {
  STORE_LOCKED: { exitCode: EXIT.taken, hint: 'Another Floe runs on this folder: use that one, or stop it.' },
  STORE_DAMAGED: { exitCode: EXIT.integrity, hint: REPAIR_HINT },
  LEDGER_DAMAGED: { exitCode: EXIT.integrity, hint: REPAIR_HINT },
  STORE_NEWER: { exitCode: EXIT.usage, hint: 'Use the Floe that wrote it, or a later one.' },
  STORE_FOREIGN: { exitCode: EXIT.usage, hint: 'Name the folder of this network with --dir.' },
  STORE_UNSUPPORTED: { exitCode: EXIT.usage },
  TLS_FILES: { exitCode: EXIT.usage, hint: 'Both are PEM, the certificate with its chain.' },
  STORE_OLDER: { exitCode: EXIT.usage, hint: 'Start the node once, or use --repair.' },
  BACKUP_TARGET_EXISTS: { exitCode: EXIT.usage, hint: 'Name a folder that is not there yet.' },
  BACKUP_MALFORMED: {
    exitCode: EXIT.usage,
    hint: 'One that was cut short ends in .tmp, and may be removed.',
  },
  BACKUP_NEWER: { exitCode: EXIT.usage, hint: 'Use the Floe that wrote it, or a later one.' },
  BACKUP_DAMAGED: {
    exitCode: EXIT.integrity,
    hint: 'Use another one, or --repair: the node gets from others what is damaged.',
  },
  BACKUP_BUSY: { exitCode: EXIT.taken, hint: 'Wait for that one.' },
  BACKUP_FAILED: {
    exitCode: EXIT.unexpected,
    hint: "The node's log has more; make room, or stop the node first.",
  },
  KEY_MALFORMED: { exitCode: EXIT.usage, hint: 'Put the file back from a backup.' },
  KEY_EXPOSED: { exitCode: EXIT.usage },
  KEY_MISSING: { exitCode: EXIT.usage },
  KEY_MISMATCH: { exitCode: EXIT.usage },
  NODE_UNKNOWN: { exitCode: EXIT.notFound, hint: '`floe node register` registers it.' },
  CONFIG_MALFORMED: { exitCode: EXIT.usage, hint: 'Mend it in an editor, or put it back from a backup.' },
  CONFIG_NEWER: { exitCode: EXIT.usage, hint: 'Use the Floe that wrote it, or a later one.' },
  CONFIG_MISSING: {
    exitCode: EXIT.notFound,
    hint: 'Name its folder with --dir, or make one with `floe node init`.',
  },
  CONFIG_FOREIGN: {
    exitCode: EXIT.usage,
    hint: 'Name the file of its own network with --network; for another network, make another node with --dir.',
  },
}

function portTaken(port: number | undefined): Failure {
  return {
    code: 'PORT_TAKEN',
    exitCode: EXIT.taken,
    message:
      port === undefined ? 'A port that is needed is already in use.' : `Port ${port} is already in use.`,
    hint: 'Is Floe running already? Otherwise choose another port with --port, or --port 0 for any free one.',
    details: { port },
  }
}
