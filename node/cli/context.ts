import type { ScopedLog } from '../../base/log.ts'
import type { LogLevel } from '../../base/pino-log.ts'
import type { ContractVersion, FullCoordinator, NetworkConfig, Wallet } from '../../chain/types.ts'
import type { Client } from '../client/types.ts'
import { loadNetwork } from './network-file.ts'
import type { Output } from './output.ts'
import { loadWallet } from './wallet-file.ts'

export interface DevnetOptions {
  nodes: number
  shards: number
  contractVersion?: ContractVersion | undefined
  port: number
  dir: string
  /** mend damaged stores first */
  repair?: boolean
  log: ScopedLog
  signal: AbortSignal
}

/** A running devnet, as `up` needs it. */
export interface RunningDevnet {
  network: NetworkConfig
  gatewayUrl: string
  close(): Promise<void>
}

export interface LocalnetOptions {
  contractVersion?: ContractVersion | undefined
  port: number
  dir: string
  /** mend damaged stores first */
  repair?: boolean
  log: ScopedLog
  signal: AbortSignal
}

/** A running Sui with the contract on it, as `localnet` needs it. */
export interface RunningLocalnet {
  network: NetworkConfig
  chainId: string
  packageId: string
  /** the network file that commands take */
  networkPath: string
  /** keys of the wallet with coins, and of one registered node */
  userKeyPath: string
  nodeKeyPath: string
  /** the file with the token of the admin's calls */
  adminTokenPath: string
  close(): Promise<void>
}

/** The parts that commands are composed of; loaded only when a command needs them. */
export interface Parts {
  connect(network: NetworkConfig, options: { wallet?: Wallet }): Promise<Client>
  /** The chain alone, without storage nodes. Throws nothing before it is asked something. */
  coordinate(network: NetworkConfig): Promise<FullCoordinator>
  startLocalnet(options: LocalnetOptions): Promise<RunningLocalnet>
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
  /** which key of a keystore with several */
  address?: string
}

/** Connects to the network that the options name, for as long as `use` runs. */
export async function withClient<T>(
  context: Context,
  options: NetworkOptions & { spends: boolean },
  use: (client: Client, network: NetworkConfig) => Promise<T>,
): Promise<T> {
  const { path, network } = await loadNetwork(options.network, context)
  const wallet = options.spends ? await loadWallet(options, path, context) : undefined
  const client = await context.parts.connect(network, { ...(wallet && { wallet }) })
  try {
    return await use(client, network)
  } finally {
    await client.close()
  }
}

/** A network's chain, for as long as a command runs. */
export interface ChainSession {
  network: NetworkConfig
  coordinator: FullCoordinator
  /** The wallet that the options name; read when it is first needed. */
  wallet(): Promise<Wallet>
  signal: AbortSignal
}

/** Opens the chain of the network that the options name, for as long as `use` runs. Throws CliError. */
export async function withChain<T>(
  context: Context,
  options: NetworkOptions,
  use: (session: ChainSession) => Promise<T>,
): Promise<T> {
  const { parts, signal } = context
  const { path, network } = await loadNetwork(options.network, context)
  const coordinator = await parts.coordinate(network)
  let loading: Promise<Wallet> | undefined
  const wallet = () => {
    loading ??= loadWallet(options, path, context)
    return loading
  }
  try {
    return await use({ network, coordinator, wallet, signal })
  } catch (error) {
    const { chainFailure } = await import('./chain-failure.ts')
    throw chainFailure(error)
  } finally {
    await coordinator.close()
  }
}
