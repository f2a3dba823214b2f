import { strict as assert } from 'node:assert'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { silentLog } from '../../../../base/log.ts'
import { ChainError } from '../../../../chain/errors.ts'
import type { ChainEvent, Challenger, CommitteeMember, Committees } from '../../../../chain/types/index.ts'
import {
  challengeMessage,
  createAdaptiveCodec,
  type EncodedBlob,
  pairOfShard,
} from '../../../../codec/index.ts'
import type { Epoch, ObjectId, ShardIndex } from '../../../../codec/types.ts'
import { type Challenges, createChallenges } from '../../../../node/storage/challenge/challenges.ts'
import { createBlobRecords } from '../../../../node/storage/store/blob-records.ts'
import { applyBlobEvent } from '../../../../node/storage/store/blob-state.ts'
import { memorySliverStore } from '../../../../node/storage/store/memory-sliver-store.ts'
import { createMetadataStore } from '../../../../node/storage/store/metadata-store.ts'
import { createRoundRecords } from '../../../../node/storage/store/round-records.ts'
import { CHALLENGE_TOPIC, ProtocolError } from '../../../../protocols/index.ts'
import type { Verdict } from '../../../../protocols/ports.ts'
import { fakeBls } from '../../../support/fake-bls.ts'
import { fakeCommittee } from '../../../support/fake-peers.ts'
import { memoryRecords } from '../../../support/memory-records.ts'
import { Random } from '../../../support/random.ts'
import { temporaryFolder } from '../../../support/temporary.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

const [NODES, N, EPOCH] = [7, 10, 2 as Epoch]
/** so long that no deadline comes while a disk is read, however often the clock goes on */
const DURATION_MS = 10 ** 12
const STEP_MS = 10_000
const LOOKS = 20_000
const random = new Random('round')
const objectId = `0x${'9'.repeat(64)}` as ObjectId
const PARAMETERS = { rounds: 1, draws: 100, openFrom: 2_500, commitUntil: 5_500, passUntil: 9_000 }

