import { createSemaphore } from '../../../base/semaphore.ts'
import type { CommitteeMember, Committees, NetworkConfig } from '../../../chain/types/index.ts'
import { chainFailure } from '../chain-failure.ts'
import type { Context } from '../context.ts'
import { CliError, EXIT, type ExitCode } from '../errors.ts'
import { loadNetwork } from '../network-file.ts'
import { describeState } from '../networks/info.ts'
import { formatBytes, formatRows, formatTable, lines, plural, type SafeText, safe } from '../text.ts'
import { askHealth, type LineHealth, type NodeHealth } from './ask-health.ts'
import { ownNode, servesNoHttp } from './own-node.ts'

export interface HealthOptions {
  dir: string
  network?: string
  all?: boolean
}

/** Asked at a time. */
const AT_ONCE = 16

/** Asks storage nodes how they are, and the chain where the epoch stands. */
export async function health(
  context: Context,
  names: readonly string[],
  options: HealthOptions,
): Promise<ExitCode> {
  const { parts, output, signal, clock } = context
  const own = names.length === 0 && options.all !== true ? await ownOf(context, options) : undefined
  const network = own?.network ?? (await loadNetwork(options, context)).network
  const coordinator = await parts.coordinate(network)
  try {
    const committees = await coordinator.committees({ fresh: true, signal })
    const asked = own === undefined ? chosen(committees.current.members, names) : [own.at]
    const semaphore = createSemaphore(AT_ONCE)
    const nodes = await Promise.all(
      asked.map(async ({ name, address }) => {
        const turn = await semaphore.take(1, signal)
        try {
          return judge(name, address, await askHealth(address, { clock, signal }), committees)
        } finally {
          turn.release()
        }
      }),
    )
    const phase = phaseOf(committees)
    await output.result(
      { ...phase, whole: nodes.every(({ whole }) => whole), nodes },
      told(phase, nodes, own !== undefined),
    )
    return nodes.every(({ whole }) => whole) ? EXIT.ok : EXIT.unavailable
  } catch (error) {
    throw chainFailure(error)
  } finally {
    await coordinator.close()
  }
}

interface Asked {
  name: string
  /** host:port of its HTTP API */
  address: string
}

/** The node of the folder, at the address on which it listens. */
async function ownOf(
  { cwd }: Context,
  options: HealthOptions,
): Promise<{ at: Asked; network: NetworkConfig }> {
  const { config, network, address } = await ownNode(cwd, options)
  if (address === undefined) throw servesNoHttp(options.dir)
  return { at: { name: config.name, address }, network }
}

/** The members that are named; all when none is. */
function chosen(members: readonly CommitteeMember[], names: readonly string[]): Asked[] {
  const missing = names.find(text => !members.some(({ name, nodeId }) => text === name || text === nodeId))
  if (missing !== undefined) {
    throw new CliError('NOT_FOUND', EXIT.notFound, `There is no node ${missing} in the committee.`, {
      hint: '`floe info committee` lists the nodes; without a name the node of --dir is asked.',
    })
  }
  return members
    .filter(({ name, nodeId }) => names.length === 0 || names.includes(name) || names.includes(nodeId))
    .toSorted((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))
    .map(({ name, networkAddress }) => ({ name, address: networkAddress }))
}

interface Judged extends Asked {
  whole: boolean
  /** what is wrong, in words */
  problems: string[]
  health?: NodeHealth
}

