import { once } from 'node:events'
import { resolve } from 'node:path'
import type { LogLevel } from '../../../base/pino-log.ts'
import { isRelay } from '../../config.ts'
import { chainFailure } from '../chain-failure.ts'
import type { Context, RunningNode } from '../context.ts'
import { CliError, EXIT, type ExitCode } from '../errors.ts'
import { startUntilStopped } from '../start-until-stopped.ts'
import { formatRows, type SafeText, safe } from '../text.ts'

export interface RunOptions {
  dir: string
  network?: string
  private?: boolean
  public?: boolean
  relay?: string[]
  /** false by `--no-upnp` */
  upnp: boolean
  log: LogLevel
}

/** Runs the storage node of a folder until it is told to stop. */
export async function run(context: Context, options: RunOptions): Promise<ExitCode> {
  const { output, parts, clock, cwd, signal } = context
  const relays = options.relay?.map(expectRelay)
  const log = await parts.createLog(options.log)
  const running = await startUntilStopped(context, starting =>
    parts.runNode({
      dir: resolve(cwd, options.dir),
      networkFile: options.network === undefined ? undefined : resolve(cwd, options.network),
      reach: options.private ? 'private' : options.public ? 'public' : undefined,
      relays,
      upnp: options.upnp ? undefined : false,
      clock,
      log,
      signal: starting,
    }),
  ).catch(error => {
    throw chainFailure(error)
  })
  const onReloadFailed = (error: unknown): void =>
    log.error({ err: error }, 'the config could not be read again: all stays as it was')
  const stop = context.onHangup(() => void running.reload().catch(onReloadFailed))
  try {
    await output.result(json(running), text(running))
    if (!signal.aborted) await once(signal, 'abort')
    output.say(safe`Stopping...`)
  } finally {
    stop()
    await running.close()
  }
  return EXIT.ok
}

function expectRelay(address: string): string {
  if (isRelay(address)) return address
  const example = '/ip4/203.0.113.7/tcp/4001/p2p/12D3KooW…'
  throw new CliError('USAGE', EXIT.usage, `A relay is given by its address with its PeerId: ${example}`)
}

function json({ config, network, node, metricsUrl }: RunningNode): object {
  const { nodeId, peerId, reach, multiaddrs, httpUrl } = node
  const { name, systemObjectId } = network
  return {
    name: config.name,
    nodeId,
    peerId,
    reach,
    multiaddrs,
    http: httpUrl,
    metrics: metricsUrl,
    network: { name, systemObjectId },
  }
}

function text({ config, network, node, metricsUrl }: RunningNode): SafeText {
  const rows: [string, string][] = [
    ['node', node.nodeId],
    ['network', network.name],
    ['reach', node.reach],
    ...node.multiaddrs.map((address): [string, string] => ['libp2p', address]),
    ['HTTP', node.httpUrl ?? 'off'],
    ['metrics', metricsUrl ?? 'off'],
  ]
  return safe`${config.name} is up\n${formatRows(rows)}\nCtrl-C stops it; what is stored stays.`
}
