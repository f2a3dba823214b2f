import type { ClientErrorCode } from '../client/errors.ts'

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
  BLOB_INVALID: EXIT.integrity,
  TOO_FEW_SHARDS: EXIT.unavailable,
  TOO_FEW_CONFIRMATIONS: EXIT.unavailable,
  NO_SPACE: EXIT.unavailable,
  NODES_BUSY: EXIT.unavailable,
  REGISTRATION_ENDED: EXIT.refused,
  SOURCE_CHANGED: EXIT.usage,
  BLOB_TOO_LARGE: EXIT.refused,
  INVALID_OPTION: EXIT.usage,
  INSUFFICIENT_FUNDS: EXIT.funds,
  NO_WALLET: EXIT.funds,
  CHAIN_UNAVAILABLE: EXIT.noNetwork,
  CHAIN_REJECTED: EXIT.refused,
  WALLET_BUSY: EXIT.unavailable,
  CLOSED: EXIT.unexpected,
}
