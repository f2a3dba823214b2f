import assert from 'node:assert/strict'
import type { Epoch, ObjectId } from '../../../codec/types.ts'
import { ChallengeMessage, createChallengeTopic } from '../../../protocols/gossip/challenge.ts'
import type { ChallengeNews, Verdict } from '../../../protocols/ports.ts'
import { CHALLENGE_TOPIC, challengeTopic } from '../../../protocols/specs.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { NETWORK } from '../support/fakes.ts'
import { recordMetrics } from '../support/quiet.ts'

const nodeId = `0x${'ab'.repeat(32)}` as ObjectId
const bytes = (byte: number) => new Uint8Array(32).fill(byte)
const opened = (byte: number, round = 1): ChallengeNews => ({
  epoch: 5 as Epoch,
  round,
  what: { Opened: bytes(byte) },
})

describe('the topic of storage challenges', () => {
  let clock: VirtualClock
  let heard: ChallengeNews[]
  let verdict: Verdict | Promise<Verdict>
  let published: [string, Uint8Array][]
  let topic: ReturnType<typeof createChallengeTopic>
  const topicValidators = new Map()

  beforeEach(() => {
    clock = new VirtualClock()
    heard = []
    verdict = 'accept'
    published = []
    const pubsub = {
      topicValidators,
      subscribe: () => undefined,
      unsubscribe: () => undefined,
      publish: async (name: string, data: Uint8Array) => published.push([name, data]),
    } as never
    topic = createChallengeTopic(
      { pubsub, metrics: recordMetrics(), clock },
      {
        network: NETWORK,
        isMember: peer => peer.startsWith('member'),
        async heard(news) {
          heard.push(news)
          return await verdict
        },
      },
    )
    topic.start()
  })
  afterEach(() => {
    topic.stop()
    assert.equal(topicValidators.size, 0)
  })

  const judge = (data: Uint8Array, from?: string): Promise<Verdict> =>
    topicValidators.get(challengeTopic(NETWORK))(
      'forwarder',
      from === undefined ? { type: 'unsigned', data } : { type: 'signed', from, data },
    )
  const tell = (news: ChallengeNews, from?: string) => judge(ChallengeMessage.encode(news), from)

  it('has these bytes', () => {
    const hex = ({ what }: Pick<ChallengeNews, 'what'>) =>
      Buffer.from(ChallengeMessage.encode({ epoch: 5 as Epoch, round: 1, what })).toString('hex')
    const head = '000500000001'
    assert.equal(hex({ what: { Opened: bytes(1) } }), `${head}00${'01'.repeat(32)}`)
    assert.equal(hex({ what: { Drawn: bytes(2) } }), `${head}01${'02'.repeat(32)}`)
    const committed = { Committed: { nodeId, root: bytes(3) } }
    assert.equal(hex({ what: committed }), `${head}02${'ab'.repeat(32)}${'03'.repeat(32)}`)
    assert.equal(hex({ what: { Passed: nodeId } }), `${head}03${'ab'.repeat(32)}`)
  })

  it('hands on what members say, and what was thought of it', async () => {
    assert.equal(await tell(opened(1), 'member 1'), 'accept')
    verdict = 'reject'
    assert.equal(await tell(opened(2), 'member 2'), 'reject')
    assert.deepEqual(heard, [opened(1), opened(2)])
  })

  it('hears nothing of strangers, unsigned, malformed, too long or of a round that cannot be', async () => {
    const good = ChallengeMessage.encode(opened(1))
    assert.equal(await judge(good), 'reject')
    assert.equal(await judge(good, 'stranger'), 'ignore')
    assert.equal(await judge(Uint8Array.from([...good, 0]), 'member 1'), 'reject')
    assert.equal(await judge(good.subarray(0, -1), 'member 2'), 'reject')
    assert.equal(await judge(new Uint8Array(CHALLENGE_TOPIC.maxBytes + 1), 'member 3'), 'reject')
    assert.equal(await tell(opened(1, CHALLENGE_TOPIC.maxRounds), 'member 4'), 'reject')
    assert.deepEqual(heard, [])
  })

  it('hears the same once, its own too, but again what did not hold', async () => {
    verdict = 'ignore'
    assert.equal(await tell(opened(1), 'member 1'), 'ignore')
    verdict = 'accept'
    assert.equal(await tell(opened(1), 'member 2'), 'accept')
    assert.equal(await tell(opened(1), 'member 3'), 'ignore')
    await topic.publish(opened(2))
    assert.deepEqual(published, [[challengeTopic(NETWORK), ChallengeMessage.encode(opened(2))]])
    assert.equal(await tell(opened(2), 'member 4'), 'ignore')
    assert.equal(heard.length, 2)
  })

  it('hears so much of one member, less of what does not hold, and of others all the same', async () => {
    const { burst, faultBurst } = CHALLENGE_TOPIC
    for (let i = 0; i < burst + 3; i++) await tell(opened(i), 'member 1')
    assert.equal(heard.splice(0).length, burst)
    verdict = 'reject'
    for (let i = 0; i < burst; i++) await tell(opened(100 + i), 'member 2')
    assert.equal(heard.splice(0).length, faultBurst)
    await tell(opened(200), 'member 3')
    assert.equal(heard.length, 1)
    await clock.advance(61_000)
    await tell(opened(201), 'member 2')
    assert.equal(heard.length, 2)
  })

  it('has so much wait for the chain at once', async () => {
    const held = Promise.withResolvers<Verdict>()
    verdict = held.promise
    const { waiting } = CHALLENGE_TOPIC
    const judged = Array.from({ length: waiting + 2 }, (_, i) => tell(opened(i), `member ${i}`))
    held.resolve('accept')
    const verdicts = await Promise.all(judged)
    assert.equal(verdicts.filter(one => one === 'ignore').length, 2)
    assert.equal(heard.length, waiting)
  })
})
