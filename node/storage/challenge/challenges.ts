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
  ChallengeEvent,
  Challenger,
  CommitteeMember,
  EpochTiming,
} from '../../../chain/types/index.ts'
import { type BlobCodec, type Bls, challengeMessage } from '../../../codec/index.ts'
import type { Certificate, Confirmation, Epoch, ObjectId } from '../../../codec/types.ts'
import { type PeerClient, ProtocolError } from '../../../protocols/index.ts'
import type { ChallengeJudge, ChallengeNews, ChallengeProof, Verdict } from '../../../protocols/ports.ts'
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
import { NewsDesk, newsOf } from './news.ts'
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
  /** Whether it has heard all that the chain has said: what is owed is not known before. */
  isCaughtUp: () => boolean
  /** Has the chain asked at once for what its RPC has not sent yet. */
  look: () => void
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
  /** The chain has lost what was read of it. */
  forgotten(): RecordOperation[]
  onEvent(event: ChainEvent): void
  /** What another node tells of a round. Waits a little for the chain to show it; never rejects. */
  heard(news: ChallengeNews, options: { signal: AbortSignal }): Promise<Verdict>
  /** Called with what this node has done in a round, once the chain shows it. Returns how to stop. */
  onNews(listener: (news: ChallengeNews) => void): () => void
  view(): ChallengesView
  start(): Promise<void>
  stop(): Promise<void>
}

