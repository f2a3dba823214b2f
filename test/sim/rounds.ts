import { ChainError } from '../../chain/errors.ts'
import { type Bls, challengeMessage, isValidity } from '../../codec/index.ts'
import type { Certificate, Epoch, ObjectId } from '../../codec/types.ts'
import { roundDue } from '../../node/storage/challenge/timing.ts'
import type { Random } from '../support/random.ts'
import type { SimChain } from './chain.ts'

/** Rounds of an epoch, and pieces that each node is asked for in one. */
export interface RoundTerms {
  rounds: number
  draws: number
}

export interface SimRound {
  readonly epoch: Epoch
  readonly number: number
  readonly salt: Uint8Array
  seed: Uint8Array | undefined
  readonly draws: number
  /** by the chain's clock */
  readonly commitUntilMs: number
  readonly passUntilMs: number
  readonly roots: Map<ObjectId, Uint8Array>
  readonly passed: Set<ObjectId>
}

export interface SimRoundsInit {
  chain: SimChain
  bls: Bls
  random: Random
  terms: RoundTerms
}

const SHARES = { openFrom: 2_500, commitUntil: 5_500, passUntil: 9_000 }
/** Bytes of the message before the node's ID, which is 32 bytes. */
const ID_AT = 8

/** The contract's rounds of storage challenges, without what they burn: `challenge_rounds.move`. */
export class SimRounds {
  readonly parameters: RoundTerms & typeof SHARES
  /** members of whole epochs, by what came of the epoch: nobody fails where fewer than f + 1 shards have passed */
  readonly settled = { passed: 0, failed: 0, void: 0 }
  opened = 0
  /** certificates that were not taken */
  refused = 0
  onOpened: (round: SimRound) => void = () => undefined
  onDrawn: (round: SimRound & { seed: Uint8Array }) => void = () => undefined
  onPassed: (round: SimRound, nodeId: ObjectId, signers: readonly ObjectId[]) => void = () => undefined
  readonly #init: SimRoundsInit
  #rounds: SimRound[] = []

  constructor(init: SimRoundsInit) {
    this.#init = init
    this.parameters = { ...init.terms, ...SHARES }
  }

  /** The newest one; undefined before the first. */
  get last(): SimRound | undefined {
    return this.#rounds.at(-1)
  }

