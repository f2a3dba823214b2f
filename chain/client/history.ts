import { GrpcTypes, type SuiGrpcClient } from '@mysten/sui/grpc'
import { raceSignal } from 'race-signal'
import type { ObjectId } from '../../codec/types.ts'
import { ChainError } from '../errors.ts'
import { type RpcPool, rpcStatus } from './rpc.ts'

/** What a follower needs of a checkpoint. */
export const CHECKPOINT_FIELDS = [
  'sequence_number',
  'summary.timestamp',
  'transactions.digest',
  'transactions.transaction_index',
  'transactions.events',
] as const

/** Checkpoints asked for at the same time where the node lists none. */
const PARALLEL = 8
/** Checkpoints per request of a listing: bounds what is held in memory. */
const PAGE_SIZE = 100
const LAG_PAUSE_MS = 200

interface Step {
  checkpoint?: GrpcTypes.Checkpoint
  /** everything before this checkpoint has been given */
  next: bigint
}

/** Matches checkpoints with an event whose type the package defines. */
export function eventFilter(originalPackageId: ObjectId): GrpcTypes.TransactionFilter {
  const predicate = { oneofKind: 'eventType', eventType: { eventType: originalPackageId } } as const
  return { terms: [{ literals: [{ negated: false, predicate }] }] }
}

const pruned = (checkpoint: bigint, lowest: bigint): ChainError =>
  new ChainError('HISTORY_PRUNED', `the RPC keeps checkpoints from ${lowest} on, not ${checkpoint}`, {
    checkpoint,
    lowest,
  })

/** Past checkpoints: by ListCheckpoints with a filter where the node has it, otherwise one by one. */
export class CheckpointHistory {
  readonly #rpc: RpcPool
  readonly #originalPackageId: ObjectId
  #lists = true

  constructor(rpc: RpcPool, originalPackageId: ObjectId) {
    this.#rpc = rpc
    this.#originalPackageId = originalPackageId
  }

  /** Sequence number of the newest checkpoint. */
  async height(signal: AbortSignal): Promise<bigint> {
    const { checkpointHeight } = await this.#info(signal)
    return checkpointHeight ?? 0n
  }

  /** Whether ranges are listed with a filter, so that empty ones cost nothing. */
  get isListed(): boolean {
    return this.#lists
  }

