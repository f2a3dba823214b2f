import type { NetworkConfig, Wallet } from '../../chain/types.ts'
import type { LogLevel, ScopedLog } from '../log.ts'
import type { Client } from '../services/types.ts'
import { loadNetwork } from './network-file.ts'
import type { Output } from './output.ts'
import { loadWallet } from './wallet-file.ts'

export interface DevnetOptions {
  nodes: number
  shards: number
  port: number
  dir: string
  log: ScopedLog
  signal: AbortSignal
}

/** A running devnet, as `up` needs it. */
export interface RunningDevnet {
  network: NetworkConfig
  gatewayUrl: string
  close(): Promise<void>
}

/** The parts that commands are composed of; loaded only when a command needs them. */
export interface Parts {
  connect(network: NetworkConfig, options: { wallet?: Wallet }): Promise<Client>
  startDevnet(options: DevnetOptions): Promise<RunningDevnet>
  createLog(level: LogLevel): Promise<ScopedLog>
}

/** What every command gets. */
export interface Context {
  parts: Parts
  output: Output
  cwd: string
  /** aborted by the first Ctrl-C */
  signal: AbortSignal
}

/** Options of every command that talks to a network. */
export interface NetworkOptions {
  network?: string
  wallet?: string
}

/** Connects to the network that the options name, for as long as `use` runs. */
export async function withClient<T>(
  { parts, cwd }: Context,
  options: NetworkOptions & { spends: boolean },
  use: (client: Client, network: NetworkConfig) => Promise<T>,
): Promise<T> {
  const { path, network } = await loadNetwork(options.network, cwd)
  const wallet = options.spends ? await loadWallet(options.wallet, path, cwd) : undefined
  const client = await parts.connect(network, { ...(wallet && { wallet }) })
  try {
    return await use(client, network)
  } finally {
    await client.close()
  }
}
