import type { Clock } from '../../../base/clock.ts'
import { defined } from '../../../base/defined.ts'

/** A shard that another node has now. */
export interface LostShard {
  shard: number
  /** in which it was lost */
  epoch: number
  /** its new owner has told the chain that it has it */
  received: boolean
}

/** What of a node's `/v1/health` is looked at. */
export interface NodeHealth {
  state: string
  stateEpoch: number
  shards: { active: number; gaining: number; locked: number }
  shardSummary: { owned: number }
  /** blobs, by why */
  missing: Record<string, number>
  reportedEpoch: number | null
  /** of the chain, and whether that is its end as far as the node sees; nodes of earlier versions do not tell */
  followed?: { checkpoint: number | null; isTip: boolean }
  /** an error code */
  trouble?: string
  storedBlobs: number
  /** with `detailed` */
  lostShards?: LostShard[]
  /** the newest blob table, and how many members have another of that epoch */
  table: { epoch?: number; digest?: string; differing: number }
  /** of its store; not told by earlier versions */
  disk?: { freeBytes: number; reservedBytes: number; takesUploads: boolean }
  /** since its process began; nodes of earlier versions do not tell */
  work?: Record<'recovered' | 'synced' | 'served' | 'scrubbed', { slivers: number; bytes: number }>
  /** of all that it does beside reads and writes: what it may take, and how much of that is taken; not told by earlier versions */
  budget?: {
    threads: number
    bytesPerSecond: number
    bytesInFlight: number
    heldBytes: number
    waiting: number
  }
  /** how far the stored slivers were looked at, and what was bad of them */
  scrub?: { epoch: number; over: boolean; checked: number; bad: number }
  /** how it stands in the newest round of storage challenges, and which error codes others refused it by */
  challenge?: { epoch: number; round: number; state: string; refusals: { nodeId?: string; code: string }[] }
  /** peers that it asks last for now */
  peersBackingOff?: number
  /** what its line may carry now, and what moved in the month */
  bandwidth?: LineHealth
}

/** Rates in bytes per second; absent without a limit. */
export interface LineHealth {
  upBytesPerSecond?: number
  downBytesPerSecond?: number
  quiet: boolean
  month: { month: string; bytes: number; limitBytes?: number; usedUp: boolean }
}

const LIMIT_MS = 10_000
/** A node may be anybody's. */
const LIMIT_BYTES = 256 * 1024

/** A node's health; in words what is wrong when there is none to be had. Throws only the signal's reason. */
export async function askHealth(
  address: string,
  { clock, signal, detailed = false }: { clock: Clock; signal: AbortSignal; detailed?: boolean },
): Promise<NodeHealth | string> {
  using limit = clock.deadline(LIMIT_MS, [signal])
  try {
    const response = await fetch(`http://${address}/v1/health${detailed ? '?detailed=true' : ''}`, {
      signal: limit.signal,
      redirect: 'error',
    })
    const answer = JSON.parse(await textOf(response)) as { success?: { data?: unknown }; error?: unknown }
    if (!response.ok) return `it answers ${response.status}: ${reasonOf(answer)}`
    return healthOf(answer.success?.data) ?? 'its answer is not one of Floe'
  } catch (error) {
    signal.throwIfAborted()
    if (limit.expired) return 'it does not answer'
    return error instanceof SyntaxError || error instanceof RangeError
      ? 'its answer is not one of Floe'
      : 'it cannot be reached'
  }
}