/** What is wrong with a node, if anything. One that fetches ahead, or waits for uploads' slivers, is well. */
function judge(name: string, address: string, answer: NodeHealth | string, committees: Committees): Judged {
  if (typeof answer === 'string') return { name, address, whole: false, problems: [answer] }
  const { state, stateEpoch, trouble, reportedEpoch, shardSummary } = answer
  const problems: string[] = []
  const { epoch } = committees
  if (stateEpoch !== epoch) problems.push(`it is in epoch ${stateEpoch}, the chain in ${epoch}`)
  const idle = state === 'standby' && shardSummary.owned === 0
  if (state !== 'active' && !idle)
    problems.push(state === 'standby' ? 'it has just started' : `it is ${state}`)
  if (answer.followed?.isTip === false)
    problems.push(`it is behind the chain: it has heard ${heardText(answer.followed)}`)
  if (committees.state.kind === 'sync' && !idle && reportedEpoch !== epoch)
    problems.push('it has not reported')
  if (trouble !== undefined)
    problems.push(TROUBLES[trouble] ?? `it cannot tell the chain something: ${trouble}`)
  if (answer.table.differing > 0)
    problems.push(`its blob table is another than that of ${plural(answer.table.differing, 'member')}`)
  if (answer.bandwidth?.month.usedUp === true)
    problems.push('what it may move in this month is used up: it answers no reads of more than 256 KiB')
  if (answer.challenge?.state === 'lacking' && answer.challenge.epoch === epoch)
    problems.push('it does not have all that the storage challenge asks for: it earns nothing for this epoch')
  if (answer.disk?.takesUploads === false)
    problems.push(
      `its disk is nearly full, ${formatBytes(answer.disk.freeBytes)} are free: it takes no uploads`,
    )
  return { name, address, whole: problems.length === 0, problems, health: answer }
}

const heardText = ({ checkpoint }: NonNullable<NodeHealth['followed']>): string =>
  checkpoint === null ? 'nothing of it yet' : `what it said up to checkpoint ${checkpoint}`

const TROUBLES: Readonly<Record<string, string>> = {
  NOT_ENOUGH_SUI: 'its wallet has no gas left: send it SUI',
  RPC_UNAVAILABLE: 'it does not reach Sui',
  NO_WALLET: 'it has no wallet to tell the chain of blobs that were encoded wrongly: others must',
  NO_SNAPSHOT: 'Sui does not keep what it has not heard, and not enough others have a blob table to give',
}

interface Phase {
  epoch: number
  /** `sync`: shards are moving */
  phase: Committees['state']['kind']
  /** shards of those who have told the chain that they have everything, while they are moving */
  reportedShards?: number
  nShards: number
  text: string
}

function phaseOf(committees: Committees): Phase {
  const { epoch, state, current } = committees
  const { nShards } = current
  const reportedShards = state.kind === 'sync' ? state.weight : undefined
  const text = `${describeState(committees)}${reportedShards === undefined ? '' : `, ${reportedShards} of ${nShards} are reported`}`
  return { epoch, phase: state.kind, nShards, text, reportedShards }
}

function told({ epoch, text }: Phase, nodes: readonly Judged[], isOwn: boolean): SafeText {
  const head = safe`Epoch ${epoch}: ${text}`
  const [first] = nodes
  if (isOwn && first?.health !== undefined) {
    const { health, problems } = first
    return lines([
      safe`${first.name} is ${problems.length === 0 ? 'well' : 'not well'}`,
      formatRows([
        ...problems.map((problem): [string, string] => ['problem', problem]),
        ['state', `${health.state}, epoch ${health.stateEpoch}`],
        ['shards', shardsText(health)],
        ['missing', missingText(health)],
        ['stored', plural(health.storedBlobs, 'blob')],
        ['blob table', tableText(health)],
        ...(health.disk === undefined ? [] : [['disk', diskText(health.disk)] as const]),
        ...(health.bandwidth === undefined ? [] : lineRows(health.bandwidth)),
        ['recovered', amountText(health, 'recovered')],
        ['synced', amountText(health, 'synced')],
        ['served', amountText(health, 'served')],
        ['scrubbed', scrubText(health)],
        ...(health.challenge === undefined ? [] : [['challenge', challengeText(health.challenge)] as const]),
        ['budget', budgetText(health)],
        ['backing off', peersText(health)],
        ['epoch', `${epoch}: ${text}`],
      ]),
    ])
  }
  const silent = nodes.filter(({ problems }) => problems.includes('it has not reported'))
  return lines([
    head,
    formatTable(
      [
        'name',
        'state',
        'shards',
        'missing',
        'recovered',
        'synced',
        'served',
        'bad',
        'challenge',
        'backing off',
        'problem',
      ],
      nodes.map(({ name, health, problems }) => [
        name,
        health?.state ?? '-',
        health === undefined ? '-' : shardsText(health),
        health === undefined ? '-' : missingText(health),
        amountText(health, 'recovered'),
        amountText(health, 'synced'),
        amountText(health, 'served'),
        String(health?.scrub?.bad ?? '-'),
        health?.challenge?.state ?? '-',
        String(health?.peersBackingOff ?? '-'),
        problems.join('; ') || '-',
      ]),
    ),
    ...(silent.length === 0 ? [] : [safe`Not reported: ${silent.map(({ name }) => name).join(', ')}`]),
  ])
}

