import { resolve } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import type { ScopedLog } from '../../base/log.ts'
import type { LogLevel } from '../../base/pino-log.ts'
import type { ContractVersion, FullCoordinator, NetworkConfig, Wallet } from '../../chain/types/index.ts'
import type { Client } from '../client/types.ts'
import type { GatewayInit, Quota, Tip, TokenRules } from '../gateway/index.ts'
import type { Reach } from '../network/circuit/reachable.ts'
import type { TlsCertificate } from '../network/web-socket/listening.ts'
import { EXIT, type ExitCode, toFailure } from './errors.ts'
import { loadNetwork, type NetworkChoice } from './network-file.ts'
import type { Output, Streams } from './output.ts'
import { loadWallet } from './wallet-file.ts'

export interface DevnetOptions {
  nodes: number
  shards: number
  contractVersion?: ContractVersion
  epochMs?: number
  keepCheckpoints?: number
  port: number
  dir: string
  /** mend damaged stores first */
  repair?: boolean
  /** nodes in processes of their own */
  processes?: boolean
  /** nodes that are reached over the devnet's relay alone */
  private?: boolean
  gateway: Pick<GatewayInit, 'host' | 'hostNames' | 'allowedOrigins' | 'publish'>
  subWallets: number
  /** of web pages that may ask the chain */
  pageOrigins?: readonly string[] | undefined
  /** pages reach the nodes by it */
  webRtc?: boolean
  clock: Clock
  log: ScopedLog
  logLevel: LogLevel
  signal: AbortSignal
}

/** A running devnet, as `up` needs it. */
export interface RunningDevnet {
  network: NetworkConfig
  gatewayUrl: string
  /** `pid` where each has a process of its own */
  nodes: readonly { name: string; pid?: number | undefined }[]
  close(): Promise<void>
}