async function textOf({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body ?? []) {
    bytes += chunk.length
    if (bytes > LIMIT_BYTES) throw new RangeError('too long')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function reasonOf(answer: { error?: unknown }): string {
  const { details } = (answer.error ?? {}) as { details?: { reason?: unknown }[] }
  const reason = Array.isArray(details) ? details[0]?.reason : undefined
  return typeof reason === 'string' ? reason : 'it does not say why'
}

function healthOf(value: unknown): NodeHealth | undefined {
  const {
    state,
    stateEpoch,
    shards,
    shardSummary,
    missing,
    reportedEpoch,
    trouble,
    storedBlobs,
    table,
    lostShards,
    disk,
    ...more
  } = (value ?? {}) as NodeHealth
  const counts = [
    stateEpoch,
    shards?.active,
    shards?.gaining,
    shards?.locked,
    shardSummary?.owned,
    storedBlobs,
    table?.differing,
    table?.epoch ?? 0,
  ]
  const isRight =
    typeof state === 'string' &&
    counts.every(Number.isSafeInteger) &&
    typeof missing === 'object' &&
    missing !== null &&
    Object.values(missing).every(Number.isSafeInteger) &&
    (reportedEpoch === null || Number.isSafeInteger(reportedEpoch)) &&
    (trouble === undefined || typeof trouble === 'string') &&
    (disk === undefined || isDisk(disk)) &&
    (lostShards === undefined || (Array.isArray(lostShards) && lostShards.every(isLost))) &&
    /^[0-9a-f]{64}$/.test(table.digest ?? '0'.repeat(64))
  return isRight
    ? {
        state,
        stateEpoch,
        shards,
        shardSummary,
        missing,
        reportedEpoch,
        trouble,
        storedBlobs,
        table,
        lostShards,
        disk,
        ...toldOf(more),
      }
    : undefined
}

const isDisk = (value: unknown): value is NonNullable<NodeHealth['disk']> => {
  const { freeBytes, reservedBytes, takesUploads } = (value ?? {}) as NonNullable<NodeHealth['disk']>
  return [freeBytes, reservedBytes].every(Number.isSafeInteger) && typeof takesUploads === 'boolean'
}

const isLost = (value: unknown): value is LostShard => {
  const { shard, epoch, received } = (value ?? {}) as LostShard
  return Number.isSafeInteger(shard) && Number.isSafeInteger(epoch) && typeof received === 'boolean'
}

/** What a node tells beside that, as far as it does. */
function toldOf({
  work,
  budget,
  scrub,
  peersBackingOff,
  followed,
  bandwidth,
  challenge,
}: Partial<NodeHealth>): Pick<
  NodeHealth,
  'work' | 'budget' | 'scrub' | 'peersBackingOff' | 'followed' | 'bandwidth' | 'challenge'
> {
  const isAmount = (what: 'recovered' | 'synced' | 'served' | 'scrubbed') =>
    isCount(work?.[what]?.slivers) && isCount(work?.[what]?.bytes)
  const isScrub = typeof scrub?.over === 'boolean' && [scrub.epoch, scrub.checked, scrub.bad].every(isCount)
  const { threads = -1, ...counts } = budget ?? {}
  const isBudget =
    Number.isFinite(threads) && threads > 0 && BUDGET.every(what => isCount(counts[what as never]))
  const isFollowed =
    typeof followed?.isTip === 'boolean' && (followed.checkpoint === null || isCount(followed.checkpoint))
  return defined({
    budget: isBudget ? budget : undefined,
    work: WORK.every(isAmount) ? work : undefined,
    scrub: isScrub ? scrub : undefined,
    followed: isFollowed ? followed : undefined,
    peersBackingOff: isCount(peersBackingOff) ? peersBackingOff : undefined,
    bandwidth: bandwidth && isLine(bandwidth) ? bandwidth : undefined,
    challenge: challenge && isChallenge(challenge) ? challenge : undefined,
  })
}

function isChallenge({ epoch, round, state, refusals }: NonNullable<NodeHealth['challenge']>): boolean {
  const isRefusal = (refusal: unknown): boolean => {
    const { nodeId, code } = (refusal ?? {}) as Record<string, unknown>
    return (nodeId === undefined || typeof nodeId === 'string') && /^[A-Z_]{1,40}$/.test(String(code))
  }
  return (
    isCount(epoch) &&
    isCount(round) &&
    STATES.includes(state) &&
    Array.isArray(refusals) &&
    refusals.every(isRefusal)
  )
}

function isLine({ upBytesPerSecond, downBytesPerSecond, quiet, month }: LineHealth): boolean {
  const rates = [upBytesPerSecond, downBytesPerSecond, month?.limitBytes]
  return (
    rates.every(rate => rate === undefined || isCount(rate)) &&
    isCount(month?.bytes) &&
    /^\d{4}-\d\d$/.test(month.month) &&
    [quiet, month.usedUp].every(one => typeof one === 'boolean')
  )
}

const STATES = ['none', 'open', 'committed', 'drawn', 'lacking', 'passed']
const WORK = ['recovered', 'synced', 'served', 'scrubbed'] as const
const BUDGET = ['bytesPerSecond', 'bytesInFlight', 'heldBytes', 'waiting']
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0