describe('a round of storage challenges, among nodes', function () {
  this.timeout(60_000)
  const codec = createAdaptiveCodec()
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  const blobs: EncodedBlob[] = []
  const open: AsyncDisposable[] = []
  before(async () => {
    folder = await temporaryFolder()
    for (const size of [1, 20_000, 200_000]) blobs.push(await codec.encode(random.bytes(size), N))
  })
  afterEach(async () => {
    for (const one of open.splice(0)) await one[Symbol.asyncDispose]()
  })
  after(async () => {
    for (const blob of blobs) blob.release()
    await codec.close()
    await folder.remove()
  })

  interface Options {
    /** how a node meets what others show it */
    answers?: (index: number) => 'looks' | 'refuses' | 'silent'
    lacks?: (index: number, shard: ShardIndex) => boolean
    /** whose RPC sends nothing of itself: it hears the chain when it looks */
    isBehind?: (index: number) => boolean
    /** what nodes tell each other goes by gossip */
    gossips?: boolean
  }

  /** Seven nodes, of which three have two of ten shards, that hear a chain of their own at once. Four shards pass a node. */
  async function world({
    answers = () => 'looks',
    lacks = () => false,
    isBehind = () => false,
    gossips = false,
  }: Options = {}) {
    const clock = new VirtualClock()
    const committee = fakeCommittee(NODES, N, { epoch: EPOCH })
    const secrets = committee.members.map(({ index }) => new Uint8Array(32).fill(index + 1))
    for (const [i, member] of committee.members.entries())
      member.blsPublicKey = fakeBls.publicKey(secrets[i]!)
    const committees = { epoch: EPOCH, current: committee, state: { kind: 'done' } } as unknown as Committees
    const chain = {
      nowMs: 0,
      opened: false,
      drawn: false,
      committed: new Set<ObjectId>(),
      passed: [] as ObjectId[],
    }
    const nodes: {
      challenges: Challenges
      hear(event: ChainEvent): Promise<void>
      restart(): Promise<void>
      /** asks its RPC for what has happened */
      look(): Promise<void>
      looks: number
    }[] = []
    const history: ChainEvent[] = []
    const verdicts: Promise<Verdict>[] = []
    let events = 0
    const tell = async (what: object): Promise<void> => {
      const at = { epoch: EPOCH, cursor: String(++events), digest: 'd', eventIndex: events }
      const event = { ...at, ...what } as unknown as ChainEvent
      history.push(event)
      for (const [index, node] of nodes.entries()) if (!isBehind(index)) await node.hear(event)
    }
    const must = (holds: boolean, name: string): void => {
      const details = { module: 'challenge_rounds', abortCode: 1n, name }
      if (!holds) throw new ChainError('MOVE_ABORT', name, details)
    }
    const times = { commitUntilMs: 0.55 * DURATION_MS, passUntilMs: 0.9 * DURATION_MS }
    const challengerOf = ({ nodeId }: CommitteeMember): Challenger =>
      ({
        parameters: async () => PARAMETERS,
        async open() {
          must(!chain.opened, 'EAlreadyOpen')
          chain.opened = true
          await tell({
            type: 'ChallengeOpened',
            round: 0,
            salt: random.bytes(32),
            draws: PARAMETERS.draws,
            ...times,
          })
        },
        async commit(_: number, root: Uint8Array) {
          must(!chain.committed.has(nodeId), 'EAlreadyCommitted')
          must(chain.nowMs < times.commitUntilMs, 'ETooLate')
          chain.committed.add(nodeId)
          await tell({ type: 'ChallengeCommitted', round: 0, nodeId, root })
        },
        async draw() {
          must(!chain.drawn, 'EAlreadyDrawn')
          chain.drawn = true
          await tell({ type: 'ChallengeDrawn', round: 0, seed: random.bytes(32) })
        },
        async pass() {
          must(!chain.passed.includes(nodeId), 'EAlreadyPassed')
          chain.passed.push(nodeId)
          await tell({ type: 'ChallengePassed', round: 0, nodeId })
        },
      }) as unknown as Challenger

    const makeNode = async (self: CommitteeMember) => {
      const { index, nodeId } = self
      const records = memoryRecords()
      const blobRecords = createBlobRecords(records)
      const metadata = createMetadataStore(records, N)
      const slivers = memorySliverStore(N)
      for (const blob of blobs) {
        const { blobId } = blob.metadata
        await metadata.put(blob.metadata)
        for (const shard of self.shards.filter(shard => !lacks(index, shard)))
          for (const axis of ['primary', 'secondary'] as const) {
            const ref = { pair: pairOfShard(shard, blobId, N), axis }
            await slivers.put(blobId, ref, blob.sliver(ref))
          }
      }
      const make = (): Challenges =>
        createChallenges({
          nodeId,
          nShards: N,
          codec,
          slivers,
          metadata,
          blobs: blobRecords,
          rounds: createRoundRecords(records),
          path: join(folder.path, `${folderNumber}-${index}`),
          budget: {
            within: async (_: string, __: number, ___: AbortSignal, work: (grant: never) => unknown) =>
              work({ spent() {} } as never),
          },
          chain: {
            epochTiming: async () => ({
              epoch: EPOCH,
              state: { kind: 'done', sinceMs: 0 },
              durationMs: DURATION_MS,
              nowMs: chain.nowMs,
            }),
          },
          challenger: challengerOf(self),
          isWhole: async () => true,
          isCaughtUp: () => true,
          look: () => void node.look(),
          committees: { get: async () => committees, latest: () => committees, onChange: () => () => {} },
          members: {
            of: (_: Committees, peer: string) => committee.members.find(({ name }) => name === peer),
            currentOf: () => [],
          },
          peers: { proveHeld: show(self) },
          book: {
            address: (member: CommitteeMember) => member,
            failed() {},
            ranked: (members: CommitteeMember[]) => [...members],
          },
          bls: fakeBls,
          signer: {
            passed: (body: Parameters<typeof challengeMessage>[0]) => {
              const message = challengeMessage(body)
              return { message, signature: fakeBls.sign(secrets[index]!, message) }
            },
          },
          clock,
          random: () => index / NODES,
          log: silentLog(),
        } as never)
      const gossiping = (challenges: Challenges): Challenges => {
        if (gossips)
          challenges.onNews(news => {
            for (const other of nodes.filter(one => one !== node))
              verdicts.push(other.challenges.heard(news, { signal: never.signal }))
          })
        return challenges
      }
      let heard = 0
      const node = {
        challenges: gossiping(make()),
        looks: 0,
        async look() {
          node.looks++
          while (heard < history.length) await node.hear(history[heard]!)
        },
        async hear(event: ChainEvent) {
          heard++
          const noted = await node.challenges.noted(event)
          if ('blobId' in event) {
            const before = await blobRecords.get(event.blobId)
            const change = { blobId: event.blobId, before, state: applyBlobEvent(before, event) }
            await blobRecords.advance(event.cursor, change, noted)
          } else await blobRecords.advance(event.cursor, undefined, noted)
          node.challenges.onEvent(event)
        },
        async restart() {
          await node.challenges.stop()
          node.challenges = gossiping(make())
          await node.challenges.start()
        },
      }
      return node
    }

    /** What the protocol does between two nodes. */
    const show =
      ({ name }: CommitteeMember) =>
      async (
        to: CommitteeMember,
        query: never,
        proofs: readonly never[],
        { signal }: { signal: AbortSignal },
      ) => {
        const how = answers(to.index)
        if (how === 'refuses') throw new ProtocolError('BUSY')
        if (how === 'silent')
          await new Promise((_, reject) =>
            signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
          )
        const hearing = await nodes[to.index]!.challenges.judge.open(query, { peer: name, signal })
        if (hearing.kind === 'known') return hearing.signed
        try {
          for (const [i, proof] of proofs.entries()) await hearing.check(i, proof)
          return hearing.sign()
        } finally {
          hearing.close()
        }
      }

    const folderNumber = ++worlds
    for (const member of committee.members) nodes.push(await makeNode(member))
    for (const { metadata } of blobs) {
      const { blobId, unencodedLength: size } = metadata
      const what = { blobId, size, epoch: 1, endEpoch: 9, deletable: false, objectId }
      await tell({ ...what, type: 'BlobRegistered' })
      await tell({ ...what, type: 'BlobCertified', isExtension: false })
    }
    for (const { challenges } of nodes) await challenges.start()
    open.push({
      async [Symbol.asyncDispose]() {
        for (const { challenges } of nodes) await challenges.stop()
      },
    })
    return {
      chain,
      nodes,
      verdicts,
      clock,
      behind: nodes.filter((_, index) => isBehind(index)),
      /** To a share of the epoch, and on by the nodes' own clocks until something is so. */
      async until(share: number, holds: () => boolean): Promise<void> {
        chain.nowMs = share * DURATION_MS
        for (let look = 0; look < LOOKS && !holds(); look++) {
          await clock.advance(STEP_MS)
          // comes behind what nodes have asked of the disk
          await stat(folder.path)
        }
        assert.ok(holds(), `not so at ${share} of the epoch`)
      },
    }
  }
  let worlds = 0

  it('is opened, committed to, drawn and passed by nodes of themselves', async () => {
    const on = await world()
    await on.until(0.3, () => on.chain.committed.size === NODES)
    await on.until(0.6, () => on.chain.passed.length === NODES)
    for (const { challenges } of on.nodes) {
      const { state, refusals, passed } = challenges.view()
      assert.deepEqual([state, refusals, passed], ['passed', [], NODES])
    }
  })

  it('is passed by a node that is restarted between any two steps', async () => {
    const on = await world()
    const all = async (): Promise<void> => {
      for (const node of on.nodes) await node.restart()
    }
    await on.until(0.24, () => !on.chain.opened)
    await all()
    await on.until(0.3, () => on.chain.opened)
    await all()
    await on.until(0.3, () => on.chain.committed.size === NODES)
    await all()
    await on.until(0.6, () => on.chain.drawn)
    await all()
    await on.until(0.6, () => on.chain.passed.length > 0)
    await all()
    await on.until(0.6, () => on.chain.passed.length === NODES)
  })

  it('is passed where nodes of f shards are silent, or refuse everyone', async () => {
    for (const how of ['silent', 'refuses'] as const) {
      // two shards and one
      const on = await world({ answers: index => ([1, 4].includes(index) ? how : 'looks') })
      await on.until(0.3, () => on.chain.committed.size === NODES)
      await on.until(0.6, () => on.chain.passed.length === NODES)
    }
  })

  it('is not passed by a node that lacks a shard, and which knows it', async () => {
    const on = await world({ lacks: (index, shard) => index === 2 && shard === 2 })
    await on.until(0.3, () => on.chain.committed.size === NODES)
    await on.until(0.6, () => on.chain.passed.length === NODES - 1)
    const lacking = on.nodes[2]!.challenges
    await on.until(0.7, () => lacking.view().state === 'lacking')
    assert.ok(!on.chain.passed.includes(fakeCommittee(NODES, N).members[2]!.nodeId))
  })

  it('is passed by nobody where fewer than f + 1 of the shards look, its own among them', async () => {
    // node 3 has one shard, and nobody more than two
    const on = await world({ answers: index => (index === 3 ? 'looks' : 'refuses') })
    await on.until(0.3, () => on.chain.committed.size === NODES)
    const parts = () => on.nodes.map(({ challenges }) => challenges.view().refusals)
    await on.until(0.6, () => parts().every(({ length }, index) => length === NODES - (index === 3 ? 1 : 2)))
    assert.ok(parts().every(refusals => refusals.every(({ code }) => code === 'BUSY')))
    assert.deepEqual(on.chain.passed, [])
  })

  it('is begun by what others tell, before the RPC of a node says anything', async () => {
    for (const gossips of [false, true]) {
      const on = await world({ isBehind: index => index === 6, gossips })
      const [behind] = on.behind
      await behind!.look()
      const knows = () => behind!.challenges.view().state !== 'none'
      await on.until(0.3, () => on.chain.committed.size >= NODES - 1)
      if (gossips) await on.until(0.3, () => on.chain.committed.size === NODES)
      assert.deepEqual([knows(), on.chain.committed.size], [gossips, gossips ? NODES : NODES - 1])
    }
  })

  it('is not changed by what is forged, which costs few looks and is held against who passes it on', async () => {
    const on = await world({ isBehind: index => index === 6 })
    const { challenges } = on.nodes[6]!
    await on.nodes[6]!.look()
    on.nodes[6]!.looks = 0
    const { signal } = never
    const round = { epoch: EPOCH, round: 0 }
    const forged = Array.from({ length: 50 }, (_, i) =>
      challenges.heard({ ...round, what: { Opened: new Uint8Array(32).fill(i) } }, { signal }),
    )
    assert.equal(on.nodes[6]!.looks, CHALLENGE_TOPIC.lookBurst)
    await on.clock.advance(CHALLENGE_TOPIC.waitMs)
    assert.deepEqual(new Set(await Promise.all(forged)), new Set(['ignore']))
    assert.equal(challenges.view().state, 'none')
    // of another time
    for (const epoch of [EPOCH - 1, EPOCH + 2] as Epoch[])
      assert.equal(
        await challenges.heard({ epoch, round: 0, what: { Opened: bytesOf(1) } }, { signal }),
        'ignore',
      )
    assert.equal(on.nodes[6]!.looks, CHALLENGE_TOPIC.lookBurst)
    // what the chain contradicts
    await on.until(0.3, () => on.chain.committed.size === NODES - 1)
    const { nodeId } = fakeCommittee(NODES, N).members[0]!
    const before = on.nodes[1]!.challenges.view()
    const whats = [{ Opened: bytesOf(1) }, { Committed: { nodeId, root: bytesOf(1) } }]
    for (const what of whats)
      assert.equal(await on.nodes[1]!.challenges.heard({ ...round, what }, { signal }), 'reject')
    assert.deepEqual(on.nodes[1]!.challenges.view(), before)
  })

  it('is told of in words that the chain bears out', async () => {
    const on = await world({ gossips: true })
    await on.until(0.3, () => on.chain.committed.size === NODES)
    await on.until(0.6, () => on.chain.passed.length === NODES)
    await on.clock.advance(CHALLENGE_TOPIC.waitMs)
    const verdicts = await Promise.all(on.verdicts)
    // opened, drawn, and of each node that it has committed and passed, to all others
    assert.equal(verdicts.length, (2 + 2 * NODES) * (NODES - 1))
    assert.deepEqual(new Set(verdicts), new Set(['accept']))
  })
})

const never = new AbortController()
const bytesOf = (byte: number): Uint8Array => new Uint8Array(32).fill(byte)
