import type { PathTraffic } from '../../../protocols/index.ts'
import type { RelayStanding } from '../../network/circuit/keeper.ts'
import { askForStatus, ControlError } from '../../storage/home/control.ts'
import type { NodeStatus } from '../../storage/home/node-status.ts'
import type { Context } from '../context.ts'
import { CliError, EXIT, type ExitCode, sentence } from '../errors.ts'
import { formatBytes, formatDuration, formatRows, type SafeText, safe } from '../text.ts'
import { ownNode } from './own-node.ts'

/** Asks the running node of a folder how others reach it. */
export async function status(
  { cwd, clock, output, signal }: Context,
  options: { dir: string; network?: string },
): Promise<ExitCode> {
  const own = await ownNode(cwd, options)
  const answer = await askForStatus(own.folder.dir, { clock, signal }).catch(error => {
    if (!(error instanceof ControlError)) throw error
    throw new CliError('NODE_FAILED', EXIT.unavailable, sentence(error.message), { cause: error })
  })
  if (answer === undefined) {
    throw new CliError('NODE_SILENT', EXIT.unavailable, `${own.config.name} does not run.`, {
      hint: '`floe node run` runs it. A node of `floe up` answers when it has a process of its own, by `floe up --processes`.',
    })
  }
  await output.result(answer, text(answer))
  return isReached(answer) ? EXIT.ok : EXIT.unavailable
}

/** A private node without a reservation is reached by nobody. */
const isReached = ({ reach, multiaddrs }: NodeStatus): boolean => reach !== 'private' || multiaddrs.length > 0

function text(status: NodeStatus): SafeText {
  const { reach, multiaddrs, relays, paths, traffic, punches, bandwidth } = status
  const { month } = bandwidth
  const limit = month.limitBytes === undefined ? '' : ` of ${formatBytes(month.limitBytes)}`
  const rows: [string, string][] = [
    [
      'reach',
      isReached(status) ? reach : `${reach}, and no relay has granted a reservation: nobody reaches it`,
    ],
    ...multiaddrs.map((address): [string, string] => ['address', address]),
    ...relays.map((relay): [string, string] => ['relay', relayText(relay)]),
    ['connections', `${paths.direct} direct, ${paths.relayed} over relays`],
    ['punched', `${punches.succeeded}, in vain ${punches.failed} times`],
    ...traffic.slice(0, TOLD_PEERS).map((one): [string, string] => ['peer', trafficText(one)]),
    ['moved', `${formatBytes(bandwidth.moved.up)} up, ${formatBytes(bandwidth.moved.down)} down`],
    ['this month', `${formatBytes(month.bytes)}${limit}`],
  ]
  return safe`${formatRows(rows)}`
}

/** `--json` tells of more. */
const TOLD_PEERS = 8

function trafficText({ peer, path, up, down }: PathTraffic): string {
  const rates = `${formatBytes(up.bytesPerSecond)} a second up, ${formatBytes(down.bytesPerSecond)} down`
  return `${peer}: ${path}, ${rates}; ${formatBytes(up.bytes)} up, ${formatBytes(down.bytes)} down in all`
}

function relayText({
  peerId,
  state,
  chosen,
  latencyMs,
  load,
  score,
  reason,
  retryInMs,
}: RelayStanding): string {
  const parts = [
    state === 'held' ? (chosen ? 'reserved' : 'reserved, stands in for another') : state,
    latencyMs === undefined ? undefined : formatDuration(latencyMs),
    load === undefined ? undefined : `load ${Math.round(load * 100)} %`,
    score === undefined ? undefined : `score ${Math.round(score)}`,
    state === 'held' ? undefined : reason,
    state !== 'waiting' || !retryInMs ? undefined : `asked again in ${formatDuration(retryInMs)}`,
  ]
  return `${peerId}: ${parts.filter(part => part !== undefined).join(', ')}`
}
