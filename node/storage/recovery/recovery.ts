import { Background } from '../../../base/background.ts'
import { createBackoff } from '../../../base/backoff.ts'
import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import { Notify } from '../../../base/notify.ts'
import { Troubles } from '../../../base/troubles.ts'
import type { CommitteeMember, Committees } from '../../../chain/types/index.ts'
import { sliverLength } from '../../../codec/index.ts'
import type { BlobId, BlobMetadata, ShardIndex } from '../../../codec/types.ts'
import type { SliverStore } from '../../../protocols/ports.ts'
import type { CommitteeTracker } from '../../network/committees.ts'
import type { BlobLock } from '../blob-lock.ts'
import type { Urgency } from '../budget.ts'
import { isOwed } from '../epochs/whole.ts'
import type { BlobRecords } from '../store/blob-records.ts'
import { diskTrouble } from '../store/disk-error.ts'
import type { MetadataStore } from '../store/metadata-store.ts'
import {
  dropMissing,
  MISSING_URGENCIES,
  type MissingRecord,
  type MissingUrgency,
  type NodeRecords,
  putMissing,
  urgencyOf,
} from '../store/node-records.ts'
import type { Missing } from './missing.ts'
import { redateAhead } from './redate.ts'

/** A blob that lacks slivers here, with what is needed to get them. */
export interface Patient {
  blobId: BlobId
  metadata: BlobMetadata
  /** shards of the node of which a sliver of the blob is missing */
  shards: readonly ShardIndex[]
  urgency: Urgency
}

/** One way to get missing slivers. */
export interface Cure {
  /** Stores what it can get, each sliver checked; what is still missing is looked up afterwards. Rejects with the signal's reason. */
  heal(patients: readonly Patient[], committees: Committees, signal: AbortSignal): Promise<void>
}

export interface RecoveryComponents {
  nShards: number
  committees: Pick<CommitteeTracker, 'get'>
  records: Pick<NodeRecords, 'due' | 'missingOf' | 'commit'>
  blobs: Pick<BlobRecords, 'get'>
  lock: Pick<BlobLock, 'enter' | 'exclusively' | 'isOpen'>
  slivers: Pick<SliverStore, 'list'>
  metadata: Pick<MetadataStore, 'get'>
  missing: Missing
  /** The blob's metadata from a peer, checked and stored; undefined when nobody has it now. */
  findMetadata: (
    blobId: BlobId,
    committees: Committees,
    signal: AbortSignal,
  ) => Promise<BlobMetadata | undefined>
  /** tried in this order, each for what the ones before have left */
  cures: readonly Cure[]
  /** Something that was missing is there, or needed no more. */
  onHealed: () => void
  clock: Clock
  random: () => number
  log: Log
}

/** Gets what is missing, in the background, until nothing is. */
export interface Recovery {
  /** There may be more to do, or more may be possible. */
  wake(): void
  /** Blobs and bytes that were got back since the start. */
  readonly healed: { blobs: number }
  start(): void
  stop(): Promise<void>
}

/** Blobs of one round, and the bytes of their slivers: what is fetched and checked together. */
const ROUND_BLOBS = 128
const ROUND_BYTES = 64 * 1024 * 1024
/** The last slivers of a large blob may be on their way for longer than those of others. */
const TAIL_LARGE_MS = 60_000
const LARGE_BYTES = 64 * 1024 * 1024
const FIRST_BACKOFF_MS = 1_000
const LAST_BACKOFF_MS = 600_000
/** Between two looks at what is due, at least: an upload may be under way that brings it. */
const IDLE_MS = 1_000
/** A clock that is put back by less than this delays nothing by much. */
const PUT_BACK_MS = 5_000
/** So often it is looked whether the clock was put back, while something is missing. */
const CLOCK_LOOK_MS = 30_000
/** While something fails on this side, as for want of room: what others give is given in vain then. */
const LAST_TROUBLE_MS = 30_000

export function createRecovery(components: RecoveryComponents): Recovery {
  const healed = { blobs: 0 }
  const lanes = MISSING_URGENCIES.map(urgency => createLane(components, urgency, healed))
  return {
    wake: () => lanes.forEach(lane => void lane.wake()),
    healed,
    start: () => lanes.forEach(lane => void lane.start()),
    stop: async () => void (await Promise.all(lanes.map(lane => lane.stop()))),
  }
}

