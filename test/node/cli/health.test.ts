import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { systemClock } from '../../../base/clock.ts'
import type { Committees } from '../../../chain/types/index.ts'
import type { Context } from '../../../node/cli/context.ts'
import { EXIT } from '../../../node/cli/errors.ts'
import { health } from '../../../node/cli/node/health.ts'
import { fakeCommittee } from '../../support/fake-peers.ts'
import { networkFolder } from './support.ts'

const EPOCH = 7
const WELL = {
  state: 'active',
  stateEpoch: EPOCH,
  shards: { active: 5, gaining: 0, locked: 0 },
  shardSummary: { owned: 5 },
  missing: {},
  reportedEpoch: EPOCH,
  storedBlobs: 3,
  table: { differing: 0 },
}
const STANDBY = {
  ...WELL,
  state: 'standby',
  shards: { active: 0, gaining: 0, locked: 0 },
  reportedEpoch: null,
}

const challengeOf = (state: string) => ({
  epoch: EPOCH,
  round: 0,
  state,
  committed: 2,
  passed: 1,
  refusals: [],
})

/** What a node answers: its health, or a status and a body. */
type Answer = object | { status: number; body: string }

describe('floe health', () => {
  let folder: Awaited<ReturnType<typeof networkFolder>>
  const servers: Server[] = []
  before(async () => {
    folder = await networkFolder()
  })
  after(() => folder.remove())
  afterEach(async () => {
    await Promise.all(servers.splice(0).map(server => new Promise(resolve => server.close(resolve))))
  })

  const serve = async (answer: Answer): Promise<string> => {
    const server = createServer((request, response) => {
      const { status, body } =
        'status' in answer ? answer : { status: 200, body: JSON.stringify({ success: { data: answer } }) }
      assert.equal(request.url, '/v1/health')
      response.writeHead(status, { connection: 'close' }).end(body)
    })
    servers.push(server)
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    return `127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  /** Two nodes of a network, the second as it is given; undefined for one that nobody reaches. */
  const ask = async (answer: Answer | undefined, state: Committees['state'], names: string[] = []) => {
    const committee = fakeCommittee(2, 10, { epoch: EPOCH })
    const addresses = [await serve(WELL), answer === undefined ? '127.0.0.1:1' : await serve(answer)]
    const current = {
      ...committee,
      members: committee.members.map((member, i) => ({ ...member, networkAddress: addresses[i]! })),
    }
    const committees = { epoch: current.epoch, state, current } as Committees
    let result:
      | {
          whole: boolean
          nodes: { name: string; whole: boolean; problems: string[]; health?: { budget?: object } }[]
        }
      | undefined
    let text = ''
    const context = {
      cwd: folder.path,
      env: {},
      parts: {
        coordinate: async () => ({ committees: async () => committees, close: async () => undefined }),
      },
      output: {
        result: async (value: never, told: object) => {
          result = value
          text = String(told)
        },
      },
      clock: systemClock,
      signal: new AbortController().signal,
    } as unknown as Context
    const code = await health(context, names, { dir: '.floe-node', all: names.length === 0 })
    return { ...result!, code, text }
  }
  const done = { kind: 'done', sinceMs: 0 } as const
  const sync = { kind: 'sync', weight: 5 } as const

  const cases: [what: string, Answer | undefined, Committees['state'], RegExp | undefined][] = [
    ['one that has everything', WELL, done, undefined],
    ['one that fetches ahead', { ...WELL, shards: { active: 5, gaining: 2, locked: 1 } }, done, undefined],
    ["one that waits for uploads' slivers", { ...WELL, missing: { tail: 2 } }, done, undefined],
    ['one that has reported while others have not', WELL, sync, undefined],
    ['one without shards', { ...STANDBY, shardSummary: { owned: 0 } }, sync, undefined],
    ['one that has not begun with its shards', STANDBY, done, /it has just started/],
    [
      'one that lacks something',
      { ...WELL, state: 'recovering', missing: { handoff: 9 } },
      done,
      /recovering/,
    ],
    [
      'one that catches up',
      { ...WELL, state: 'catching-up', stateEpoch: 4 },
      done,
      /it is in epoch 4.*catching-up/,
    ],
    ['one that is in the epoch before', { ...WELL, stateEpoch: 6 }, done, /in epoch 6, the chain in 7/],
    ['one that follows the chain', { ...WELL, followed: { checkpoint: 12, isTip: true } }, done, undefined],
    [
      'one that has not heard of all',
      { ...WELL, followed: { checkpoint: 12, isTip: false } },
      done,
      /it is behind the chain: it has heard what it said up to checkpoint 12/,
    ],
    [
      'one that has heard of nothing',
      { ...WELL, followed: { checkpoint: null, isTip: false } },
      done,
      /behind the chain: it has heard nothing of it yet/,
    ],
    [
      'one whose progress is nonsense',
      { ...WELL, followed: { checkpoint: 'x', isTip: false } },
      done,
      undefined,
    ],
    ['one that has not reported', { ...WELL, reportedEpoch: 6 }, sync, /^it has not reported$/],
    ['one that never has', { ...WELL, reportedEpoch: null }, sync, /^it has not reported$/],
    ['one without gas', { ...WELL, trouble: 'NOT_ENOUGH_SUI' }, done, /no gas left: send it SUI/],
    ['one without a wallet', { ...WELL, trouble: 'NO_WALLET' }, done, /no wallet to tell the chain of blobs/],
    ['one without Sui', { ...WELL, trouble: 'RPC_UNAVAILABLE' }, done, /does not reach Sui/],
    [
      'one with another trouble',
      { ...WELL, trouble: 'MOVE_ABORT' },
      done,
      /cannot tell the chain something: MOVE_ABORT/,
    ],
    [
      'one whose disk fills up',
      { ...WELL, disk: { freeBytes: 300 * 2 ** 20, reservedBytes: 512 * 2 ** 20, takesUploads: false } },
      done,
      /its disk is nearly full, 300 MiB are free: it takes no uploads/,
    ],
    [
      'one whose month is used up',
      {
        ...WELL,
        bandwidth: { quiet: false, month: { month: '2026-11', bytes: 9, limitBytes: 9, usedUp: true } },
      },
      done,
      /in this month is used up: it answers no reads of more than 256 KiB/,
    ],
    ['one that has passed its challenge', { ...WELL, challenge: challengeOf('passed') }, done, undefined],
    [
      'one that lacks what it is asked for',
      { ...WELL, challenge: challengeOf('lacking') },
      done,
      /all that the storage challenge asks for: it earns nothing for this epoch/,
    ],
    [
      'one that lacked it in an earlier epoch',
      { ...WELL, challenge: { ...challengeOf('lacking'), epoch: EPOCH - 1 } },
      done,
      undefined,
    ],
    ['one whose challenge is nonsense', { ...WELL, challenge: challengeOf('<b>') }, done, undefined],
    ['one whose line is nonsense', { ...WELL, bandwidth: { month: { usedUp: true } } }, done, undefined],
    ['one whose disk is nonsense', { ...WELL, disk: { freeBytes: 'many' } }, done, /not one of Floe/],
    ['one whose disk is nothing', { ...WELL, disk: null }, done, /not one of Floe/],
    ['one that is not there', undefined, done, /it cannot be reached/],
    ['one whose answer is no JSON', { status: 200, body: '<html>' }, done, /not one of Floe/],
    ["one whose answer is Walrus's", { uptime: {}, epoch: EPOCH }, done, /not one of Floe/],
    [
      'one whose answer has no end',
      { status: 200, body: JSON.stringify({ success: { data: WELL } }) + ' '.repeat(300_000) },
      done,
      /not one of Floe/,
    ],
    [
      'one that is unhealthy',
      { status: 503, body: JSON.stringify({ error: { details: [{ reason: 'NO_SPACE' }] } }) },
      done,
      /it answers 503: NO_SPACE/,
    ],
  ]
  for (const [what, answer, state, problem] of cases) {
    it(`${problem === undefined ? 'is well with' : 'says what is wrong with'} ${what}`, async () => {
      const { code, whole, nodes, text } = await ask(answer, state)
      assert.equal(code, problem === undefined ? EXIT.ok : EXIT.unavailable)
      assert.equal(whole, problem === undefined)
      const [first, second] = nodes
      assert.deepEqual([first!.whole, first!.problems], [true, []])
      assert.equal(second!.whole, problem === undefined)
      if (problem === undefined) assert.deepEqual(second!.problems, [])
      else assert.match(second!.problems.join('; '), problem)
      // those who keep a change from its end, by name
      const silent = problem !== undefined && /reported/.test(problem.source)
      assert.equal(/^Not reported: node-1$/m.test(text), silent, text)
      if (state.kind === 'sync') assert.match(text, /5 of 10 are reported/)
    })
  }

  it('tells what it may take beside reads and writes, when it is one that says so rightly', async () => {
    const budget = {
      threads: 1.5,
      bytesPerSecond: 2 ** 20,
      bytesInFlight: 2 ** 22,
      heldBytes: 2 ** 21,
      waiting: 3,
    }
    for (const wrong of [{ ...budget, threads: 0 }, { ...budget, heldBytes: -1 }, { threads: 1 }, 7]) {
      const { nodes } = await ask({ ...WELL, budget: wrong }, done)
      assert.deepEqual([nodes[1]!.whole, nodes[1]!.health?.budget], [true, undefined])
    }
    assert.deepEqual((await ask({ ...WELL, budget }, done)).nodes[1]!.health?.budget, budget)
  })

  it('asks those who are named, and knows who is not there', async () => {
    assert.deepEqual(
      (await ask(undefined, done, ['node-0'])).nodes.map(({ name }) => name),
      ['node-0'],
    )
    await assert.rejects(ask(WELL, done, ['node-9']), { code: 'NOT_FOUND', exitCode: EXIT.notFound })
  })
})