  /** Waits until some node has got as far as this checkpoint, so long at most; gives the height that it saw last. */
  async reach(checkpoint: bigint, patienceMs: number, signal: AbortSignal): Promise<bigint> {
    const until = this.#rpc.clock.monotonic() + patienceMs
    for (;;) {
      const height = await this.#rpc.read(async (client, _, url) => {
        const { response } = await client.ledgerService.getServiceInfo({})
        const reached = response.checkpointHeight ?? 0n
        // another one may be further
        if (reached < checkpoint) this.#rpc.failed(url)
        return reached
      }, signal)
      if (height >= checkpoint || this.#rpc.clock.monotonic() >= until) return height
      await this.#rpc.clock.sleep(LAG_PAUSE_MS, signal)
    }
  }

  /** Sequence number of the oldest checkpoint that the node keeps. */
  async lowest(signal: AbortSignal): Promise<bigint> {
    const { lowestAvailableCheckpoint } = await this.#info(signal)
    return lowestAvailableCheckpoint ?? 0n
  }

  /**
   * Sequence number of the first checkpoint that can have events of the package: the one that published it. Throws
   * HISTORY_PRUNED when that is gone.
   */
  async first(signal: AbortSignal): Promise<bigint> {
    const lowest = await this.lowest(signal)
    if (lowest === 0n) return lowest
    try {
      const checkpoint = await this.#rpc.read(async client => {
        const { response } = await client.ledgerService.getObject({
          objectId: this.#originalPackageId,
          readMask: { paths: ['previous_transaction'] },
        })
        const { response: published } = await client.ledgerService.getTransaction({
          digest: response.object?.previousTransaction,
          readMask: { paths: ['checkpoint'] },
        })
        return published.transaction?.checkpoint
      }, signal)
      if (checkpoint !== undefined && checkpoint >= lowest) return checkpoint
    } catch (error) {
      if (rpcStatus(error) !== 'NOT_FOUND') throw error
    }
    throw pruned(0n, lowest)
  }

  /** Checkpoints of [from, to) that may have events of the package. Waits for a node that lags behind `to`. */
  async *range(from: bigint, to: bigint, signal: AbortSignal): AsyncGenerator<Step> {
    let next = from
    while (next < to) {
      const steps = this.#lists ? await this.#list(next, to, signal) : await this.#each(next, to, signal)
      // a filter hides a gap: what a node says it does not keep was not looked through
      if (this.#lists) await this.#expectKept(next, signal)
      for (const step of steps) yield step
      const reached = steps.at(-1)?.next ?? next
      if (reached === next) await this.#wait(next, signal)
      next = reached
    }
  }

  /** One page; an empty answer means that the node has not got so far. */
  async #list(from: bigint, to: bigint, signal: AbortSignal): Promise<Step[]> {
    try {
      return await this.#rpc.read(async client => await this.#listOnce(client, from, to), signal)
    } catch (error) {
      // how nodes refuse what they pruned
      if (rpcStatus(error) === 'INVALID_ARGUMENT') await this.#expectKept(from, signal)
      if (rpcStatus(error) !== 'UNIMPLEMENTED') throw error
      this.#lists = false
      return await this.#each(from, to, signal)
    }
  }

  async #listOnce(client: SuiGrpcClient, from: bigint, to: bigint): Promise<Step[]> {
    const steps: Step[] = []
    const call = client.ledgerService.listCheckpoints({
      readMask: { paths: [...CHECKPOINT_FIELDS] },
      startCheckpoint: from,
      endCheckpoint: to,
      filter: eventFilter(this.#originalPackageId),
      options: { limit: PAGE_SIZE },
    })
    call.status.catch(() => {})
    call.trailers.catch(() => {})
    call.headers.catch(() => {})
    for await (const { checkpoint, watermark, end } of call.responses) {
      const sequence = checkpoint?.sequenceNumber
      if (checkpoint && sequence !== undefined) steps.push({ checkpoint, next: sequence + 1n })
      else if (watermark?.checkpoint !== undefined) steps.push({ next: watermark.checkpoint + 1n })
      if (end?.reason === GrpcTypes.QueryEndReason.CHECKPOINT_BOUND) steps.push({ next: to })
    }
    return steps.filter(step => step.next > from)
  }

  /** The next few checkpoints in order; stops before one that the node does not have yet. */
  async #each(from: bigint, to: bigint, signal: AbortSignal): Promise<Step[]> {
    const numbers = Array.from({ length: PARALLEL }, (_, i) => from + BigInt(i)).filter(
      sequence => sequence < to,
    )
    const checkpoints = await Promise.all(numbers.map(sequence => this.get(sequence, signal)))
    const missing = checkpoints.indexOf(undefined)
    return checkpoints
      .slice(0, missing < 0 ? undefined : missing)
      .map((checkpoint, i) => ({ checkpoint: checkpoint!, next: numbers[i]! + 1n }))
  }

  /** One checkpoint, with its transactions; undefined when the node does not have it. */
  async get(sequenceNumber: bigint, signal: AbortSignal): Promise<GrpcTypes.Checkpoint | undefined> {
    try {
      return await this.#rpc.read(async client => {
        const { response } = await client.ledgerService.getCheckpoint({
          checkpointId: { oneofKind: 'sequenceNumber', sequenceNumber },
          readMask: { paths: [...CHECKPOINT_FIELDS] },
        })
        return response.checkpoint
      }, signal)
    } catch (error) {
      if (rpcStatus(error) === 'NOT_FOUND') return undefined
      throw error
    }
  }

  /** A checkpoint is missing: either it is not there yet, or no longer. */
  async #wait(checkpoint: bigint, signal: AbortSignal): Promise<void> {
    await this.#expectKept(checkpoint, signal)
    await this.#rpc.clock.sleep(LAG_PAUSE_MS, signal)
  }

  async #expectKept(checkpoint: bigint, signal: AbortSignal): Promise<void> {
    const lowest = await this.lowest(signal)
    if (lowest <= checkpoint) return
    throw pruned(checkpoint, lowest)
  }

  async #info(signal: AbortSignal): Promise<GrpcTypes.GetServiceInfoResponse> {
    return await raceSignal(
      this.#rpc.read(async client => (await client.ledgerService.getServiceInfo({})).response, signal),
      signal,
    )
  }
}
