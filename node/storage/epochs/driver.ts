import { Background } from '../../../base/background.ts'
import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import { Notify } from '../../../base/notify.ts'
import { Troubles } from '../../../base/troubles.ts'
import { isChainError } from '../../../chain/index.ts'
import type { ChainEvent, ChainReader, EpochTiming, NodeOperator } from '../../../chain/types/index.ts'
import type { Epoch } from '../../../codec/types.ts'

/** What anyone may do for an epoch to turn, and from when on, by the chain's clock in ms since 1970. */
export interface Due {
  action: 'votingEnd' | 'initiateEpochChange'
  atMs: number
}

/** The next step of an epoch. None while nodes report: theirs is the next word. */
export function dueOf({ state, votingEndDueMs, changeDueMs }: EpochTiming): Due | undefined {
  if (state.kind === 'done' && votingEndDueMs !== undefined)
    return { action: 'votingEnd', atMs: votingEndDueMs }
  if (state.kind === 'next-params-selected' && changeDueMs !== undefined)
    return { action: 'initiateEpochChange', atMs: changeDueMs }
  return undefined
}

export interface DriverComponents {
  chain: Pick<ChainReader, 'epochTiming'>
  operator: Pick<NodeOperator, 'votingEnd' | 'initiateEpochChange' | 'epochSyncDone' | 'capability'>
  clock: Clock
  random: () => number
  log: Log
}

/** Turns the chain's epochs, together with all other nodes. */
export interface EpochDriver {
  /** The chain has moved on: whatever was planned is looked at anew. */
  onEvent(event: ChainEvent): void
  /** Events tell of the past until what this gives is called: nothing is looked at for them. */
  following(): () => void
  /** Tells that the node is whole for an epoch; resolves once the chain knows, or it is too late. Throws ChainError. */
  attest(epoch: Epoch, signal: AbortSignal): Promise<void>
  /** Why the last transaction failed, as a text for people; undefined when it did not. */
  trouble(): string | undefined
  /** The same as an error code, for strangers. */
  troubleCode(): string | undefined
  start(): void
  stop(): Promise<void>
}

/** Of the epoch's length: how late a node may be on purpose, so that not all send the same transaction. */
const JITTER_SHARE = 0.05
/** The chain's clock may jump: so often it is looked at. */
const MAX_LOOK_MS = 10_000
const MIN_LOOK_MS = 250
/** When a step is long due, for all nodes at once. */
const HERD_MS = 1_000

export function createEpochDriver(components: DriverComponents): EpochDriver {
  return new TimedEpochDriver(components)
}

class TimedEpochDriver implements EpochDriver {
  readonly #components: DriverComponents
  readonly #news = new Notify()
  readonly #troubles: Troubles
  #trouble: { code: string; text: string } | undefined
  #drawn = { of: '', jitter: 0 }
  #isCatchingUp = false
  readonly #background = new Background(signal => this.#run(signal))

  constructor(components: DriverComponents) {
    this.#components = components
    this.#troubles = new Troubles(components.clock)
  }

  onEvent({ type }: ChainEvent): void {
    if (this.#isCatchingUp) return
    if (type === 'EpochChangeStart' || type === 'EpochChangeDone' || type === 'EpochParametersSelected')
      this.#news.notify()
  }

  following(): () => void {
    this.#isCatchingUp = true
    return () => {
      this.#isCatchingUp = false
    }
  }

  async attest(epoch: Epoch, signal: AbortSignal): Promise<void> {
    const { operator } = this.#components
    const capability = await operator.capability({ signal })
    // told before this process began, at the network's founding for one: a transaction would be refused
    if (capability?.lastEpochSyncDone === epoch) this.#trouble = undefined
    else await this.#send('epochSyncDone', signal, () => operator.epochSyncDone(epoch, { signal }))
  }

  trouble(): string | undefined {
    return this.#trouble?.text
  }

  troubleCode(): string | undefined {
    return this.#trouble?.code
  }

  start(): void {
    this.#background.start()
  }

  async stop(): Promise<void> {
    await this.#background.stop()
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#components
    while (!signal.aborted) {
      let waitMs = MAX_LOOK_MS
      try {
        waitMs = await this.#step(signal)
      } catch (error) {
        if (signal.aborted) return
        if (this.#troubles.isNews(error))
          log.warn({ err: error }, 'the epoch could not be looked after; will try again')
      }
      await this.#news.waitWithin(waitMs, clock, signal).catch(() => undefined)
    }
  }

  /** Returns when to look again, in ms. */
  async #step(signal: AbortSignal): Promise<number> {
    const { chain, operator, clock } = this.#components
    const timing = await chain.epochTiming({ signal })
    const due = dueOf(timing)
    const lookMs = Math.max(MIN_LOOK_MS, Math.min(MAX_LOOK_MS, timing.durationMs / 20))
    if (due === undefined) return lookMs
    const lateMs = timing.nowMs - due.atMs
    const jitter = this.#jitterOf(timing, due)
    const jitterMs = jitter * JITTER_SHARE * timing.durationMs
    if (lateMs < jitterMs) return Math.max(1, Math.min(lookMs, jitterMs - lateMs))
    // long due, as after a jump of the clock: others are here as well
    if (lateMs > JITTER_SHARE * timing.durationMs) {
      await clock.sleep(jitter * HERD_MS, signal)
      const { epoch, state } = await chain.epochTiming({ signal })
      if (epoch !== timing.epoch || state.kind !== timing.state.kind) return 1
    }
    const turn = () => operator[due.action]({ epoch: timing.epoch, signal })
    if (await this.#send(due.action, signal, turn)) this.#troubles.over()
    // an RPC that is behind still shows it as due
    return MIN_LOOK_MS
  }

  /** Once for each step: drawn at every look, the shortest would win. */
  #jitterOf({ epoch }: EpochTiming, { action }: Due): number {
    const of = `${epoch} ${action}`
    if (this.#drawn.of !== of) this.#drawn = { of, jitter: this.#components.random() }
    return this.#drawn.jitter
  }

  /** Sends one transaction. What somebody else has done already is done; false then. */
  async #send(what: string, signal: AbortSignal, run: () => Promise<unknown>): Promise<boolean> {
    const { log } = this.#components
    try {
      await run()
      this.#trouble = undefined
      log.info({ what }, 'told the chain')
      return true
    } catch (error) {
      const refusal = isChainError(error, 'MOVE_ABORT') ? error.details.refusal : undefined
      if (refusal === 'DONE_BEFORE' || refusal === 'EPOCH_OVER') {
        this.#trouble = undefined
        log.debug({ what, refusal }, 'somebody was first')
        return false
      }
      // nobody waits for it any more: that tells nothing of the chain, or the wallet
      signal.throwIfAborted()
      const text = `${what}: ${error instanceof Error ? error.message : String(error)}`
      this.#trouble = { code: isChainError(error) ? error.code : 'UNEXPECTED', text }
      throw error
    }
  }
}