export interface LocalnetOptions {
  contractVersion?: ContractVersion
  keepCheckpoints?: number
  port: number
  dir: string
  /** of web pages that may ask the chain */
  pageOrigins?: readonly string[] | undefined
  /** mend damaged stores first */
  repair?: boolean
  clock: Clock
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

export interface NodeOptions {
  dir: string
  networkFile?: string
  /** in place of the config's */
  reach?: Reach | undefined
  relays?: readonly string[] | undefined
  upnp?: boolean | undefined
  clock: Clock
  log: ScopedLog
  signal: AbortSignal
}

/** A running storage node, as `node run` needs it. */
export interface RunningNode {
  config: { name: string }
  network: NetworkConfig
  node: { nodeId: string; peerId: string; reach: Reach; multiaddrs: string[]; httpUrl?: string }
  metricsUrl?: string
  /** Reads the config again. */
  reload(): Promise<void>
  close(): Promise<void>
}

export interface RelayOptions {
  dir: string
  port: number
  webPort?: number | 'next' | undefined
  webRtc?: boolean | undefined
  tls?: TlsCertificate | undefined
  httpPort: number
  stunPort: number
  announce?: readonly string[] | undefined
  network?: NetworkConfig | undefined
  clock: Clock
  log: ScopedLog
  signal: AbortSignal
}

/** What `gateway run` and `upload-relay` run. */
export interface GatewayOptions {
  network: NetworkConfig
  /** pays for what is published; without one it only reads */
  wallet?: Wallet | undefined
  publish: boolean | { tokens: TokenRules }
  /** Callers who may store may delete and extend, too, without a token even where it is no localnet. */
  manage: boolean
  /** that register for the wallet */
  subWallets: number
  quota?: Quota | undefined
  host: string
  hostNames?: readonly string[] | undefined
  allowedOrigins?: readonly string[] | undefined
  port: number
  /** what it must remember */
  dir: string
  /** where slivers that are read are kept */
  cache?: string | undefined
  page?: { suiRpc: readonly string[] } | undefined
  uploadRelay?: { tip?: Tip | undefined } | undefined
  /** it does nothing else */
  relaysOnly?: boolean | undefined
  clock: Clock
  log: ScopedLog
  signal: AbortSignal
}

export interface RunningGateway {
  url: string
  close(): Promise<void>
}

/** A running relay, as `relay` needs it. */
export interface RunningRelay {
  peerId: string
  multiaddrs: string[]
  httpUrl: string
  stunPort: number
  /** Reads its settings again. */
  reload(): Promise<void>
  close(): Promise<void>
}

export interface ConnectOptions {
  /** without one the client only reads */
  wallet?: Wallet | undefined
  /** where slivers that are read are kept */
  cache?: { folder: string } | undefined
}

/** The parts that commands are composed of; loaded only when a command needs them. */
export interface Parts {
  clock: Clock
  connect(network: NetworkConfig, options: ConnectOptions): Promise<Client>
  /** The chain alone, without storage nodes. Throws nothing before it is asked something. */
  coordinate(network: NetworkConfig): Promise<FullCoordinator>
  startLocalnet(options: LocalnetOptions): Promise<RunningLocalnet>
  startDevnet(options: DevnetOptions): Promise<RunningDevnet>
  runNode(options: NodeOptions): Promise<RunningNode>
  runRelay(options: RelayOptions): Promise<RunningRelay>
  runGateway(options: GatewayOptions): Promise<RunningGateway>
  createLog(level: LogLevel): Promise<ScopedLog>
}

export type Signal = 'SIGINT' | 'SIGTERM' | 'SIGHUP'

/** The process that a command line runs in, or what stands for it. */
export interface Host extends Streams {
  cwd(): string
  on(signal: Signal, listener: () => void): unknown
  off(signal: Signal, listener: () => void): unknown
  /** At the second Ctrl-C. */
  exit(code: number): void
}

/** What every command gets. */
export interface Context {
  parts: Parts
  output: Output
  cwd: string
  clock: Clock
  /** aborted by the first Ctrl-C */
  signal: AbortSignal
  /** Runs another command line; `host` stands for the process that it runs in. */
  runInside(args: readonly string[], host: Host): Promise<ExitCode>
  /** Calls back at each SIGHUP, which else ends the command, until the result is called. */
  onHangup(listener: () => void): () => void
}

/** Options of every command that talks to a network. */
export interface NetworkOptions extends NetworkChoice {
  wallet?: string
  /** which key of a keystore with several */
  address?: string
}

/** Connects to the network that the options name, for as long as `use` runs. */
export async function withClient<T>(
  context: Context,
  options: NetworkOptions & { spends: boolean; cache?: string | undefined },
  use: (client: Client, network: NetworkConfig) => Promise<T>,
): Promise<T> {
  const { path, network } = await loadNetwork(options, context)
  const wallet = options.spends ? await loadWallet(options, path, context) : undefined
  const cache = options.cache === undefined ? undefined : { folder: resolve(context.cwd, options.cache) }
  const client = await context.parts.connect(network, { wallet, cache })
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
  const { path, network } = await loadNetwork(options, context)
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

/** How each is named, and its failure explained, where `forEach` tells of it. */
export interface Telling<T> {
  name?: (job: T) => string
  explain?: (error: unknown) => unknown
}

/**
 * Does something for each of what a command was given. Of several, one that fails does not keep the others from being done; the
 * first failure is the exit code. When there is one, its failure is the command's.
 */
export async function forEach<T>(
  { output, signal }: Context,
  jobs: readonly T[],
  run: (job: T) => Promise<void>,
  { name = String, explain = error => error }: Telling<T> = {},
): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.ok
  for (const job of jobs) {
    try {
      await run(job)
    } catch (error) {
      if (jobs.length === 1 || signal.aborted) throw error
      const failure = toFailure(explain(error))
      output.failure({ ...failure, message: `${name(job)}: ${failure.message}` })
      if (exitCode === EXIT.ok) exitCode = failure.exitCode
    }
  }
  return exitCode
}
