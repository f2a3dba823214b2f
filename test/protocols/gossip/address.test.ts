import assert from 'node:assert/strict'
import { createAddressTopic } from '../../../protocols/gossip/address.ts'
import { AddressMessage } from '../../../protocols/peers/messages.ts'
import type { Verdict } from '../../../protocols/ports.ts'
import { ADDRESS_RECORD, addressTopic } from '../../../protocols/specs.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { NETWORK } from '../support/fakes.ts'
import { recordMetrics } from '../support/quiet.ts'

describe('the topic of addresses', () => {
  const record = Uint8Array.of(1, 2, 3)
  let clock: VirtualClock
  let heard: string[]
  let verdict: Verdict
  let published: [string, Uint8Array][]
  let topic: ReturnType<typeof createAddressTopic>
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
    topic = createAddressTopic(
      { pubsub, metrics: recordMetrics(), clock },
      {
        network: NETWORK,
        isMember: peer => peer.startsWith('member'),
        async heard(bytes, publisher) {
          heard.push(`${publisher} ${bytes}`)
          return verdict
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
    topicValidators.get(addressTopic(NETWORK))(
      'forwarder',
      from === undefined ? { type: 'unsigned', data } : { type: 'signed', from, data },
    )

  it("hands members' records on, and says what was thought of them", async () => {
    assert.equal(await judge(AddressMessage.encode(record), 'member 1'), 'accept')
    verdict = 'reject'
    assert.equal(await judge(AddressMessage.encode(record), 'member 2'), 'reject')
    assert.deepEqual(heard, ['member 1 1,2,3', 'member 2 1,2,3'])
  })

  it('hears nothing of strangers, unsigned, malformed or too long', async () => {
    const good = AddressMessage.encode(record)
    assert.equal(await judge(good), 'reject')
    assert.equal(await judge(good, 'stranger'), 'ignore')
    assert.equal(await judge(Uint8Array.from([...good, 0]), 'member'), 'reject')
    assert.equal(await judge(Uint8Array.of(1), 'member'), 'reject')
    const tooLong = AddressMessage.encode(new Uint8Array(ADDRESS_RECORD.maxBytes + 1))
    assert.equal(await judge(tooLong, 'member'), 'reject')
    assert.equal(await judge(new Uint8Array(5_000), 'member'), 'reject')
    assert.deepEqual(heard, [])
  })

  it('hears of one member so often, and of the others all the same', async () => {
    const verdicts: Verdict[] = []
    for (let i = 0; i < 7; i++) verdicts.push(await judge(AddressMessage.encode(record), 'member 1'))
    assert.deepEqual(verdicts.slice(4), ['accept', 'ignore', 'ignore'])
    assert.equal(await judge(AddressMessage.encode(record), 'member 2'), 'accept')
    await clock.advance(10_000)
    assert.equal(await judge(AddressMessage.encode(record), 'member 1'), 'accept')
  })

  it('carries records of the largest size', async () => {
    const largest = new Uint8Array(ADDRESS_RECORD.maxBytes)
    await topic.publish(largest)
    const [[name, data]] = published as [[string, Uint8Array]]
    assert.equal(name, addressTopic(NETWORK))
    assert.equal(await judge(data, 'member'), 'accept')
  })
})
