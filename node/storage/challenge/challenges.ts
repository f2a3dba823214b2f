import { Background } from '../../../base/background.ts'
import { equalBytes } from '../../../base/bytes.ts'
import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import { Notify } from '../../../base/notify.ts'
import { Troubles } from '../../../base/troubles.ts'
import { isChainError } from '../../../chain/index.ts'
import type {
  ChainEvent,
  ChainReader,
  Challenger,
  CommitteeMember,
  EpochTiming,
} from '../../../chain/types/index.ts'
import { type BlobCodec, type Bls, challengeMessage } from '../../../codec/index.ts'
import type { Confirmation, ObjectId } from '../../../codec/types.ts'
import { type PeerClient, ProtocolError } from '../../../protocols/index.ts'
import type { ChallengeJudge, ChallengeProof } from '../../../protocols/ports.ts'
import { type CommitteeTracker, memberOf } from '../../network/committees.ts'
import type { MemberIndex } from '../../network/member-index.ts'
import type { PeerBook } from '../../network/peer-book.ts'
import { collectValidity } from '../collect-validity.ts'
import type { ConfirmationSigner } from '../custody/signer.ts'
import type { BlobRecords } from '../store/blob-records.ts'
import type { RecordOperation } from '../store/records.ts'
import type { RoundRecord, RoundRecords } from '../store/round-records.ts'
import { type Asked, Asking, inOrder } from './asked.ts'
import { createChallengeJudge, noRound } from './judge.ts'
import { Prover, type ProverInit } from './prover.ts'
import { RoundBook } from './round-book.ts'
import { roundDue } from './timing.ts'

export interface ChallengesComponents extends Omit<ProverInit, 'rounds' | 'path' | 'codec' | 'blobs'> {
  /** for what is committed to; without one the node looks at others' proofs, and shows none */
  path: string | undefined
  rounds: RoundRecords
  blobs: Pick<BlobRecords, 'get' | 'slice'>
  chain: Pick<ChainReader, 'epochTiming'>
  /** of the node's wallet; as without a path */
  challenger: Challenger | undefined
  /** Whether the node has all that it should have. */
  isWhole: () => Promise<boolean>
  committees: CommitteeTracker
  members: MemberIndex
  peers: Pick<PeerClient, 'proveHeld'>
  book: Pick<PeerBook, 'address' | 'failed' | 'ranked'>
  codec: Pick<BlobCodec, 'recoverySymbols' | 'verifySliver'>
  bls: Bls
  signer: Pick<ConfirmationSigner, 'passed'>
  clock: Clock
  random: () => number
  log: Log
}

/** How the node stands in the newest round of storage challenges. */
export interface ChallengesView {
  epoch: number
  round: number
  /** `open`: it has not committed; `committed`: nothing is drawn yet; `lacking`: it has nothing to show for some of what is asked */
  state: 'none' | 'open' | 'committed' | 'drawn' | 'lacking' | 'passed'
  /** nodes that have committed, and of these those that have passed */
  committed: number
  passed: number
  /** who did not sign for this node, and why */
  refusals: readonly { nodeId: ObjectId; code: string }[]
}

/** Takes part in storage challenges: shows once in a round that the node holds what it is paid for, and looks at what others show. */
export interface Challenges {
  readonly judge: ChallengeJudge
  /** What is to be noted in one batch with an event. */
  noted(event: ChainEvent): Promise<RecordOperation[]>
  onEvent(event: ChainEvent): void
  view(): ChallengesView
  start(): Promise<void>
  stop(): Promise<void>
}

const MAX_LOOK_MS = 10_000
const MIN_LOOK_MS = 250
/** Between attempts to find enough who sign. */
const RETRY_MS = 5_000
/** A node that is not whole commits after this share of the time for it, with what it has. */
const LATEST_COMMIT = 0.6

export function createChallenges(components: ChallengesComponents): Challenges {
  return new RunningChallenges(components)
}

class RunningChallenges implements Challenges {
  readonly judge: ChallengeJudge
  readonly #components: ChallengesComponents
  readonly #book: RoundBook
  readonly #prover: Prover | undefined
  readonly #news = new Notify()
  readonly #closing = new AbortController()
  readonly #asking: Asking
  readonly #troubles: Troubles
  readonly #jitter: number
  /** since when the round is known here, by the chain's clock */
  #openedMs = 0
  #lacking = 0
  /** of which the chain knows, though its event has not come yet */
  #told = ''
  #refusals = new Map<ObjectId, string>()
  readonly #background = new Background(signal => this.#run(signal))

