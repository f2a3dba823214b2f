import type { RelayStatus } from '../../relay/status.ts'
import type { Context } from '../context.ts'
import { CliError, EXIT, type ExitCode } from '../errors.ts'
import { formatBytes, formatDuration, formatRows, type SafeText, safe } from '../text.ts'

const ASK_MS = 5_000

/** Asks a relay how it is doing. */
export async function status(
  { output, clock, signal }: Context,
  { url }: { url: string },
): Promise<ExitCode> {
  using limit = clock.deadline(ASK_MS, [signal])
  const answer = await ask(new URL('/status', url), limit.signal).catch(cause => {
    signal.throwIfAborted()
    throw new CliError('RELAY_SILENT', EXIT.unavailable, `No relay answers at ${url}.`, {
      hint: 'Name its status page with --url.',
      cause,
    })
  })
  await output.result(answer, text(answer))
  return answer.healthy ? EXIT.ok : EXIT.unavailable
}

async function ask(url: URL, signal: AbortSignal): Promise<RelayStatus> {
  const response = await fetch(url, { signal })
  if (!response.ok) throw new Error(`status ${response.status}`)
  return (await response.json()) as RelayStatus
}

function text(status: RelayStatus): SafeText {
  const { counts, month, limits } = status
  const refused = Object.entries(counts.refused).map(([reason, count]) => `${reason} ${count}`)
  const rows: [string, string][] = [
    ['address', status.multiaddrs.join(' ')],
    ['up', formatDuration(status.uptimeMs)],
    ['reservations', `${status.reservations} of ${limits.reservations}`],
    ['circuits', `${status.circuits} of ${limits.circuits}`],
    ['load', `${Math.round(status.load * 100)} % of ${formatBytes(limits.bytesPerSecond)} a second`],
    [
      'moved',
      `${formatBytes(counts.bytes.members)} of members, ${formatBytes(counts.bytes.strangers)} of others`,
    ],
    ['this month', `${formatBytes(month.bytes)} of ${formatBytes(limits.bytesPerMonth)}`],
    ['memory', `${formatBytes(status.rssBytes)}${status.healthy ? '' : ', more than it should have'}`],
    ['refused', refused.length === 0 ? 'nothing' : refused.join(', ')],
  ]
  return safe`${formatRows(rows)}`
}