function createLane(
  components: RecoveryComponents,
  urgency: MissingUrgency,
  healed: { blobs: number },
): Omit<Recovery, 'healed'> {
  const { clock, log, records } = components
  const news = new Notify()
  const troubles = new Troubles(clock)
  const background = new Background(run)
  /** something went wrong with a blob in this pass */
  let failed = false
  const onFailed = (error: unknown): void => {
    failed = true
    if (troubles.isNews(error)) log.error({ err: error }, 'missing slivers of some blobs were put off')
  }

  async function run(signal: AbortSignal): Promise<void> {
    const backoff = createBackoff({ firstMs: IDLE_MS, maxMs: LAST_TROUBLE_MS, timers: clock })
    // what the clock is ahead of the time that never goes back; it may have been more before the start
    let leadMs = Number.POSITIVE_INFINITY
    while (!signal.aborted) {
      let nextMs: number | undefined
      try {
        const nowMs = clock.now() - clock.monotonic()
        if (nowMs < leadMs - PUT_BACK_MS) await redateAhead(components, urgency, LAST_BACKOFF_MS, signal)
        leadMs = nowMs
        nextMs = await pass(signal)
        if (!failed) troubles.over()
        backoff.reset()
      } catch (error) {
        if (signal.aborted) return
        if (troubles.isNews(error))
          log.warn({ err: error }, 'missing slivers could not be looked for; will try again')
        await backoff.pause(signal).catch(() => undefined)
        continue
      }
      const restMs =
        nextMs === undefined
          ? Number.POSITIVE_INFINITY
          : Math.max(IDLE_MS, Math.min(nextMs - clock.now(), CLOCK_LOOK_MS))
      await news.waitWithin(restMs, clock, signal).catch(() => undefined)
    }
  }

  /** Goes through all that is due once. When to do so again, in ms since 1970; undefined when nothing is missing. */
  async function pass(signal: AbortSignal): Promise<number | undefined> {
    const beforeMs = clock.now() + 1
    failed = false
    for (let after: string | undefined; ; ) {
      signal.throwIfAborted()
      const slice = await records.due({ urgency, beforeMs, after, limit: ROUND_BLOBS })
      const due: [BlobId, MissingRecord][] = []
      for (const { blobId } of slice) {
        const record = await records.missingOf(blobId)
        // an upload may bring it
        if (record !== undefined && !components.lock.isOpen(blobId)) due.push([blobId, record])
      }
      if (due.length > 0) await healRound({ ...components, onFailed }, due, signal, healed)
      if (slice.length < ROUND_BLOBS) break
      after = slice.at(-1)!.key
    }
    const [first] = await records.due({ urgency, limit: 1 })
    return first?.dueMs
  }

  return {
    wake: () => news.notify(),
    start: () => background.start(),
    stop: () => background.stop(),
  }
}

interface RoundComponents extends RecoveryComponents {
  /** What went wrong with one blob is no reason not to look after the others. */
  onFailed: (error: unknown) => void
}

async function healRound(
  components: RoundComponents,
  due: readonly [BlobId, MissingRecord][],
  signal: AbortSignal,
  healed: { blobs: number },
): Promise<void> {
  const committees = await components.committees.get({ signal })
  for (let at = 0; at < due.length; ) {
    signal.throwIfAborted()
    const admitted: LockedBlob[] = []
    let bytes = 0
    try {
      for (; at < due.length && (admitted.length === 0 || bytes < ROUND_BYTES); at++) {
        const one = await admit(components, due[at]!, committees, signal)
        if (one === undefined) continue
        admitted.push(one)
        bytes += one.bytes
      }
      await treat(components, admitted, committees, signal)
      for (const one of admitted) {
        if (await discharge(components, one, committees)) healed.blobs++
      }
      if (admitted.length > 0) components.onHealed()
    } finally {
      for (const { leave } of admitted) leave()
    }
  }
}

/** What none of the cures could do, or one failed with, is missing still. */
async function treat(
  components: RoundComponents,
  admitted: readonly LockedBlob[],
  committees: Committees,
  signal: AbortSignal,
): Promise<void> {
  try {
    for (const cure of components.cures) {
      const patients = await stillLacking(components, admitted)
      if (patients.length === 0) break
      await cure.heal(patients, committees, signal)
    }
  } catch (error) {
    signal.throwIfAborted()
    // there is no room for the others either
    if (diskTrouble(error) !== undefined) throw error
    components.onFailed(error)
  }
}

/** A blob that is being healed, under its lock until `leave`. */
interface LockedBlob {
  patient: Patient
  /** of the slivers that are missing */
  bytes: number
  record: MissingRecord
  leave: () => void
}

