import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { isatty } from 'node:tty'
import { getHeapStatistics } from 'node:v8'
import type { LogLevel } from '../../../base/pino-log.ts'
import { findNetwork } from '../../config.ts'
import { AccessError } from '../../relay/access.ts'
import { RelayError } from '../../relay/folder.ts'
import { readTls } from '../../tls-files.ts'
import type { Context, RunningRelay } from '../context.ts'
import { CliError, EXIT, type ExitCode, sentence } from '../errors.ts'
import { startUntilStopped } from '../start-until-stopped.ts'
import { formatRows, type SafeText, safe } from '../text.ts'
import { tlsFiles } from '../tls-files.ts'

export interface RelayCommandOptions {
  dir: string
  host?: string
  port: number
  ws: boolean
  webrtc: boolean
  wsPort?: number
  tlsCert?: string
  tlsKey?: string
  httpPort: number
  stunPort: number
  announce?: string[]
  network?: string
  log: LogLevel
}

/** Of the 256 MiB that a relay needs; what it holds of others' bytes lies outside of the heap, and is bounded by its limits. */
const HEAP_FLAGS = ['--max-old-space-size=96', '--max-semi-space-size=8'] as const
const HEAP_BYTES = 160 * 1024 * 1024

/** Runs a relay until it is told to stop; SIGHUP has it read its settings again. */
export async function run(context: Context, options: RelayCommandOptions): Promise<ExitCode> {
  // the size of the heap is decided before a process runs; one that was started for it is the last, whatever other flags say
  const isSmall =
    process.execArgv.includes(HEAP_FLAGS[0]) || getHeapStatistics().heap_size_limit <= HEAP_BYTES
  if (!isSmall) return runWithSmallHeap(context)
  const { output, parts, clock, cwd, signal, onHangup } = context
  const log = await parts.createLog(options.log)
  const network = options.network === undefined ? undefined : await findNetwork(options.network, cwd)
  const files = tlsFiles(options)
  const tls = files && (await readTls(files, cwd))
  const relay = await startUntilStopped(context, starting =>
    parts.runRelay({
      ...options,
      webPort: options.ws ? (options.wsPort ?? 'next') : undefined,
      webRtc: options.webrtc,
      tls,
      dir: resolve(cwd, options.dir),
      network,
      clock,
      log,
      signal: starting,
    }),
  ).catch(async error => {
    throw await failure(error, options)
  })
  const unlisten = onHangup(() => {
    relay.reload().then(
      () => log.info({}, 'limits and lists were read again'),
      err => log.error({ err }, 'limits and lists stay as they were'),
    )
  })
  try {
    await output.result(json(relay), text(relay, options))
    if (!signal.aborted) await once(signal, 'abort')
    output.say(safe`Stopping...`)
  } finally {
    unlisten()
    await relay.close()
  }
  return EXIT.ok
}

const PORT_OPTIONS = {
  port: '--port',
  wsPort: '--ws-port',
  httpPort: '--http-port',
  stunPort: '--stun-port',
} as const

async function failure(error: unknown, options: RelayCommandOptions): Promise<unknown> {
  const { code, port } = error as { code?: unknown; port?: number }
  const names = Object.keys(PORT_OPTIONS) as (keyof typeof PORT_OPTIONS)[]
  const taken = code === 'EADDRINUSE' ? names.find(name => options[name] === port) : undefined
  if (taken !== undefined) {
    const hint = `Is a relay running already? Otherwise choose another port with ${PORT_OPTIONS[taken]}, or 0 for any free one.`
    return new CliError('PORT_TAKEN', EXIT.taken, `Port ${port} is already in use.`, {
      hint,
      details: { port },
    })
  }
  if (error instanceof RelayError || error instanceof AccessError)
    return new CliError('RELAY_SETTINGS', EXIT.usage, sentence(error.message), { cause: error })
  // a relay that runs has no use for what knows the chain
  const { chainFailure } = await import('../chain-failure.ts')
  return chainFailure(error)
}

/** The same command in a process with a heap of 96 MiB, whose exit code it has. */
async function runWithSmallHeap({ onHangup }: Pick<Context, 'onHangup'>): Promise<ExitCode> {
  const child = spawn(process.execPath, [...process.execArgv, ...HEAP_FLAGS, ...process.argv.slice(1)], {
    stdio: 'inherit',
  })
  // a terminal signals the whole group by itself
  const pass = (signal: NodeJS.Signals): void => {
    if (!isatty(0) || signal === 'SIGTERM') child.kill(signal)
  }
  process.on('SIGINT', pass).on('SIGTERM', pass)
  const unlisten = onHangup(() => child.kill('SIGHUP'))
  try {
    const [code] = await once(child, 'exit')
    return (code ?? EXIT.unexpected) as ExitCode
  } finally {
    process.off('SIGINT', pass).off('SIGTERM', pass)
    unlisten()
  }
}

function json({ peerId, multiaddrs, httpUrl, stunPort }: RunningRelay): object {
  return { peerId, multiaddrs, http: httpUrl, stunPort }
}

function text({ multiaddrs, httpUrl, stunPort }: RunningRelay, { dir }: RelayCommandOptions): SafeText {
  const rows: [string, string][] = [
    ...multiaddrs.map((address): [string, string] => ['address', address]),
    ['status', httpUrl],
    ['STUN', `port ${stunPort}, UDP and TCP`],
    ['data', dir],
  ]
  return safe`The relay is up\n${formatRows(rows)}\nNodes use it with: floe node run --private --relay ADDRESS. Ctrl-C stops it.`
}
