import { once } from 'node:events'
import { resolve } from 'node:path'
import type { LogLevel } from '../../../base/pino-log.ts'
import type { NetworkConfig } from '../../../chain/types/index.ts'
import type { ObjectId } from '../../../codec/types.ts'
import type { Quota } from '../../gateway/index.ts'
import { addressArgument, sizeArgument } from '../arguments.ts'
import type { Context, GatewayOptions, RunningGateway } from '../context.ts'
import { CliError, EXIT, type ExitCode } from '../errors.ts'
import { loadNetwork } from '../network-file.ts'
import { isOnlyHere } from '../only-here.ts'
import { startUntilStopped } from '../start-until-stopped.ts'
import { formatRows, lines, plural, type SafeText, safe } from '../text.ts'
import { loadWallet } from '../wallet-file.ts'
import type { TipKind } from './commands.ts'
import { type StoreOptions, tokenRules } from './tokens.ts'

interface ListenOptions {
  network?: string
  host: string
  hostName?: string[]
  allowOrigin?: string[]
  port: number
  dir: string
  tip?: TipKind
  tipAddress?: string
  log: LogLevel
}

export interface GatewayCommandOptions extends ListenOptions, StoreOptions {
  forAnybody?: boolean
  manage?: boolean
  quotaUploads?: number
  quotaBytes?: string
  wallet?: string
  address?: string
  cache?: string
  pageRpc?: string[]
  uploadRelay?: boolean
}

/** Serves a network over HTTP until it is told to stop. */
export async function gateway(context: Context, options: GatewayCommandOptions): Promise<ExitCode> {
  const { publish, pageRpc, cache, uploadRelay = false } = options
  const { path, network } = await loadNetwork(options, context)
  expectMeant(options, network)
  const tokens = await tokenRules(options, context)
  const wallet = publish === 'off' ? undefined : await loadWallet(options, path, context)
  const more = {
    publish: tokens === undefined ? publish === 'on' : { tokens },
    quota: quotaOf(options),
    wallet,
    manage: options.manage ?? false,
    subWallets: options.subWallets,
    cache: cache === undefined ? undefined : resolve(context.cwd, cache),
    page: pageRpc === undefined ? undefined : { suiRpc: pageRpc },
    uploadRelay: uploadRelay ? { tip: tipOf(options) } : undefined,
  }
  const publishes = whoMaySpend(options)
  const { subWallets } = options
  const by = subWallets === 0 ? '' : `; by ${plural(subWallets, 'sub-wallet')} that it fills`
  const who = wallet && `with ${wallet.address}, ${publishes}${by}`
  return await serve(context, options, network, { ...more, publishes }, (url, dir) =>
    gatewayText(url, network, who, dir),
  )
}

/** Sends what apps have registered, until it is told to stop. */
export async function uploadRelay(context: Context, options: ListenOptions): Promise<ExitCode> {
  const { network } = await loadNetwork(options, context)
  const tip = tipOf(options)
  const more = { publish: false, manage: false, subWallets: 0, uploadRelay: { tip }, relaysOnly: true }
  return await serve(context, options, network, more, (url, dir) => relayText(url, network, tip, dir))
}

async function serve(
  context: Context,
  options: ListenOptions,
  network: NetworkConfig,
  more: Pick<
    GatewayOptions,
    'publish' | 'manage' | 'subWallets' | 'quota' | 'wallet' | 'cache' | 'page' | 'uploadRelay' | 'relaysOnly'
  > & { publishes?: string },
  text: (url: string, dir: string) => SafeText,
): Promise<ExitCode> {
  const { output, parts, clock, cwd, signal } = context
  const { publishes, ...rest } = more
  const dir = resolve(cwd, options.dir)
  const log = await parts.createLog(options.log)
  const running: RunningGateway = await startUntilStopped(context, starting =>
    parts.runGateway({
      ...rest,
      network,
      host: options.host,
      hostNames: options.hostName,
      allowedOrigins: options.allowOrigin,
      port: options.port,
      dir,
      clock,
      log,
      signal: starting,
    }),
  )
  try {
    const { url } = running
    await output.result({ gateway: url, network: network.name, publishes, dir }, text(url, dir))
    if (!signal.aborted) await once(signal, 'abort')
    output.say(safe`Stopping...`)
  } finally {
    await running.close()
  }
  return EXIT.ok
}

function quotaOf({ quotaUploads: uploads, quotaBytes }: GatewayCommandOptions): Quota | undefined {
  if (uploads === undefined && quotaBytes === undefined) return undefined
  return { uploads, bytes: quotaBytes === undefined ? undefined : Number(sizeArgument(quotaBytes)) }
}

function tipOf({ tip, tipAddress }: ListenOptions): { address: ObjectId; kind: TipKind } | undefined {
  if (tip === undefined && tipAddress === undefined) return undefined
  if (tip !== undefined && tipAddress !== undefined)
    return { address: addressArgument(tipAddress), kind: tip }
  throw new CliError('USAGE', EXIT.usage, 'A tip needs both --tip and --tip-address.')
}

/** Throws CliError where anybody could spend coins of worth, and nobody has said that they may. */
function expectMeant(options: GatewayCommandOptions, network: NetworkConfig): void {
  const { publish, host, forAnybody = false } = options
  if (publish !== 'on' || network.kind === 'localnet' || isOnlyHere(host)) return
  if (forAnybody || quotaOf(options) !== undefined) return
  throw new CliError(
    'USAGE',
    EXIT.usage,
    `With --publish on and --host ${host}, whoever reaches this gateway spends its wallet on ${network.name}, without limit.`,
    {
      hint: 'Let those store who have a token (--publish jwt), set --quota-uploads or --quota-bytes, or say that it is meant: --for-anybody.',
    },
  )
}

function whoMaySpend(options: GatewayCommandOptions): string {
  const { publish, host } = options
  if (publish === 'off') return 'for nobody'
  const who =
    publish === 'jwt'
      ? 'who has a token'
      : isOnlyHere(host)
        ? 'programs of this machine'
        : 'whoever reaches it'
  return `for ${who}${quotaOf(options) === undefined ? '' : ', within a quota of each day'}`
}

function gatewayText(
  url: string,
  network: NetworkConfig,
  publishes: string | undefined,
  dir: string,
): SafeText {
  const rows: [string, string][] = [
    ['Gateway', url],
    ['Network', network.name],
    ['Publishes', publishes ?? 'no: it only reads (--publish on)'],
    ['Remembers in', dir],
  ]
  return lines([safe`The gateway is up`, safe`${formatRows(rows)}`, safe`Ctrl-C stops it.`])
}

function relayText(
  url: string,
  network: NetworkConfig,
  tip: ReturnType<typeof tipOf>,
  dir: string,
): SafeText {
  const rows: [string, string][] = [
    ['Upload relay', url],
    ['Network', network.name],
    ['Tip', tip === undefined ? 'none' : `to ${tip.address}; ${url}/v1/tip-config tells how much`],
    ['Remembers in', dir],
  ]
  return lines([safe`The upload relay is up`, safe`${formatRows(rows)}`, safe`Ctrl-C stops it.`])
}
