import { raceSignal } from 'race-signal'
import { ChainError } from '../../chain/errors.ts'
import type {
  CertifyOptions,
  ChainEvent,
  ChainWriter,
  Challenger,
  Committees,
  Coordinator,
  FollowOptions,
  NodeOperator,
  RegisterInput,
  Wallet,
} from '../../chain/types/index.ts'
import type { Certificate, Epoch, ObjectId } from '../../codec/types.ts'
import type { Random } from '../support/random.ts'
import type { SimChain } from './chain.ts'
import type { SimRounds } from './rounds.ts'
import type { Timeline } from './timeline.ts'

/** How one sees the chain: late, or not at all. */
export interface RpcFaults {
  latencyMs: number
  /** what is shown is so old */
  lagMs: number
  isDown: boolean
  /** the wallet has no gas */
  isBroke: boolean
}

/** The chain as one node, or one client, sees it. */
export class SimRpc {
  readonly faults: RpcFaults
  /** ms for which what is known of committees is not asked for again */
  recentMs = 2_000
  readonly #chain: SimChain
  readonly #timeline: Timeline
  readonly #random: Random
  #known: { ms: number; committees: Committees } | undefined

  constructor(init: { chain: SimChain; timeline: Timeline; random: Random; faults: RpcFaults }) {
    this.#chain = init.chain
    this.#timeline = init.timeline
    this.#random = init.random
    this.faults = init.faults
  }

  get shownAt(): number {
    return this.#timeline.ms - this.faults.lagMs
  }

  coordinator(): Coordinator {
    const chain = this.#chain
    const ask = async <T>(signal: AbortSignal | undefined, read: () => T): Promise<T> => {
      await this.#hop(signal)
      return read()
    }
    const coordinator: Omit<Coordinator, 'nodeKeys' | 'balances' | 'chainTime'> = {
      network: chain.network,
      system: options => ask(options?.signal, () => chain.system()),
      committees: options => this.#committees(options),
      epochTiming: options => ask(options?.signal, () => chain.timing(chain.at(this.shownAt).committees)),
      blob: (objectId, options) => ask(options?.signal, () => chain.blobs.get(objectId)),
      ownedBlobs: (owner, options) =>
        ask(options?.signal, () => [...chain.blobs.values()].filter(blob => blob.owner === owner)),
      isKept: (cursor, options) => ask(options?.signal, () => Number(cursor) >= chain.lowest),
      follow: options => this.#follow(options),
      writer: wallet => this.#writer(wallet),
      async close() {},
      async [Symbol.asyncDispose]() {},
    }
    return coordinator as Coordinator
  }

  /** What a node tells the chain. */
  operator(nodeId: ObjectId): NodeOperator {
    const chain = this.#chain
    const send = this.#sender(nodeId)
    const epochOf = (epoch: Epoch | undefined): Epoch => epoch ?? chain.epoch
    const operator: Pick<NodeOperator, 'votingEnd' | 'initiateEpochChange' | 'epochSyncDone' | 'capability'> =
      {
        capability: async () => undefined,
        votingEnd: options => send(options?.signal, () => chain.votingEnd(epochOf(options?.epoch))),
        initiateEpochChange: options =>
          send(options?.signal, () => chain.initiateEpochChange(epochOf(options?.epoch))),
        epochSyncDone: async (epoch, options) => {
          const lacked = await chain.onReporting(nodeId, epoch)
          return await send(options?.signal, () => chain.report(nodeId, epoch, lacked))
        },
      }
    return operator as NodeOperator
  }

  /** The same for storage challenges. */
  challenger(nodeId: ObjectId, rounds: SimRounds): Challenger {
    const send = this.#sender(nodeId)
    const challenger: Pick<Challenger, 'open' | 'commit' | 'draw' | 'pass'> & { parameters: unknown } = {
      parameters: async ({ signal }: { signal?: AbortSignal } = {}) => {
        await this.#hop(signal)
        return rounds.parameters
      },
      open: options => send(options?.signal, () => rounds.open()),
      commit: (round, root, options) => send(options?.signal, () => rounds.commit(nodeId, round, root)),
      draw: (round, options) => send(options?.signal, () => rounds.draw(round)),
      pass: (certificate, options) => send(options?.signal, () => rounds.pass(certificate)),
    }
    return challenger as Challenger
  }