  open(): void {
    const { chain, random } = this.#init
    const timing = chain.timing(chain.now)
    must(timing.state.kind !== 'sync', 'EEpochChanging')
    const { rounds, draws, passUntil } = this.parameters
    const { round: number, openMs, commitUntilMs } = roundDue(timing, this.parameters)
    const lengthMs = Math.floor(timing.durationMs / rounds)
    must(timing.nowMs >= openMs(0), 'ETooEarly')
    must(timing.nowMs < commitUntilMs, 'ETooLate')
    this.#rounds = this.#rounds.filter(({ epoch }) => epoch === timing.epoch)
    must(!this.#rounds.some(round => round.number === number), 'EAlreadyOpen')
    const passUntilMs = commitUntilMs + Math.floor((lengthMs * (passUntil - SHARES.commitUntil)) / 10_000)
    const salt = random.bytes(32)
    const round: SimRound = {
      ...{ epoch: timing.epoch, number, salt, seed: undefined, draws, commitUntilMs, passUntilMs },
      ...{ roots: new Map(), passed: new Set() },
    }
    this.#rounds.push(round)
    this.opened++
    const { epoch } = round
    this.onOpened(round)
    chain.emit({
      type: 'ChallengeOpened',
      ...{ epoch, round: number, salt, draws, commitUntilMs, passUntilMs },
    })
  }

  commit(nodeId: ObjectId, number: number, root: Uint8Array): void {
    const { chain } = this.#init
    must(root.length === 32, 'EInvalidRoot')
    must(isMember(chain, nodeId), 'ENotInCommittee')
    const round = this.#expect(number)
    must(chain.nowMs < round.commitUntilMs, 'ETooLate')
    must(!round.roots.has(nodeId), 'EAlreadyCommitted')
    round.roots.set(nodeId, root)
    chain.emit({ type: 'ChallengeCommitted', epoch: round.epoch, round: number, nodeId, root })
  }

  draw(number: number): void {
    const { chain, random } = this.#init
    const round = this.#expect(number)
    must(chain.nowMs >= round.commitUntilMs, 'ETooEarly')
    must(chain.nowMs < round.passUntilMs, 'ETooLate')
    must(round.seed === undefined, 'EAlreadyDrawn')
    const seed = random.bytes(32)
    round.seed = seed
    this.onDrawn({ ...round, seed })
    chain.emit({ type: 'ChallengeDrawn', epoch: round.epoch, round: number, seed })
  }

  pass(certificate: Certificate): void {
    try {
      this.#pass(certificate)
    } catch (error) {
      this.refused++
      throw error
    }
  }

  #pass({ message, signers, signature, epoch }: Certificate): void {
    const { chain, bls } = this.#init
    const { members } = chain.now.current
    const signing = signers.map(index => members[index]!)
    must(isValidity(weightOf(signing), chain.nShards), 'ENotEnoughStake')
    const keys = signing.map(({ blsPublicKey }) => blsPublicKey)
    must(bls.verifyAggregate(keys, message, signature), 'ESigVerification')
    must(epoch === chain.epoch, 'EWrongEpoch')
    const nodeId = `0x${Buffer.from(message.subarray(ID_AT, ID_AT + 32)).toString('hex')}` as ObjectId
    const round = this.#expect(message[ID_AT - 1]!)
    must(isMember(chain, nodeId), 'ENotInCommittee')
    must(round.seed !== undefined, 'ENotDrawn')
    must(chain.nowMs < round.passUntilMs, 'ETooLate')
    must(round.roots.has(nodeId), 'ENotCommitted')
    must(Buffer.compare(message, this.messageOf(round, nodeId)!) === 0, 'EWrongRoot')
    must(!round.passed.has(nodeId), 'EAlreadyPassed')
    round.passed.add(nodeId)
    this.onPassed(
      round,
      nodeId,
      signing.map(one => one.nodeId),
    )
    chain.emit({ type: 'ChallengePassed', epoch: round.epoch, round: round.number, nodeId })
  }

  /** What a verifier of a node signs; undefined before there is anything to sign. */
  messageOf(
    { epoch, number: round }: Pick<SimRound, 'epoch' | 'number'>,
    nodeId: ObjectId,
  ): Uint8Array | undefined {
    const found = this.#rounds.find(one => one.epoch === epoch && one.number === round)
    const root = found?.roots.get(nodeId)
    if (root === undefined || found?.seed === undefined) return undefined
    return challengeMessage({ epoch, round, nodeId, root, seed: found.seed })
  }

  /** The epoch of these rounds is over. */
  settle(epoch: Epoch): void {
    const { chain } = this.#init
    const members = chain.past.get(epoch)?.members ?? []
    const isCounted = (some: readonly (typeof members)[number][]) => isValidity(weightOf(some), chain.nShards)
    const counted = this.#rounds.filter(
      round => round.epoch === epoch && isCounted(members.filter(({ nodeId }) => round.passed.has(nodeId))),
    )
    const passed = members.filter(({ nodeId }) => counted.every(round => round.passed.has(nodeId)))
    if (counted.length === 0 || !isCounted(passed)) {
      this.settled.void += members.length
      return
    }
    this.settled.passed += passed.length
    this.settled.failed += members.length - passed.length
  }

  #expect(number: number): SimRound {
    const { epoch } = this.#init.chain
    const round = this.#rounds.find(one => one.epoch === epoch && one.number === number)
    must(round !== undefined, 'ENoRound')
    return round
  }
}

const weightOf = (members: readonly { shards: readonly unknown[] }[]): number =>
  members.reduce((sum, { shards }) => sum + shards.length, 0)

const isMember = ({ now }: SimChain, nodeId: ObjectId): boolean =>
  now.current.members.some(member => member.nodeId === nodeId)

function must(holds: boolean, name: string): asserts holds {
  const details = { module: 'challenge_rounds', name, abortCode: 1n }
  if (!holds) throw new ChainError('MOVE_ABORT', `challenge_rounds aborted with ${name}`, details)
}
