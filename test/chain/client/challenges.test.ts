import assert from 'node:assert/strict'
import { isChainError } from '../../../chain/errors.ts'
import type { ChainEvent, Challenger, Committees } from '../../../chain/types/index.ts'
import { challengeMessage } from '../../../codec/index.ts'
import type { Certificate, Epoch, ObjectId } from '../../../codec/types.ts'
import { EPOCH_MS, secretOf, startTestNetwork, type TestNetwork } from './network.ts'

describe('storage challenges, through the client', function () {
  this.timeout(120_000)
  let on: TestNetwork
  let committees: Committees
  let challengers: Challenger[]
  let nodeIds: ObjectId[]

  const aborted = (name: string) => (error: unknown) =>
    isChainError(error, 'MOVE_ABORT') && error.details.name === name
  const rootOf = (i: number) => new Uint8Array(32).fill(i + 1)

  /** What all that happened was, once the event of this type is among it. */
  async function eventsUntil(type: ChainEvent['type']): Promise<ChainEvent[]> {
    const stop = new AbortController()
    const events: ChainEvent[] = []
    for await (const event of on.coordinator.follow({ signal: stop.signal })) {
      events.push(event)
      if (event.type === type) stop.abort()
    }
    return events.filter(event => event.type.startsWith('Challenge'))
  }

  function certificateFor(i: number, seed: Uint8Array, signers: number[]): Certificate {
    const { members } = committees.current
    const epoch = 1 as Epoch
    const message = challengeMessage({ epoch, round: 0, nodeId: nodeIds[i]!, root: rootOf(i), seed })
    const signatures = signers.map(index => on.bls.sign(secretOf(on, members[index]!.name), message))
    return { epoch, signers, message, signature: on.bls.aggregateSignatures(signatures) }
  }

  before(async () => {
    on = await startTestNetwork()
    committees = await on.coordinator.committees()
    challengers = on.nodes.map(({ wallet }) => on.coordinator.challenger(wallet))
    const capabilities = on.nodes.map(({ wallet }) => on.coordinator.operator(wallet).capability())
    nodeIds = (await Promise.all(capabilities)).map(capability => capability!.nodeId)
  })
  after(() => on?.close())

  it('are as nodes with 2f + 1 shards vote, from the next epoch on', async () => {
    const [first, second, third] = on.nodes.map(({ wallet }) => on.coordinator.operator(wallet))
    await first!.voteForParameter('draws', 99)
    await first!.voteForParameter('draws', 100)
    await second!.voteForParameter('draws', 100)
    const before = await on.coordinator.parameters()
    assert.deepEqual([before.epoch, before.nShards, before.next.draws], [1, 10, 640])
    const shardsOf = (i: number) =>
      committees.current.members.find(({ nodeId }) => nodeId === nodeIds[i])!.shards.length
    assert.deepEqual(before.votes, {
      draws: [0, 1].map(i => ({ nodeId: nodeIds[i], value: 100, shards: shardsOf(i) })),
    })
    await third!.voteForParameter('draws', 100)
    await assert.rejects(first!.voteForParameter('draws', 99), aborted('EDecided'))
    await first!.voteForParameter('fee', 0)
    await assert.rejects(first!.voteForParameter('fee', 0), aborted('EDuplicateVote'))
    await assert.rejects(first!.voteForParameter('fee', 1_001), error =>
      isChainError(error, 'INVALID_ARGUMENT'),
    )
    await second!.voteForParameter('fee', 0)
    await third!.voteForParameter('fee', 0)
    const { current, next, later } = await on.coordinator.parameters()
    assert.deepEqual([current.draws, next], [640, { ...current, draws: 100 }])
    // what stake pays has notice
    assert.deepEqual(later, { ...next, fee: 0 })
    assert.deepEqual(await challengers[0]!.parameters(), current)
  })

  it('begin with a round that anyone opens, once, when it is time', async () => {
    const anyone = on.coordinator.challenger(on.admin)
    await assert.rejects(anyone.open(), aborted('ETooEarly'))
    assert.deepEqual(await on.coordinator.challenges(), [])
    await on.localnet.advanceClock(0.25 * EPOCH_MS)
    await anyone.open()
    await assert.rejects(challengers[0]!.open(), aborted('EAlreadyOpen'))
    const [opened, ...others] = await eventsUntil('ChallengeOpened')
    assert.ok(opened?.type === 'ChallengeOpened')
    assert.deepEqual(others, [])
    assert.equal(opened.salt.length, 32)
    assert.deepEqual([opened.epoch, opened.round, opened.draws], [1, 0, 640])
    const { state } = await on.coordinator.epochTiming()
    assert.ok(state.kind === 'done')
    assert.deepEqual(
      [opened.commitUntilMs, opened.passUntilMs],
      [state.sinceMs + 0.55 * EPOCH_MS, state.sinceMs + 0.9 * EPOCH_MS],
    )
  })

  it('take one commitment of each node, and nothing of who has none', async () => {
    for (const [i, challenger] of challengers.entries()) await challenger.commit(0, rootOf(i))
    const [standing] = await on.coordinator.challenges()
    assert.deepEqual(standing?.committed, nodeIds)
    assert.deepEqual([standing?.isDrawn, standing?.passed], [false, []])
    await assert.rejects(challengers[0]!.commit(0, rootOf(9)), aborted('EAlreadyCommitted'))
    await assert.rejects(on.coordinator.challenger(on.admin).commit(0, rootOf(0)), error =>
      isChainError(error, 'NOT_FOUND'),
    )
  })

  it('are passed by a certificate of f + 1 shards over the commitment and what was drawn', async () => {
    await assert.rejects(challengers[0]!.draw(0), aborted('ETooEarly'))
    await on.localnet.advanceClock(0.3 * EPOCH_MS)
    await challengers[1]!.draw(0)
    const drawn = (await eventsUntil('ChallengeDrawn')).at(-1)
    assert.ok(drawn?.type === 'ChallengeDrawn')
    const { seed } = drawn
    const [pass] = challengers
    await assert.rejects(pass!.pass(certificateFor(0, seed, [2])), aborted('ENotEnoughStake'))
    await assert.rejects(pass!.pass(certificateFor(0, rootOf(0), [0, 1])), aborted('EWrongSeed'))
    const forged = { ...certificateFor(0, seed, [0, 1]), signers: [2, 3] }
    await assert.rejects(pass!.pass(forged), aborted('ESigVerification'))
    for (let i = 0; i < 3; i++) await pass!.pass(certificateFor(i, seed, [0, 3]))
    await assert.rejects(pass!.pass(certificateFor(0, seed, [0, 3])), aborted('EAlreadyPassed'))
    const [standing] = await on.coordinator.challenges()
    const { members } = committees.current
    const passed = members.filter(({ nodeId }) => nodeIds.indexOf(nodeId) < 3)
    assert.deepEqual(
      [standing?.isDrawn, standing?.passed, standing?.passedShards],
      [true, passed.map(({ nodeId }) => nodeId), passed.reduce((sum, { shards }) => sum + shards.length, 0)],
    )
  })

  it('are failed by who has not passed when the epoch ends, and told in order', async () => {
    await on.localnet.advanceClock(0.45 * EPOCH_MS)
    const operator = on.coordinator.operator(on.nodes[0]!.wallet)
    await operator.votingEnd()
    await operator.initiateEpochChange()
    const events = await eventsUntil('ChallengeFailed')
    const told = events.map(event => [event.type, 'nodeId' in event ? nodeIds.indexOf(event.nodeId) : 'all'])
    assert.deepEqual(told, [
      ['ChallengeOpened', 'all'],
      ...nodeIds.map((_, i) => ['ChallengeCommitted', i]),
      ['ChallengeDrawn', 'all'],
      ...[0, 1, 2].map(i => ['ChallengePassed', i]),
      ['ChallengeFailed', 3],
    ])
    const [opened, drawn] = [events[0]!, events[5]!]
    assert.ok(opened.type === 'ChallengeOpened' && drawn.type === 'ChallengeDrawn')
    assert.notDeepEqual(opened.salt, drawn.seed)
    const [first, last] = [events[1]!, events.at(-1)!]
    assert.ok(first.type === 'ChallengeCommitted' && last.type === 'ChallengeFailed')
    assert.deepEqual(first.root, rootOf(0))
    assert.deepEqual([last.epoch, last.burnedFrost, last.benchedUntil], [1, 0n, undefined])
    await assert.rejects(challengers[0]!.open(), aborted('EEpochChanging'))
    assert.deepEqual(await on.coordinator.challenges(), [])
    const { epoch, current, votes } = await on.coordinator.parameters()
    assert.deepEqual([epoch, current.draws, votes], [2, 100, {}])
    assert.deepEqual(await challengers[0]!.parameters(), current)
  })
})
