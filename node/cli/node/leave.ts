import { createBackoff } from '../../../base/backoff.ts'
import { defined } from '../../../base/defined.ts'
import { isChainError } from '../../../chain/index.ts'
import type { Committees, FullCoordinator, Stake } from '../../../chain/types/index.ts'
import type { ObjectId } from '../../../codec/types.ts'
import { loadNodeKeys, type NodeKeys } from '../../keys.ts'
import { chainFailure } from '../chain-failure.ts'
import type { Context } from '../context.ts'
import { CliError, EXIT, type ExitCode } from '../errors.ts'
import { formatRows, formatWal, lines, plural, type SafeText, safe, shellWord } from '../text.ts'
import { askHealth, type LostShard } from './ask-health.ts'
import { type OwnNode, ownNode, servesNoHttp } from './own-node.ts'

export interface LeaveOptions {
  dir: string
  network?: string
  wait?: boolean
}

/** A shard that others have now is handed out for so many epochs when its new owner does not report. */
const KEPT_EPOCHS = 2
const LOOK_MS = 5_000
/** between two tries at a chain that does not answer */
const MOST_MS = 60_000
/** A node that is waited for may be started again meanwhile, or be busy. */
const SILENT_MS = 300_000

/**
 * Gives notice of all that the node's wallet has staked with it, and tells whether it may be stopped: not while it has shards,
 * or is the only one that has what others were given. Throws SHARDS_UNRECEIVED for a node that gave notice before and may not;
 * NODE_SILENT for one that cannot be asked, for five minutes on end where it is waited for.
 */
export async function leave(context: Context, options: LeaveOptions): Promise<ExitCode> {
  const { cwd, parts, output, clock, signal } = context
  const own = await ownNode(cwd, options)
  const keys = await loadNodeKeys(own.folder.keys, false)
  const coordinator = await parts.coordinate(own.network)
  try {
    const { nodeId } = (await coordinator.operator(keys.wallet).capability({ signal })) ?? notRegistered(keys)
    const given = await giveNotice(coordinator, keys, nodeId, signal)
    for (let silentSinceMs: number | undefined; ; await clock.sleep(LOOK_MS, signal)) {
      const committees = await committeesOf(context, coordinator, options)
      const standing = await standingOf(context, own, options.dir, nodeId, committees)
      if (typeof standing === 'string') {
        silentSinceMs ??= clock.monotonic()
        const isPassing = options.wait === true && clock.monotonic() - silentSinceMs < SILENT_MS
        if (!isPassing) throw silent(options.dir, standing, given)
        output.say(safe`${own.config.name} cannot be asked: ${standing}. It is asked again.`)
        continue
      }
      silentSinceMs = undefined
      const isOver = standing.safeToStop || (given.length > 0 && options.wait !== true)
      if (!isOver && options.wait !== true) throw unreceived(own, standing)
      if (isOver) {
        const told = { name: own.config.name, nodeId, noticeFrost: sumOf(given), stakes: given, ...standing }
        await output.result(told, leaveText(own, told, options.dir))
        return EXIT.ok
      }
      output.say(waitingText(own, standing))
    }
  } catch (error) {
    throw chainFailure(error)
  } finally {
    await coordinator.close()
  }
}

/** One who waits goes on when the chain does not answer, later and later, until told to stop. Throws ChainError where nobody waits. */
async function committeesOf(
  { output, clock, signal }: Context,
  coordinator: Pick<FullCoordinator, 'committees'>,
  { wait }: LeaveOptions,
): Promise<Committees> {
  const backoff = createBackoff({ firstMs: LOOK_MS, maxMs: MOST_MS, timers: clock })
  for (;;) {
    try {
      return await coordinator.committees({ fresh: true, signal })
    } catch (error) {
      signal.throwIfAborted()
      if (wait !== true || !isChainError(error)) throw error
      output.say(safe`The chain cannot be asked: ${error.message}. It is asked again.`)
      await backoff.pause(signal)
    }
  }
}

function notRegistered({ wallet: { address } }: NodeKeys): never {
  throw new CliError('NOT_FOUND', EXIT.notFound, `The wallet ${address} has registered no storage node.`, {
    hint: 'There is nothing to leave.',
  })
}

const sumOf = (given: readonly Pick<Stake, 'principalFrost'>[]): bigint =>
  given.reduce((sum, { principalFrost }) => sum + principalFrost, 0n)

function silent(dir: string, reason: string, given: readonly Pick<Stake, 'principalFrost'>[]): CliError {
  const noticeFrost = sumOf(given)
  const notice = noticeFrost > 0n ? ` Notice of ${formatWal(noticeFrost)} was given.` : ''
  return new CliError(
    'NODE_SILENT',
    EXIT.unavailable,
    `The node of ${dir} cannot be asked: ${reason}.${notice}`,
    {
      hint: `Others may need what it has: \`floe node run --dir ${shellWord(dir)}\`, then ask again.`,
      details: { noticeFrost },
    },
  )
}

