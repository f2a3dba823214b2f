import { CodedError } from '../../base/coded-error.ts'

/** Why a devnet cannot start. The list is closed. */
export interface DevnetErrorDetails {
  EADDRINUSE: { port: number }
  /** Another devnet runs on this folder. */
  DEVNET_LOCKED: { dir: string }
  /** The folder holds a devnet of another shape. */
  DEVNET_MISMATCH: { dir: string; nodes: number; shards: number }
  /** The folder holds a network whose contract is of another version. */
  DEVNET_CONTRACT: { dir: string; contractVersion: number }
  /** The folder holds a network whose epochs last this long. */
  DEVNET_EPOCH: { dir: string; epochMs: number }
  /** The folder holds a Sui alone, without storage nodes. */
  DEVNET_WITHOUT_NODES: { dir: string }
  /** Something that cannot be made anew is gone from the folder. */
  DEVNET_DAMAGED: { dir: string; missing: string }
  /** The folder cannot be made, or takes no files. */
  DEVNET_NOT_WRITABLE: { dir: string }
  /** This process may open too few files. */
  DEVNET_FILES: { limit: number; needed: number }
  /** No ports are free of those that a devnet chooses from. */
  DEVNET_PORTS: { host: string }
  /** The process of a node did not start, or has ended; `code` is that of its error, its exit code or a signal. */
  DEVNET_NODE: { node: string; pid: number | undefined; code: string }
  /** Such a devnet cannot exist. */
  DEVNET_OPTIONS: { option: string }
}

/** The closed list of codes; `DevnetErrorDetails` says what each means and carries. */
export type DevnetErrorCode = keyof DevnetErrorDetails

/** A devnet that cannot be started: a closed `code` and the data that belongs to it. */
export class DevnetError<Code extends DevnetErrorCode = DevnetErrorCode> extends CodedError<
  DevnetErrorDetails,
  Code
> {
  override readonly name = 'DevnetError'
  /** set for EADDRINUSE, as node's own errors have it */
  readonly port: number | undefined

  constructor(code: Code, message: string, details: DevnetErrorDetails[Code], options?: ErrorOptions) {
    super(code, message, details, options)
    this.port = 'port' in details ? details.port : undefined
  }
}
