import { once } from 'node:events'
import { join, relative } from 'node:path'
import { defined } from '../../../base/defined.ts'
import type { LogLevel } from '../../../base/pino-log.ts'
import type { ContractVersion } from '../../../chain/types/index.ts'
import { createCodec } from '../../../codec/index.ts'
import type { Context, RunningDevnet, RunningLocalnet } from '../context.ts'
import { DEFAULT_DIR } from '../declare.ts'
import { CliError, EXIT, type ExitCode } from '../errors.ts'
import { type StoreOptions, tokenRules } from '../gateway/tokens.ts'
import { NETWORK_FILE } from '../network-file.ts'
import { isOnlyHere } from '../only-here.ts'
import { startUntilStopped } from '../start-until-stopped.ts'
import { formatDuration, formatRows, lines, plural, type SafeText, safe, shellWord } from '../text.ts'

export interface UpOptions extends StoreOptions {
  nodes: number
  shards: number
  contractVersion?: ContractVersion
  /** ms */
  epoch?: number
  keepCheckpoints?: number
  port: number
  dir: string
  repair?: boolean
  /** nodes in processes of their own */
  processes?: boolean
  private?: boolean
  /** of the gateway */
  host: string
  hostName?: string[]
  allowOrigin?: string[]
  /** of the chain */
  pageOrigin?: string[]
  /** pages reach the nodes by it */
  webrtc: boolean
  log: LogLevel
}

// a greeting whose blob ID can be told beforehand, so that every command printed works as it stands
const GREETING = 'Hello from Floe'

/** Runs a whole network, in this process and, if so wished, others, until it is told to stop. */
export async function up(context: Context, options: UpOptions): Promise<ExitCode> {
  const { output, clock, signal } = context
  if (options.shards < options.nodes) {
    throw new CliError('USAGE', EXIT.usage, `${plural(options.nodes, 'node')} need at least as many shards.`)
  }
  const startMs = clock.monotonic()
  output.say(safe`Starting ${plural(options.nodes, 'storage node')} and a Sui of their own...`)
  const devnet = await startDevnet(context, options)
  try {
    const commands = await commandsToTry(devnet, options, context)
    await output.result(
      devnetJson(devnet),
      devnetText(devnet, options, commands, clock.monotonic() - startMs),
    )
    if (!signal.aborted) await once(signal, 'abort')
    output.say(safe`Stopping...`)
  } finally {
    await devnet.close()
  }
  return EXIT.ok
}

async function startDevnet(context: Context, options: UpOptions): Promise<RunningDevnet> {
  const { nodes, shards, contractVersion, epoch: epochMs, keepCheckpoints, port, dir } = options
  const { repair = false, processes = false, private: isPrivate = false } = options
  const tokens = await tokenRules(options, context)
  const log = await context.parts.createLog(options.log)
  return await startUntilStopped(context, signal =>
    context.parts.startDevnet({
      nodes,
      shards,
      contractVersion,
      epochMs,
      keepCheckpoints,
      port,
      dir,
      repair,
      processes,
      private: isPrivate,
      gateway: {
        host: options.host,
        hostNames: options.hostName,
        allowedOrigins: options.allowOrigin,
        publish: tokens === undefined ? options.publish === 'on' : { tokens },
      },
      subWallets: options.publish === 'off' ? 0 : options.subWallets,
      pageOrigins: options.pageOrigin,
      webRtc: options.webrtc,
      clock: context.clock,
      log,
      logLevel: options.log,
      signal,
    }),
  )
}

function devnetJson(devnet: RunningDevnet): object {
  const { network, gatewayUrl: gateway } = devnet
  const { suiRpc, faucet, systemObjectId, stakingObjectId, walType, peers, relays } = network
  const [rpc] = suiRpc
  const processes = processesOf(devnet)
  return defined({
    gateway,
    suiRpc: rpc,
    faucet,
    systemObjectId,
    stakingObjectId,
    walType,
    peers,
    relays,
    processes: processes.length > 0 ? processes : undefined,
  })
}

/** As `floe health` names the nodes. */
function processesOf({ nodes }: RunningDevnet): { name: string; pid: number }[] {
  return nodes.flatMap(({ name, pid }) => (pid === undefined ? [] : [{ name: `node-${name}`, pid }]))
}

function devnetText(devnet: RunningDevnet, options: UpOptions, commands: string[], tookMs: number): SafeText {
  const { network, gatewayUrl } = devnet
  const rows: [string, string][] = [
    ['Gateway', gatewayUrl],
    ['Sui RPC', network.suiRpc[0] ?? ''],
    ['Faucet', network.faucet ?? ''],
    ['Relay', network.relays?.[0] ?? ''],
    ['Data', options.dir],
    ...processesOf(devnet).map(({ name, pid }): [string, string] => [name, `process ${pid}`]),
  ]
  return lines([
    safe`\nFloe is up: ${plural(options.nodes, 'storage node')}, ${plural(options.shards, 'shard')}, ready in ${formatDuration(tookMs)}.\n`,
    safe`${formatRows(rows)}\n`,
    safe`Try, in another terminal in this folder:\n`,
    ...commands.map(command => safe`  ${command}`),
    ...toldToStrangers(options),
    safe`\nPages on http://localhost may use the Sui RPC and the faucet, so that your own app can be tried here.`,
    safe`Ctrl-C stops it; what is stored stays.`,
  ])
}