/** Of each own stake that still counts, or will; what was given notice of before stays as it is. */
async function giveNotice(
  coordinator: FullCoordinator,
  { wallet }: NodeKeys,
  nodeId: ObjectId,
  signal: AbortSignal,
): Promise<Pick<Stake, 'objectId' | 'principalFrost' | 'state'>[]> {
  const staker = coordinator.staker(wallet)
  const given: Stake[] = []
  for (const stake of await coordinator.stakes(wallet.address, { signal })) {
    if (stake.nodeId !== nodeId || stake.state.kind !== 'staked') continue
    const noticed = await staker.requestWithdrawal(stake.objectId, { signal }).catch(error => {
      // it is in no committee, and will be in none
      if (error?.details?.name === 'EWithdrawDirectly') return undefined
      throw error
    })
    if (noticed === undefined) await staker.withdraw(stake.objectId, { signal })
    given.push(noticed?.stake ?? stake)
  }
  return given
}

/** Why a node may not be stopped yet, if so. */
interface Standing {
  safeToStop: boolean
  epoch: number
  /** that it has in this epoch */
  shards: number[]
  /** that it will have in the next one, which is selected: of others' stake */
  nextShards: number[]
  /** that others have now, of which the chain does not know yet that they have them */
  unreceived: LostShard[]
  /** with which epoch it is over, whoever has not reported; absent while it has shards */
  untilEpoch?: number
}

/** In words what is wrong with a node that cannot be asked. */
async function standingOf(
  { clock, signal }: Context,
  { address }: OwnNode,
  dir: string,
  nodeId: ObjectId,
  { epoch, current, next }: Committees,
): Promise<Standing | string> {
  const shardsIn = (committee: Committees['next']): number[] =>
    committee?.members.find(member => member.nodeId === nodeId)?.shards.toSorted((a, b) => a - b) ?? []
  const shards = shardsIn(current)
  const nextShards = shardsIn(next)
  if (address === undefined) throw servesNoHttp(dir)
  const health = await askHealth(address, { clock, signal, detailed: true })
  if (typeof health === 'string') return health
  // it may not have locked yet what it has lost
  const isBehind = health.stateEpoch < epoch || (shards.length === 0 && health.shards.active > 0)
  const unreceived = (health.lostShards ?? []).filter(
    lost => !lost.received && epoch < lost.epoch + KEPT_EPOCHS,
  )
  const hasShards = shards.length + nextShards.length > 0
  const isKept = !hasShards && unreceived.length > 0
  return defined({
    safeToStop: !hasShards && unreceived.length === 0 && !isBehind,
    epoch,
    shards,
    nextShards,
    unreceived,
    untilEpoch: isKept ? Math.max(...unreceived.map(lost => lost.epoch)) + KEPT_EPOCHS : undefined,
  })
}

function unreceived({ config }: OwnNode, standing: Standing): CliError {
  return new CliError(
    'SHARDS_UNRECEIVED',
    EXIT.unavailable,
    `${config.name} must not be stopped yet: ${why(standing)}.`,
    {
      hint: '`floe node leave --wait` waits until it may be.',
      details: standing,
    },
  )
}

function why({ shards, nextShards, unreceived: lost, untilEpoch, epoch }: Standing): string {
  if (nextShards.length > 0)
    return `it will have ${plural(nextShards.length, 'shard')} in epoch ${epoch + 1}, for others have stake with it`
  if (shards.length > 0) return `it has ${plural(shards.length, 'shard')} of epoch ${epoch}`
  if (untilEpoch === undefined) return 'it has not heard of the present epoch yet'
  const which = lost.map(({ shard }) => shard).join(', ')
  return `shards ${which} are not received by those who have them now, who may fetch them until epoch ${untilEpoch}`
}

function waitingText({ config }: OwnNode, standing: Standing): SafeText {
  return safe`${config.name} stays: ${why(standing)}.`
}

function leaveText(
  { config }: OwnNode,
  { noticeFrost, ...standing }: Standing & { noticeFrost: bigint },
  dir: string,
): SafeText {
  return lines([
    noticeFrost > 0n
      ? safe`${config.name} leaves: gave notice of ${formatWal(noticeFrost)}`
      : safe`${config.name} has left`,
    formatRows([['safe to stop', standing.safeToStop ? 'yes, now' : `not yet: ${why(standing)}`]]),
    ...(standing.safeToStop
      ? []
      : [
          safe`\nLet it run: it hands out its shards until others have them. This tells when it may be stopped:\n`,
          safe`  npx floe node leave --wait --dir ${shellWord(dir)}`,
        ]),
  ])
}
