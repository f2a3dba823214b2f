import type { Clock } from '../../../base/clock.ts'
import { beginsAtMs, isChainError } from '../../../chain/index.ts'
import type { ChainReader, ChainWriter, EpochTiming, SystemInfo } from '../../../chain/types/index.ts'
import { storageUnits } from '../../../codec/index.ts'
import type { BlobId, Epoch, ObjectId } from '../../../codec/types.ts'
import { CliError, EXIT, type Failure, toFailure } from '../errors.ts'
import { formatWal } from '../text.ts'
import type { Budget } from './budget.ts'
import type { WatchedBlob } from './watched.ts'

/** A blob that was extended. */
export interface Renewal {
  blobId: BlobId
  objectId: ObjectId
  endEpoch: Epoch
  costFrost: bigint
  digest: string
}

export interface RenewerInit {
  chain: Pick<ChainReader, 'system' | 'epochTiming'>
  /** by its object; undefined when that is gone */
  find(objectId: ObjectId, options: { signal: AbortSignal }): Promise<WatchedBlob | undefined>
  writer: Pick<ChainWriter, 'extend'>
  budget: Budget
  clock: Clock
  /** for how many epochs each time */
  epochs: number
  /** so many epochs before its end a blob is due */
  ahead: number
  /** Throws the signal's reason once another process spends the budget. */
  expectAlone(): Promise<void>
  /** chain errors as the command line tells them */
  explain(error: unknown): unknown
  onRenewed(renewal: Renewal): Promise<void>
  /** `isOver`: the blob is not watched any longer */
  onFailure(failure: Failure, objectId: ObjectId | undefined, isOver: boolean): void
}

/** When it is looked again: so many times in an epoch, within limits. */
const LOOKS = 10
const MIN_MS = 1_000
const MAX_MS = 600_000
/** After a failure. */
const AGAIN_MS = 60_000
/** What was handed in is executed within moments, or never. */
const SETTLE_MS = 15_000

/** Extends blobs in time, shared ones by their funds first, and never for more than the budget. */
export class Renewer {
  readonly #init: RenewerInit
  /** in the order in which they were named */
  readonly #watched: Set<ObjectId>
  /** what was told of each last */
  readonly #told = new Map<ObjectId | undefined, string>()

  constructor(init: RenewerInit, objectIds: readonly ObjectId[]) {
    this.#init = init
    this.#watched = new Set(objectIds)
  }

  /** blobs that are still looked after */
  get watched(): number {
    return this.#watched.size
  }

  /** Looks at each once, and pays for what is due. Resolves to the ms after which to look again. Throws the signal's reason. */
  async round(signal: AbortSignal): Promise<number> {
    const { chain, ahead, budget, expectAlone } = this.#init
    try {
      await expectAlone()
      await budget.reread()
      await this.#settleReserved(signal)
      const [timing, system] = await Promise.all([chain.epochTiming({ signal }), chain.system({ signal })])
      const blobs = await this.#read(timing.epoch, signal)
      let failed = false
      for (const blob of blobs.toSorted((a, b) => a.storage.endEpoch - b.storage.endEpoch)) {
        if (blob.storage.endEpoch - timing.epoch > ahead) continue
        failed = !(await this.#renew(blob, system, signal)) || failed
      }
      this.#told.delete(undefined)
      return failed ? Math.min(AGAIN_MS, pauseMs(timing)) : pauseMs(timing)
    } catch (error) {
      signal.throwIfAborted()
      // what could not be asked, or kept on disk, is tried again
      this.#tell(error, undefined, false)
      return AGAIN_MS
    }
  }

  /** A payment of which it is not known whether it was made: before a crash, or when no answer came. */
  async #settleReserved(signal: AbortSignal, isUnsent = false): Promise<void> {
    const { find, budget, clock } = this.#init
    const { reserved } = budget
    if (reserved === undefined) return
    const isPaid = async () => {
      const blob = await find(reserved.objectId, { signal })
      // one that is gone tells nothing: then it counts
      return blob === undefined || blob.storage.endEpoch > reserved.endEpoch
    }
    if (await isPaid()) return await budget.settle(reserved.frost)
    if (isUnsent) return await budget.settle(0n)
    await clock.sleep(SETTLE_MS, signal)
    await budget.settle((await isPaid()) ? reserved.frost : 0n)
  }

