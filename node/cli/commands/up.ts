import { once } from 'node:events'
import { join, relative } from 'node:path'
import type { LogLevel } from '../../../base/pino-log.ts'
import type { ContractVersion } from '../../../chain/types.ts'
import { createCodec } from '../../../codec/index.ts'
import type { Context, RunningDevnet } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { CliError } from '../failure.ts'
import { formatDuration, formatRows, plural } from '../format.ts'
import { DEFAULT_DIR, NETWORK_FILE } from '../network-file.ts'
import { shellWord } from '../shell-word.ts'
import { lines, type Shown, shown } from '../shown.ts'
import { startUntilStopped } from '../start-until-stopped.ts'

export interface UpOptions {
  nodes: number
  shards: number
  contractVersion?: ContractVersion
  port: number
  dir: string
  repair?: boolean
  log: LogLevel
}

// a greeting whose blob ID can be told beforehand, so that every command printed works as it stands
const GREETING = 'Hello from Floe'

/** Runs a whole network in this process until it is told to stop. */
export async function up(context: Context, options: UpOptions): Promise<ExitCode> {
  const { output, signal } = context
  if (options.shards < options.nodes) {
    throw new CliError('USAGE', EXIT.usage, `${plural(options.nodes, 'node')} need at least as many shards.`)
  }
  const startMs = performance.now()
  output.say(shown`Starting ${plural(options.nodes, 'storage node')} and a Sui of their own...`)
  const devnet = await startDevnet(context, options)
  try {
    const commands = await commandsToTry(devnet, options, context)
    await output.result(readyJson(devnet), readyText(devnet, options, commands, performance.now() - startMs))
    if (!signal.aborted) await once(signal, 'abort')
    output.say(shown`Stopping...`)
  } finally {
    await devnet.close()
  }
  return EXIT.ok
}

async function startDevnet(context: Context, options: UpOptions): Promise<RunningDevnet> {
  const { nodes, shards, contractVersion, port, dir, repair = false } = options
  const log = await context.parts.createLog(options.log)
  return await startUntilStopped(context, signal =>
    context.parts.startDevnet({ nodes, shards, contractVersion, port, dir, repair, log, signal }),
  )
}

function readyJson({ network, gatewayUrl }: RunningDevnet): object {
  const { suiRpc, faucet, systemObjectId, stakingObjectId, walType, peers } = network
  return { gateway: gatewayUrl, suiRpc: suiRpc[0], faucet, systemObjectId, stakingObjectId, walType, peers }
}

function readyText(devnet: RunningDevnet, options: UpOptions, commands: string[], tookMs: number): Shown {
  const { network, gatewayUrl } = devnet
  const rows: [string, string][] = [
    ['Gateway', gatewayUrl],
    ['Sui RPC', network.suiRpc[0] ?? ''],
    ['Faucet', network.faucet ?? ''],
    ['Data', options.dir],
  ]
  return lines([
    shown`\nFloe is up: ${plural(options.nodes, 'storage node')}, ${plural(options.shards, 'shard')}, ready in ${formatDuration(tookMs)}.\n`,
    shown`${formatRows(rows)}\n`,
    shown`Try, in another terminal in this folder:\n`,
    ...commands.map(command => shown`  ${command}`),
    shown`\nPages on http://localhost may use the Sui RPC and the faucet, so that your own app can be tried here.`,
    shown`Ctrl-C stops it; what is stored stays.`,
  ])
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