function shardsText({ shards: { active, gaining, locked } }: NodeHealth): string {
  const parts = [
    `${active} active`,
    ...(gaining > 0 ? [`${gaining} gaining`] : []),
    ...(locked > 0 ? [`${locked} locked`] : []),
  ]
  return parts.join(', ')
}

const CHALLENGE_STATES: Readonly<Record<string, string>> = {
  open: 'it has not committed to what it holds yet',
  committed: 'it has committed to what it holds; what is asked is not drawn yet',
  drawn: 'it shows what is asked',
  lacking: 'it does not have all that is asked',
  passed: 'passed',
}

function challengeText({ epoch, round, state, refusals }: NonNullable<NodeHealth['challenge']>): string {
  if (state === 'none') return 'none yet'
  const codes = [...new Set(refusals.map(({ code }) => code))]
  const refused =
    codes.length === 0 ? '' : `; refused by ${plural(refusals.length, 'node')}: ${codes.join(', ')}`
  return `epoch ${epoch}, round ${round}: ${CHALLENGE_STATES[state]}${refused}`
}

function tableText({ table: { epoch, digest } }: NodeHealth): string {
  return epoch === undefined ? 'none yet' : `of epoch ${epoch}, ${digest}`
}

function diskText({ freeBytes, reservedBytes }: NonNullable<NodeHealth['disk']>): string {
  return `${formatBytes(freeBytes)} free, ${formatBytes(reservedBytes)} of it not for uploads`
}

function lineRows({
  upBytesPerSecond,
  downBytesPerSecond,
  quiet,
  month: { month, bytes, limitBytes },
}: LineHealth): [string, string][] {
  const rate = (limit: number | undefined) => (limit === undefined ? 'no limit' : `${formatBytes(limit)}/s`)
  const rates = `up ${rate(upBytesPerSecond)}, down ${rate(downBytesPerSecond)}`
  const of = limitBytes === undefined ? '' : ` of ${formatBytes(limitBytes)}`
  return [
    ['line', quiet ? `${rates} (quiet hours)` : rates],
    [month, `${formatBytes(bytes)}${of} moved`],
  ]
}

function missingText({ missing }: NodeHealth): string {
  return (
    Object.entries(missing)
      .map(([reason, count]) => `${count} ${reason}`)
      .join(', ') || 'nothing'
  )
}

/** Since the node's process began. */
function amountText(health: NodeHealth | undefined, what: 'recovered' | 'synced' | 'served'): string {
  const amount = health?.work?.[what]
  if (amount === undefined) return '-'
  return amount.slivers === 0
    ? 'nothing'
    : `${plural(amount.slivers, 'sliver')}, ${formatBytes(amount.bytes)}`
}

function scrubText({ scrub, work }: NodeHealth): string {
  if (scrub === undefined || work === undefined) return '-'
  const { epoch, over, bad } = scrub
  const { slivers, bytes } = work.scrubbed
  const round = over ? `all in epoch ${epoch}` : `under way since epoch ${epoch}`
  return `${plural(slivers, 'sliver')}, ${formatBytes(bytes)}, ${bad} bad; ${round}`
}

/** Of all that is done beside reads and writes. */
function budgetText({ budget }: NodeHealth): string {
  if (budget === undefined) return '-'
  const { threads, bytesPerSecond, bytesInFlight, heldBytes, waiting } = budget
  const most = `${plural(threads, 'thread')}, ${formatBytes(bytesPerSecond)}/s, ${formatBytes(heldBytes)} of ${formatBytes(bytesInFlight)} held`
  return waiting === 0 ? most : `${most}, ${waiting} waiting`
}

const peersText = ({ peersBackingOff }: NodeHealth): string =>
  peersBackingOff === undefined ? '-' : plural(peersBackingOff, 'peer')