  async #read(epoch: Epoch, signal: AbortSignal): Promise<WatchedBlob[]> {
    const blobs: WatchedBlob[] = []
    for (const objectId of this.#watched) {
      const blob = await this.#init.find(objectId, { signal })
      if (blob === undefined)
        this.#drop(objectId, 'NOT_FOUND', EXIT.notFound, 'is gone: deleted, burned or shared')
      else if (blob.storage.endEpoch <= epoch)
        this.#drop(objectId, 'EXPIRED', EXIT.refused, `expired at epoch ${blob.storage.endEpoch}`)
      else blobs.push(blob)
    }
    return blobs
  }

  /** Whether it was paid for, or is dealt with otherwise. */
  async #renew(blob: WatchedBlob, system: SystemInfo, signal: AbortSignal): Promise<boolean> {
    const { writer, budget, expectAlone, onRenewed } = this.#init
    const { objectId, blobId, storage, fundsFrost = 0n } = blob
    const perEpoch = BigInt(storageUnits(Number(storage.storageSize))) * system.storagePriceFrost
    const sold = system.epoch + system.maxEpochsAhead - storage.endEpoch
    const affordable = perEpoch === 0n ? sold : Number((budget.leftFrost + fundsFrost) / perEpoch)
    const epochs = Math.min(this.#init.epochs, sold, affordable)
    // as far ahead as is sold: it has time
    if (sold < 1) return true
    if (epochs < 1) {
      const words = `ends with epoch ${storage.endEpoch}: an epoch more costs ${formatWal(perEpoch)}, and ${formatWal(budget.leftFrost)} of the budget are left`
      this.#drop(objectId, 'INSUFFICIENT_FUNDS', EXIT.funds, words)
      return true
    }
    const costFrost = perEpoch * BigInt(epochs)
    const frost = costFrost > fundsFrost ? costFrost - fundsFrost : 0n
    await expectAlone()
    await budget.reserve({ objectId, endEpoch: storage.endEpoch, frost })
    try {
      await expectAlone()
      const untilEpoch = storage.endEpoch + epochs
      const paid = await writer.extend(objectId, epochs, { untilEpoch, maxCostFrost: frost, signal })
      await expectAlone()
      await budget.settle(paid.costFrost)
      this.#told.delete(objectId)
      const { costFrost, digest } = paid
      if (digest !== '')
        await onRenewed({ blobId, objectId, endEpoch: paid.blob.storage.endEpoch, costFrost, digest })
      return true
    } catch (error) {
      signal.throwIfAborted()
      this.#tell(error, objectId, false)
      await this.#settleReserved(signal, isUnsent(error))
      return false
    }
  }

  #drop(
    objectId: ObjectId,
    code: 'NOT_FOUND' | 'EXPIRED' | 'INSUFFICIENT_FUNDS',
    exit: Failure['exitCode'],
    words: string,
  ): void {
    this.#watched.delete(objectId)
    this.#tell(new CliError(code, exit, `The blob ${objectId} ${words}.`), objectId, true)
  }

  /** The same is told once. */
  #tell(error: unknown, objectId: ObjectId | undefined, isOver: boolean): void {
    const failure = toFailure(this.#init.explain(error))
    if (this.#told.get(objectId) === failure.message) return
    this.#told.set(objectId, failure.message)
    this.#init.onFailure(failure, objectId, isOver)
  }
}

/** Whether nothing was handed in that might be executed yet. */
const isUnsent = (error: unknown): boolean =>
  isChainError(error, 'NOT_ENOUGH_WAL') ||
  isChainError(error, 'NOT_ENOUGH_SUI') ||
  isChainError(error, 'COST_ABOVE_LIMIT') ||
  isChainError(error, 'INVALID_ARGUMENT') ||
  (isChainError(error, 'MOVE_ABORT') && error.details.digest === undefined)

function pauseMs(timing: EpochTiming): number {
  const leftMs = beginsAtMs(timing, (timing.epoch + 1) as Epoch) - timing.nowMs
  const often = Math.min(MAX_MS, Math.max(MIN_MS, timing.durationMs / LOOKS))
  // soon after the epoch that is to come has begun
  return leftMs > 0 ? Math.min(often, Math.max(MIN_MS, leftMs + MIN_MS)) : often
}