/** Whom its gateway publishes for, where that is more than this machine. */
function toldToStrangers({ host, publish }: UpOptions): SafeText[] {
  if (isOnlyHere(host)) return []
  if (publish === 'off') return [safe`\nWhoever reaches ${host} reads from this gateway.`]
  if (publish === 'jwt') return [safe`\nThis gateway publishes for who has a token: it listens on ${host}.`]
  return [
    safe`\nThis gateway publishes for everybody who reaches it: it listens on ${host}. --publish off has it only read.`,
  ]
}

async function commandsToTry(
  { gatewayUrl }: RunningDevnet,
  options: UpOptions,
  { cwd }: Context,
): Promise<string[]> {
  const codec = createCodec({ threads: 0 })
  try {
    const { blobId } = await codec.metadata(new TextEncoder().encode(`${GREETING}\n`), options.shards)
    const isDefault = relative(cwd, options.dir) === DEFAULT_DIR
    const network = isDefault ? '' : ` --network ${shellWord(join(options.dir, NETWORK_FILE))}`
    return [
      `echo '${GREETING}' | npx floe store${network} -`,
      `npx floe read${network} ${blobId}`,
      `curl ${gatewayUrl}/v1/blobs/${blobId}`,
    ]
  } finally {
    await codec.close()
  }
}

export interface LocalnetCommandOptions {
  contractVersion?: ContractVersion
  keepCheckpoints?: number
  port: number
  dir: string
  repair?: boolean
  pageOrigin?: string[]
  log: LogLevel
}

/** Runs a Sui with the contract on it, alone, until it is told to stop. */
export async function localnet(context: Context, options: LocalnetCommandOptions): Promise<ExitCode> {
  const { output, parts, clock, signal } = context
  const startMs = clock.monotonic()
  output.say(safe`Starting a Sui of its own...`)
  const log = await parts.createLog(options.log)
  const running = await startUntilStopped(context, starting =>
    parts.startLocalnet({ ...options, pageOrigins: options.pageOrigin, clock, log, signal: starting }),
  )
  try {
    await output.result(localnetJson(running), localnetText(running, options, clock.monotonic() - startMs))
    if (!signal.aborted) await once(signal, 'abort')
    output.say(safe`Stopping...`)
  } finally {
    await running.close()
  }
  return EXIT.ok
}

function localnetJson(running: RunningLocalnet): object {
  const { network, chainId, packageId, networkPath, userKeyPath, nodeKeyPath, adminTokenPath } = running
  const { suiRpc, faucet, systemObjectId, stakingObjectId, treasuryObjectId, walType } = network
  const files = {
    network: networkPath,
    wallet: userKeyPath,
    nodeWallet: nodeKeyPath,
    adminToken: adminTokenPath,
  }
  return {
    suiRpc: suiRpc[0],
    faucet,
    chainId,
    packageId,
    systemObjectId,
    stakingObjectId,
    treasuryObjectId,
    walType,
    ...files,
  }
}

function localnetText(running: RunningLocalnet, options: LocalnetCommandOptions, tookMs: number): SafeText {
  const { network, chainId, packageId, networkPath, userKeyPath, adminTokenPath } = running
  const rpc = network.suiRpc[0] ?? ''
  const rows: [string, string][] = [
    ['Sui RPC', rpc],
    ['Faucet', network.faucet ?? ''],
    ['Chain ID', chainId],
    ['Package', packageId],
    ['System', network.systemObjectId],
    ['Staking', network.stakingObjectId],
    ['Treasury', network.treasuryObjectId ?? ''],
    ['WAL', network.walType],
    ['Wallet', userKeyPath],
    ['Admin token', adminTokenPath],
    ['Data', options.dir],
  ]
  const named = `--network ${shellWord(networkPath)}`
  const mine = shellWord(join(options.dir, 'my.key'))
  return lines([
    safe`\nSui is up, ready in ${formatDuration(tookMs)}.\n`,
    safe`${formatRows(rows)}\n`,
    safe`Try, in another terminal in this folder:\n`,
    safe`  npx floe wallet new ${mine}`,
    safe`  npx floe faucet ${named} --wallet ${mine}`,
    safe`  npx floe stake ${named} --wallet ${mine} node-00 100`,
    safe`  npx floe info ${named}`,
    safe`\nTime moves by POST RPC/admin/advance-clock {"ms": N} with the token, a year at most at a time, and never back.`,
    safe`Pages on http://localhost may use RPC and faucet; the admin is not theirs.`,
    safe`Programs: new SuiGrpcClient({ network: "localnet", baseUrl: RPC }). Ctrl-C stops it; the chain stays.`,
  ])
}