/** Nothing of an admitted blob is dropped until it is left. Undefined: there is nothing to do, or not now. */
async function admit(
  components: RoundComponents,
  [blobId, record]: [BlobId, MissingRecord],
  committees: Committees,
  signal: AbortSignal,
): Promise<LockedBlob | undefined> {
  const { lock, blobs, records, metadata: store, missing, clock } = components
  const leave = await lock.enter(blobId)
  try {
    if (!isOwed(await blobs.get(blobId), committees.epoch)) {
      await lock.exclusively(blobId, () => records.commit([dropMissing(blobId)], { sync: false }))
      components.onHealed()
      leave()
      return undefined
    }
    const own = await store.get(blobId)
    // slivers that nobody can be told the metadata of are of no use, and no reason to drop the note
    const isBare = own === undefined && (await components.slivers.list(blobId)).length > 0
    const found = isBare ? await components.findMetadata(blobId, committees, signal) : own
    if (isBare && found === undefined) {
      await putOff(components, blobId)
      leave()
      return undefined
    }
    const shards = await lock.exclusively(blobId, () => missing.look(blobId, record.reason))
    if (shards.length === 0) {
      components.onHealed()
      leave()
      return undefined
    }
    const metadata = found ?? (await components.findMetadata(blobId, committees, signal))
    // the size is not known before the metadata is
    const largeUntilMs = record.sinceMs + TAIL_LARGE_MS
    const isLarge = metadata !== undefined && metadata.unencodedLength > LARGE_BYTES
    const isEarly = isLarge && record.reason === 'tail' && clock.now() < largeUntilMs
    if (metadata === undefined || isEarly) {
      await putOff(components, blobId, isEarly ? largeUntilMs : undefined)
      leave()
      return undefined
    }
    const patient = { blobId, metadata, shards, urgency: urgencyOf(record) }
    return { patient, bytes: bytesOf(patient), record, leave }
  } catch (error) {
    leave()
    signal.throwIfAborted()
    if (diskTrouble(error) !== undefined) throw error
    components.onFailed(error)
    await putOff(components, blobId)
    return undefined
  }
}

async function stillLacking(
  { missing }: RecoveryComponents,
  admitted: readonly LockedBlob[],
): Promise<Patient[]> {
  const patients = await Promise.all(
    admitted.map(async ({ patient }) => ({
      ...patient,
      shards: await missing.lacking(patient.blobId, patient.shards),
    })),
  )
  return patients.filter(({ shards }) => shards.length > 0)
}

/** True when the blob is whole. */
async function discharge(
  components: RecoveryComponents,
  { patient, record }: LockedBlob,
  { epoch }: Committees,
): Promise<boolean> {
  const { lock, missing, blobs, records, log } = components
  const { blobId } = patient
  const shards = await lock.exclusively(blobId, async () => {
    // it may have ended meanwhile
    if (isOwed(await blobs.get(blobId), epoch)) return await missing.look(blobId, record.reason)
    await records.commit([dropMissing(blobId)], { sync: false })
    return []
  })
  if (shards.length === 0) {
    log.debug({ blobId, reason: record.reason }, 'slivers of a blob were got back')
    return true
  }
  await putOff(components, blobId)
  log.debug({ blobId, shards: shards.length, reason: record.reason }, 'slivers of a blob are still missing')
  return false
}

/** Until a moment; or later, and each time later. */
async function putOff(
  { records, lock, clock, random }: RecoveryComponents,
  blobId: BlobId,
  untilMs?: number,
): Promise<void> {
  await lock.exclusively(blobId, async () => {
    const record = await records.missingOf(blobId)
    if (record === undefined) return
    if (untilMs !== undefined)
      return await records.commit([putMissing(blobId, { ...record, nextMs: untilMs })], { sync: false })
    const attempts = record.attempts + 1
    const pauseMs = Math.min(LAST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(attempts - 1, 20))
    const nextMs = clock.now() + Math.round(pauseMs * (0.5 + random() / 2))
    await records.commit([putMissing(blobId, { ...record, attempts, nextMs })], { sync: false })
  })
}

function bytesOf({ metadata: { nShards, unencodedLength }, shards }: Patient): number {
  const pair =
    sliverLength(nShards, unencodedLength, 'primary') + sliverLength(nShards, unencodedLength, 'secondary')
  return shards.length * pair
}

/** Members of all committees that are known, but for one. */
export function othersIn(
  { current, previous, next }: Committees,
  nodeId: CommitteeMember['nodeId'],
): CommitteeMember[] {
  const found = new Map<string, CommitteeMember>()
  for (const committee of [previous, next, current])
    for (const member of committee?.members ?? []) found.set(member.nodeId, member)
  found.delete(nodeId)
  return [...found.values()]
}