  /** Sends transactions of a node's wallet. */
  #sender(nodeId: ObjectId) {
    return async (
      signal: AbortSignal | undefined,
      act: () => Promise<void> | void,
    ): Promise<{ digest: string }> => {
      await this.#hop(signal)
      if (this.faults.isBroke) {
        const details = { neededMist: 1n, availableMist: 0n, owner: nodeId }
        throw new ChainError('NOT_ENOUGH_SUI', 'no gas', details)
      }
      await act()
      // what was executed is executed, though the answer may get lost
      await this.#hop(signal)
      return { digest: 'digest' }
    }
  }

  async #hop(signal?: AbortSignal): Promise<void> {
    const { clock } = this.#timeline
    await clock.sleep(this.faults.latencyMs * (0.5 + this.#random.next()), signal)
    if (!this.faults.isDown) return
    await clock.sleep(1_000, signal)
    throw new ChainError('RPC_UNAVAILABLE', 'no RPC answers', { urls: [], attempts: 1 })
  }

  async #committees({
    fresh = false,
    signal,
  }: {
    fresh?: boolean
    signal?: AbortSignal
  } = {}): Promise<Committees> {
    const known = this.#known
    if (!fresh && known !== undefined && this.#timeline.ms - known.ms < this.recentMs) return known.committees
    await this.#hop(signal)
    const { committees } = this.#chain.at(this.shownAt)
    this.#known = { ms: this.#timeline.ms, committees }
    return committees
  }

  async *#follow({
    from,
    complete = false,
    signal,
    onCaughtUp,
    onProgress,
  }: FollowOptions): AsyncIterable<ChainEvent> {
    const chain = this.#chain
    const { clock } = this.#timeline
    await this.#hop(signal)
    const tip = chain.at(this.shownAt).events
    let next = Number(from ?? (complete ? 0 : chain.lowest))
    let caughtUp = onCaughtUp
    const look = (): void => {
      if (next < tip) return
      caughtUp?.()
      caughtUp = undefined
    }
    while (!signal.aborted) {
      if (next < chain.lowest) {
        const details = { checkpoint: BigInt(next), lowest: BigInt(chain.lowest) }
        throw new ChainError('HISTORY_PRUNED', 'the history is gone', details)
      }
      look()
      const { changed } = chain
      const { events } = chain.at(this.shownAt)
      while (next < events && !signal.aborted) {
        yield chain.events[next++]!
        // it was applied by now
        look()
      }
      if (signal.aborted) return
      if (this.faults.isDown) await this.#hop(signal)
      onProgress?.({ checkpoint: BigInt(next), isTip: true })
      if (events === chain.events.length) await raceSignal(changed, signal).catch(() => undefined)
      if (signal.aborted) return
      await clock
        .sleep(this.faults.lagMs + this.faults.latencyMs * (0.5 + this.#random.next()), signal)
        .catch(() => undefined)
    }
  }

  #writer(wallet: Wallet): ChainWriter {
    const chain = this.#chain
    const hop = (signal?: AbortSignal): Promise<void> => this.#hop(signal)
    const prepareRegistration = async (
      { metadata, epochs, deletable }: RegisterInput,
      { signal }: { signal?: AbortSignal } = {},
    ) => {
      await hop(signal)
      return {
        async submit() {
          await hop()
          const size = metadata.unencodedLength
          const blob = chain.register(metadata.blobId, wallet.address, { size, epochs, deletable })
          const visible = hop().then(() => ({ blob, digest: 'digest', costFrost: 1n }))
          visible.catch(() => undefined)
          return { objectId: blob.objectId, digest: 'digest', visible }
        },
        [Symbol.dispose]() {},
      }
    }
    return {
      wallet,
      prepareRegistration,
      async register(input, options) {
        return await (await (await prepareRegistration(input, options)).submit()).visible
      },
      async certify(objectId: ObjectId, certificate: Certificate, options?: CertifyOptions) {
        await hop(options?.signal)
        const blob = chain.certify(objectId, certificate)
        await hop(options?.signal)
        return { digest: 'digest', blob, costFrost: 0n }
      },
      async extend(objectId, epochs) {
        await hop()
        return { digest: 'digest', costFrost: 0n, blob: chain.extend(objectId, epochs) }
      },
      async deleteBlob(objectId) {
        await hop()
        chain.delete(objectId)
        return { digest: 'digest' }
      },
    }
  }
}