const MAX_LOOK_MS = 10_000
const MIN_LOOK_MS = 250
/** Between attempts to find enough who sign, and before the next when what is asked is not here. */
const RETRY_MS = 5_000
const LACKING_RETRY_MS = 60_000
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
  readonly #desk: NewsDesk
  readonly #newsListeners = new Set<(news: ChallengeNews) => void>()
  /** sent, and not shown by the chain yet */
  readonly #sent = new Set<string>()
  readonly #closing = new AbortController()
  readonly #asking: Asking
  readonly #troubles: Troubles
  readonly #jitter: number
  #turn = turnOf('')
  #committing: AbortController | undefined
  readonly #background = new Background(signal => this.#run(signal))

  constructor(components: ChallengesComponents) {
    this.#components = components
    this.#book = new RoundBook(components)
    this.#troubles = new Troubles(components.clock)
    this.#jitter = components.random()
    this.#asking = new Asking(components, this.#closing.signal)
    const { path, challenger } = components
    if (path !== undefined && challenger !== undefined) this.#prover = new Prover({ ...components, path })
    const committees = () => components.committees.latest()
    this.#desk = new NewsDesk({ ...components, committees, book: this.#book })
    this.judge = createChallengeJudge({
      ...components,
      committees,
      book: this.#book,
      asked: signal => this.#asked(signal),
    })
  }

  noted(event: ChainEvent): Promise<RecordOperation[]> {
    return this.#book.noted(event)
  }

  forgotten(): RecordOperation[] {
    return this.#book.forgotten()
  }

  onEvent(event: ChainEvent): void {
    const isNew = this.#book.applied(event)
    // what comes later than the draw is no commitment
    if (isNew) this.#committing?.abort(new DOMException('the round has gone on', 'AbortError'))
    const isOwn = 'nodeId' in event && event.nodeId === this.#components.nodeId
    if (isNew || isOwn || event.type === 'EpochChangeDone') this.#news.notify()
    const news = newsOf(event)
    if (news === undefined) return
    this.#desk.shown()
    const isSent = this.#sent.delete(event.type)
    if (!(isOwn || isSent) || !this.#components.isCaughtUp()) return
    for (const listener of this.#newsListeners) listener(news)
  }

  heard(news: ChallengeNews, options: { signal: AbortSignal }): Promise<Verdict> {
    return this.#desk.heard(news, options)
  }

  onNews(listener: (news: ChallengeNews) => void): () => void {
    this.#newsListeners.add(listener)
    return () => this.#newsListeners.delete(listener)
  }

  view(): ChallengesView {
    const { record, nodes } = this.#book
    const passed = [...nodes.values()].filter(node => node.passed).length
    const { refusals } = this.#turnOf(record)
    return {
      epoch: record?.epoch ?? 0,
      round: record?.round ?? 0,
      state: this.#state(),
      committed: nodes.size,
      passed,
      refusals: [...refusals].map(([nodeId, code]) => ({ nodeId, code })),
    }
  }

  #state(): ChallengesView['state'] {
    const { record, nodes } = this.#book
    const own = nodes.get(this.#components.nodeId)
    if (record === undefined) return 'none'
    if (own === undefined) return 'open'
    if (own.passed) return 'passed'
    if (record.seed === undefined) return 'committed'
    return this.#turnOf(record).lacking > 0 ? 'lacking' : 'drawn'
  }

  /** This node's own part in a round, begun anew with each. */
  #turnOf(record: RoundRecord | undefined): Turn {
    const of = record?.salt ?? ''
    if (this.#turn.of !== of) this.#turn = turnOf(of)
    return this.#turn
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
    const { record } = this.#book
    if (!isDrawn(record) || !this.#components.isCaughtUp()) throw noRound(record ?? NO_RECORD)
    try {
      return await this.#asking.of(record, signal)
    } catch (error) {
      signal.throwIfAborted()
      if (this.#troubles.isNews(error))
        this.#components.log.warn({ err: error }, 'what is asked in a storage challenge is not known here')
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
    if (!this.#components.isCaughtUp()) return Math.min(lookMs, RETRY_MS)
    const { record } = this.#book
    if (record?.epoch === timing.epoch && timing.nowMs < record.passUntilMs)
      return await this.#takePart(record, self, timing, lookMs, signal)
    await this.#open(timing, signal)
    return lookMs
  }

  /** Opens the round that is due, unless somebody was first. */
  async #open(timing: EpochTiming, signal: AbortSignal): Promise<void> {
    const challenger = this.#components.challenger!
    const due = roundDue(timing, await challenger.parameters({ signal }))
    const { record } = this.#book
    const isOpen = record?.epoch === timing.epoch && record.round === due.round
    if (isOpen || timing.nowMs < due.openMs(this.#jitter) || timing.nowMs >= due.commitUntilMs) return
    await this.#tell('ChallengeOpened', () => challenger.open({ signal }))
  }

  async #takePart(
    record: RoundRecord,
    self: CommitteeMember,
    { nowMs, durationMs }: EpochTiming,
    lookMs: number,
    signal: AbortSignal,
  ): Promise<number> {
    const { challenger, isWhole, clock } = this.#components
    const { round, commitUntilMs, seed } = record
    const turn = this.#turnOf(record)
    const own = this.#book.nodes.get(self.nodeId)
    turn.openedMs ||= nowMs
    if (nowMs < commitUntilMs) {
      if (own !== undefined || turn.isCommitted) return lookMs
      const latestMs = turn.openedMs + LATEST_COMMIT * (commitUntilMs - turn.openedMs)
      if (nowMs < latestMs && !(await isWhole())) return lookMs
      turn.isCommitted = await this.#commit(record, self, commitUntilMs - nowMs, signal)
      return lookMs
    }
    if (seed === undefined) {
      if (nowMs >= commitUntilMs + this.#jitter * durationMs * JITTER_SHARE)
        await this.#tell('ChallengeDrawn', () => challenger!.draw(round, { signal }))
      return lookMs
    }
    if (own === undefined || own.passed) return lookMs
    const waitMs = turn.notBefore - clock.monotonic()
    if (waitMs > 0) return Math.min(waitMs, lookMs)
    turn.notBefore = clock.monotonic() + RETRY_MS
    await this.#prove({ ...record, seed }, self, turn, bytesOf(own.root), signal)
    return Math.min(lookMs, RETRY_MS)
  }

  /** Ends with the time for it: what the chain does not take any more is not read. */
  async #commit(
    record: RoundRecord,
    self: CommitteeMember,
    leftMs: number,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { challenger, clock, log } = this.#components
    const late = new AbortController()
    this.#committing = late
    using limit = clock.deadline(
      leftMs,
      [signal, late.signal],
      () => late.signal.reason ?? new Error('too late'),
    )
    try {
      const root = await this.#prover!.commit(record, inOrder(self.shards), limit.signal)
      return await this.#tell('ChallengeCommitted', () => challenger!.commit(record.round, root, { signal }))
    } catch (error) {
      if (signal.aborted || !limit.signal.aborted) throw error
      log.warn(
        { epoch: record.epoch, round: record.round },
        'there was no time to read all that the node holds',
      )
      return false
    } finally {
      this.#committing = undefined
    }
  }

  /** Shows others what is asked, and tells the chain. What has come of earlier attempts counts. */
  async #prove(
    record: RoundRecord & { seed: string },
    self: CommitteeMember,
    turn: Turn,
    root: Uint8Array,
    signal: AbortSignal,
  ): Promise<void> {
    const { committees, signer, challenger, clock, log } = this.#components
    const { epoch, round } = record
    const { current: committee } = await committees.get({ signal })
    const body = { epoch, round, nodeId: self.nodeId, root, seed: bytesOf(record.seed) }
    if (turn.certificate === undefined) {
      const proofs = turn.proofs ?? (await this.#proofs(record, self, root, signal))
      if (proofs === undefined) {
        turn.notBefore = clock.monotonic() + LACKING_RETRY_MS
        return
      }
      turn.proofs = proofs
      turn.signatures.set(self.index, signer.passed(body).signature)
      turn.certificate = await collectValidity(
        {
          ...this.#components,
          committee,
          message: challengeMessage(body),
          signatures: turn.signatures,
          ask: (member, ended) => this.#show(member, record, turn, ended),
          liar: member => void turn.refusals.set(member.nodeId, 'SIGNATURE'),
        },
        signal,
      )
    }
    const { certificate } = turn
    if (certificate === undefined) return
    delete turn.proofs
    if (await this.#tell('ChallengePassed', () => challenger!.pass(certificate, { signal })))
      log.info({ epoch, round, signers: certificate.signers.length }, 'passed a storage challenge')
  }

  /** Undefined when the node does not have what is asked, or what it has committed to. */
  async #proofs(
    record: RoundRecord & { seed: string },
    self: CommitteeMember,
    root: Uint8Array,
    signal: AbortSignal,
  ): Promise<readonly ChallengeProof[] | undefined> {
    const { log } = this.#components
    const { epoch, round } = record
    const turn = this.#turnOf(record)
    const own = await this.#prover!.root(record)
    if (own === undefined || !equalBytes(root, own)) {
      log.error({ epoch, round }, 'what the node has committed to is not here any more: it can show nothing')
      turn.lacking = 1
      return undefined
    }
    const asked = await this.#asking.of(record, signal)
    const { proofs, lacking } = await this.#prover!.prove(record, asked.of(self), signal)
    turn.lacking = lacking
    if (lacking === 0) return proofs
    log.error({ epoch, round, lacking, asked: proofs.length }, 'the node does not have all that is asked')
    return undefined
  }

  /** Never rejects: what one does not sign another one may. */
  async #show(
    member: CommitteeMember,
    { epoch, round }: RoundRecord,
    { proofs = [], refusals }: Turn,
    signal: AbortSignal,
  ): Promise<Confirmation | undefined> {
    const { peers, book, nodeId: own, log } = this.#components
    const { nodeId } = member
    try {
      const query = { epoch, round, nodeId: own }
      const signed = await peers.proveHeld(book.address(member), query, proofs, { signal })
      refusals.delete(nodeId)
      return signed
    } catch (error) {
      if (signal.aborted) return undefined
      const isTyped = error instanceof ProtocolError
      refusals.set(nodeId, isTyped ? error.code : 'UNEXPECTED')
      if (isTyped && !error.remote) book.failed(member)
      log[isTyped ? 'debug' : 'warn'](
        { nodeId, epoch, round, err: error },
        'a node did not sign for this one in a storage challenge',
      )
      return undefined
    }
  }

  /**
   * Sends one transaction. True when it is done, by this node or by who was first; an RPC that is behind may not take it yet, and what
   * is too late cannot be helped.
   */
  async #tell(what: ChallengeEvent['type'], run: () => Promise<unknown>): Promise<boolean> {
    const { log } = this.#components
    // the event may be here before the answer
    this.#sent.add(what)
    try {
      await run()
      log.debug({ what }, 'told the chain of a storage challenge')
      return true
    } catch (error) {
      this.#sent.delete(what)
      if (!isChainError(error, 'MOVE_ABORT')) throw error
      log.debug(
        { what, err: error },
        'the chain does not take it: somebody was first, or it is too early or too late',
      )
      return DONE.has(error.details.name ?? '')
    }
  }
}

/** A node's own part in a round. */
interface Turn {
  /** the round's salt */
  of: string
  /** the chain knows, though the event has not come yet */
  isCommitted: boolean
  /** since when the round is known here, by the chain's clock */
  openedMs: number
  /** of what is asked, what is not here */
  lacking: number
  /** who did not sign, and why */
  refusals: Map<ObjectId, string>
  /** no attempt before, by the monotonic clock */
  notBefore: number
  proofs?: readonly ChallengeProof[]
  /** by member index */
  signatures: Map<number, Uint8Array>
  certificate?: Certificate | undefined
}

const turnOf = (of: string): Turn => ({
  of,
  isCommitted: false,
  openedMs: 0,
  lacking: 0,
  refusals: new Map(),
  notBefore: 0,
  signatures: new Map(),
})

/** Names of aborts that tell that it was done before. */
const DONE: ReadonlySet<string> = new Set([
  'EAlreadyOpen',
  'EAlreadyCommitted',
  'EAlreadyDrawn',
  'EAlreadyPassed',
])
const NO_RECORD = { epoch: 0 as Epoch, round: 0 }

/** Of the epoch: how late a node may be on purpose, so that not all send the same transaction. */
const JITTER_SHARE = 0.02

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))

const isDrawn = (record: RoundRecord | undefined): record is RoundRecord & { seed: string } =>
  record?.seed !== undefined