  constructor(components: ChallengesComponents) {
    this.#components = components
    this.#book = new RoundBook(components)
    this.#troubles = new Troubles(components.clock)
    this.#jitter = components.random()
    this.#asking = new Asking(components, this.#closing.signal)
    const { path, challenger } = components
    if (path !== undefined && challenger !== undefined) this.#prover = new Prover({ ...components, path })
    this.judge = createChallengeJudge({
      ...components,
      committees: () => components.committees.latest(),
      round: () => this.#book.record,
      asked: signal => this.#asked(signal),
    })
  }

  noted(event: ChainEvent): Promise<RecordOperation[]> {
    return this.#book.noted(event)
  }

  onEvent(event: ChainEvent): void {
    const isNew = this.#book.applied(event)
    if (event.type === 'ChallengeOpened' && isNew) {
      this.#lacking = 0
      this.#openedMs = 0
      this.#refusals = new Map()
    }
    if (isNew || event.type === 'EpochChangeDone') this.#news.notify()
  }

  view(): ChallengesView {
    const record = this.#book.record
    const { nodeId } = this.#components
    const stateOf = ({ roots, passed, seed }: RoundRecord): ChallengesView['state'] => {
      if (passed.includes(nodeId)) return 'passed'
      if (roots[nodeId] === undefined) return 'open'
      if (seed === undefined) return 'committed'
      return this.#lacking > 0 ? 'lacking' : 'drawn'
    }
    return {
      epoch: record?.epoch ?? 0,
      round: record?.round ?? 0,
      state: record === undefined ? 'none' : stateOf(record),
      committed: Object.keys(record?.roots ?? {}).length,
      passed: record?.passed.length ?? 0,
      refusals: [...this.#refusals].map(([id, code]) => ({ nodeId: id, code })),
    }
  }

  async start(): Promise<void> {
    await this.#book.load()
    if (this.#prover !== undefined) this.#background.start()
  }

  async stop(): Promise<void> {
    this.#closing.abort(new DOMException('the node stops', 'AbortError'))
    await this.#background.stop()
    await this.#prover?.[Symbol.asyncDispose]()
  }

  async #asked(signal: AbortSignal): Promise<Asked> {
    const record = this.#book.record
    if (!isDrawn(record)) throw noRound(record ?? { epoch: 0 as never, round: 0 })
    try {
      return await this.#asking.of(record, signal)
    } catch (error) {
      signal.throwIfAborted()
      this.#components.log.debug({ err: error }, 'what is asked in a round is not known yet')
      throw noRound(record)
    }
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#components
    while (!signal.aborted) {
      let waitMs = RETRY_MS
      try {
        waitMs = await this.#step(signal)
        this.#troubles.over()
      } catch (error) {
        if (signal.aborted) return
        if (this.#troubles.isNews(error))
          log.warn({ err: error }, 'the storage challenge could not be looked after; will try again')
      }
      await this.#news.waitWithin(waitMs, clock, signal).catch(() => undefined)
    }
  }

  /** Returns when to look again, in ms. */
  async #step(signal: AbortSignal): Promise<number> {
    const { chain, committees, nodeId } = this.#components
    const timing = await chain.epochTiming({ signal })
    const lookMs = Math.max(MIN_LOOK_MS, Math.min(MAX_LOOK_MS, timing.durationMs / 40))
    const { current } = await committees.get({ signal })
    const self = memberOf(current, nodeId)
    if (self === undefined || timing.state.kind === 'sync' || current.epoch !== timing.epoch) return lookMs
    const record = this.#book.record
    if (record?.epoch === timing.epoch && timing.nowMs < record.passUntilMs)
      return await this.#takePart(record, self, timing, lookMs, signal)
    await this.#open(timing, signal)
    return lookMs
  }

  /** Opens the round that is due, unless somebody was first. */
  async #open(timing: EpochTiming, signal: AbortSignal): Promise<void> {
    const challenger = this.#components.challenger!
    const due = roundDue(timing, await challenger.parameters({ signal }))
    const record = this.#book.record
    const isOpen = record?.epoch === timing.epoch && record.round === due.round
    if (isOpen || timing.nowMs < due.openMs(this.#jitter) || timing.nowMs >= due.commitUntilMs) return
    await this.#tell('open', () => challenger.open({ signal }))
  }

  async #takePart(
    record: RoundRecord,
    self: CommitteeMember,
    { nowMs, durationMs }: EpochTiming,
    lookMs: number,
    signal: AbortSignal,
  ): Promise<number> {
    const challenger = this.#components.challenger!
    const { round, commitUntilMs, seed, roots, passed } = record
    const hasCommitted = roots[self.nodeId] !== undefined
    this.#openedMs ||= nowMs
    if (nowMs < commitUntilMs) {
      const latestMs = this.#openedMs + LATEST_COMMIT * (commitUntilMs - this.#openedMs)
      if (hasCommitted || (nowMs < latestMs && !(await this.#components.isWhole()))) return lookMs
      if (this.#told === `commit ${record.epoch} ${round}`) return lookMs
      const root = await this.#prover!.commit(record, inOrder(self.shards), signal)
      await this.#tell('commit', () => challenger.commit(round, root, { signal }))
      this.#told = `commit ${record.epoch} ${round}`
      return lookMs
    }
    if (seed === undefined) {
      if (nowMs >= commitUntilMs + this.#jitter * durationMs * JITTER_SHARE)
        await this.#tell('draw', () => challenger.draw(round, { signal }))
      return lookMs
    }
    if (!hasCommitted || passed.includes(self.nodeId)) return lookMs
    return (await this.#prove({ ...record, seed }, self, signal)) ? lookMs : Math.min(lookMs, RETRY_MS)
  }

  /** Shows others what is asked, and tells the chain; false when not enough have signed. */
  async #prove(
    record: RoundRecord & { seed: string },
    self: CommitteeMember,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { committees, signer, challenger, log } = this.#components
    const root = await this.#prover!.commit(record, inOrder(self.shards), signal)
    const { epoch, round } = record
    if (!equalBytes(root, bytesOf(record.roots[self.nodeId]!)))
      throw new Error('what the node has committed to is not here any more, so that it can show nothing')
    const asked = await this.#asking.of(record, signal)
    const { proofs, lacking } = await this.#prover!.prove(record, asked.of(self), signal)
    this.#lacking = lacking
    if (lacking > 0) throw new Error(`${lacking} of ${proofs.length} pieces that were drawn are not here`)
    const body = { epoch, round, nodeId: self.nodeId, root, seed: bytesOf(record.seed) }
    const { current: committee } = await committees.get({ signal })
    const certificate = await collectValidity(
      {
        ...this.#components,
        committee,
        message: challengeMessage(body),
        own: signer.passed(body).signature,
        ask: member => this.#show(member, record, proofs, signal),
        liar: member => void this.#refusals.set(member.nodeId, 'SIGNATURE'),
      },
      signal,
    )
    if (certificate === undefined) return false
    await this.#tell('pass', () => challenger!.pass(certificate, { signal }))
    log.info(
      { epoch, round, pieces: proofs.length, signers: certificate.signers.length },
      'passed a storage challenge',
    )
    return true
  }

  /** Never rejects but by the signal: what one does not sign another one may. */
  async #show(
    member: CommitteeMember,
    { epoch, round }: RoundRecord,
    proofs: readonly ChallengeProof[],
    signal: AbortSignal,
  ): Promise<Confirmation | undefined> {
    const { peers, book, log } = this.#components
    const { nodeId } = member
    try {
      const signed = await peers.proveHeld(book.address(member), { epoch, round }, proofs, { signal })
      this.#refusals.delete(nodeId)
      return signed
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof ProtocolError)) throw error
      this.#refusals.set(nodeId, error.code)
      if (!error.remote) book.failed(member)
      log.debug(
        { nodeId, epoch, round, err: error },
        'a node did not sign for this one in a storage challenge',
      )
      return undefined
    }
  }

  /** Sends one transaction. What somebody else has done already is done, and what is too late cannot be helped. */
  async #tell(what: string, run: () => Promise<unknown>): Promise<void> {
    const { log } = this.#components
    try {
      await run()
      log.debug({ what }, 'told the chain of a storage challenge')
    } catch (error) {
      if (!isChainError(error, 'MOVE_ABORT')) throw error
      log.debug({ what, err: error }, 'somebody was first, or it is too late')
    }
  }
}

/** Of the epoch: how late a node may be on purpose, so that not all send the same transaction. */
const JITTER_SHARE = 0.02

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))

const isDrawn = (record: RoundRecord | undefined): record is RoundRecord & { seed: string } =>
  record?.seed !== undefined
