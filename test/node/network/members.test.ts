import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { GossipSub } from '@libp2p/gossipsub'
import type { Stream } from '@libp2p/interface'
import { systemClock } from '../../../base/clock.ts'
import { createNetworkNode, type NetworkNode } from '../../../node/network/libp2p.ts'
import { DHT_MESSAGES, GOSSIP_STREAM, MUXER_FRAMES } from '../../../node/network/limits.ts'
import { certifiedTopic } from '../../../protocols/index.ts'
import type { Target } from '../../hostile/attack.ts'
import { openAndReset, rawPeer } from '../../hostile/support/muxer.ts'
import { bytesField, lengthPrefixed, numberField } from '../../hostile/support/protobuf.ts'
import { eventually } from '../../protocols/support/eventually.ts'
import { NETWORK } from '../../protocols/support/fakes.ts'
import { quietLog } from '../../protocols/support/quiet.ts'

const TOPIC = certifiedTopic(NETWORK)
const MESHSUB = '/meshsub/1.2.0'
const KAD = `/floe/${NETWORK}/kad/1.0.0`
const FIND_NODE = 4

describe('gossip and DHT of members', () => {
  const members = new Set<string>()
  const nodes: NetworkNode[] = []
  let refused: Record<string, number>
  let node: NetworkNode

  beforeEach(async () => {
    members.clear()
    refused = {}
    node = await start({
      refused(where: string, reason: string) {
        const key = `${where}.${reason}`
        refused[key] = (refused[key] ?? 0) + 1
      },
    })
    members.add(node.peerId.toString())
  })
  afterEach(async () => {
    for (const one of nodes.splice(0)) await one.stop()
  })

  async function start(
    refusals: { refused(where: string, reason: string): void } = { refused: () => undefined },
  ) {
    const one = await createNetworkNode({
      clock: systemClock,
      random: Math.random,
      network: NETWORK,
      roles: ['storage'],
      listen: ['/ip4/127.0.0.1/tcp/0'],
      isKnown: peer => members.has(peer),
      refusals,
      log: quietLog,
    })
    nodes.push(one)
    return one
  }
  const pubsubOf = ({ services }: NetworkNode): GossipSub => {
    assert.ok(services.pubsub)
    return services.pubsub
  }
  const neighbours = (one: NetworkNode) => pubsubOf(one).getPeers().map(String)
  const seen = (key: string, count = 1) =>
    eventually(
      () => (refused[key] ?? 0) >= count,
      () => JSON.stringify(refused),
    )

  /** A peer that runs nothing of its own, so that a test may speak for it. */
  async function peer() {
    const one = await createNetworkNode({
      clock: systemClock,
      random: Math.random,
      network: NETWORK,
      roles: ['client'],
      log: quietLog,
    })
    nodes.push(one)
    const connection = await one.dial(node.getMultiaddrs())
    return {
      id: one.peerId,
      connection,
      open: (protocol: string): Promise<Stream> =>
        connection.newStream(protocol, { maxOutboundStreams: 100 }),
    }
  }
  const message = (from: Uint8Array, data = randomBytes(40)) =>
    bytesField(
      2,
      Buffer.concat([
        bytesField(1, from),
        bytesField(2, data),
        bytesField(3, randomBytes(8)),
        bytesField(4, Buffer.from(TOPIC)),
        bytesField(5, randomBytes(64)),
      ]),
    )
  const rpc = (...fields: Uint8Array[]) => lengthPrefixed(Buffer.concat(fields))

  it('takes no gossip from a stranger, unread, and cuts off one that goes on', async () => {
    const stranger = await peer()
    const stream = await stranger.open(MESHSUB)
    for (let i = 1; i < 10; i++) {
      await seen('gossip.stranger', i)
      stream.send(rpc(message(stranger.id.toMultihash().bytes)))
    }
    await eventually(
      () => stranger.connection.status !== 'open',
      () => stranger.connection.status,
    )
    assert.deepEqual(neighbours(node), [])
    assert.equal(refused['connections.hostile'], 1)
  })

  it('drops what a member passes on of a stranger, without its signature, and cuts off one that goes on', async () => {
    const member = await peer()
    members.add(member.id.toString())
    const stream = await member.open(MESHSUB)
    let validated = 0
    pubsubOf(node).topicValidators.set(TOPIC, () => {
      validated++
      return 'accept' as never
    })
    const strangers = randomBytes(32)
    const from = Buffer.concat([Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20), strangers])
    stream.send(rpc(message(from), message(randomBytes(38)), message(from, randomBytes(20_000))))
    await seen('gossip.stranger')
    assert.deepEqual(refused, { 'gossip.stranger': 1, 'gossip.malformed': 1, 'gossip.size': 1 })
    // more bytes than a call takes arguments
    stream.send(rpc(message(Buffer.concat([from, randomBytes(200_000)]))))
    await seen('gossip.malformed', 2)
    assert.equal(member.connection.status, 'open')
    for (let i = 0; i < GOSSIP_STREAM.faultBurst; i += 10) {
      stream.send(rpc(...Array.from({ length: 10 }, () => message(from))))
    }
    await eventually(
      () => member.connection.status !== 'open',
      () => JSON.stringify(refused),
    )
    assert.equal(validated, 0)
  })

  it('counts what a member sends before it is decoded, control messages too', async () => {
    const member = await peer()
    members.add(member.id.toString())
    const stream = await member.open(MESHSUB)
    const graft = rpc(bytesField(3, bytesField(3, bytesField(1, Buffer.from(TOPIC)))))
    stream.send(Buffer.concat(Array.from({ length: GOSSIP_STREAM.burst + 200 }, () => graft)))
    await seen('gossip.rate')
    await eventually(
      () => stream.status !== 'open',
      () => stream.status,
    )
  })

  it('refuses an RPC over the limit by its length', async () => {
    const member = await peer()
    members.add(member.id.toString())
    const stream = await member.open(MESHSUB)
    stream.send(Uint8Array.of(0x80, 0x80, 0x40))
    await seen('gossip.size')
  })

  it('takes in who becomes a member while connected', async () => {
    const other = await start()
    await other.dial(node.getMultiaddrs())
    await seen('gossip.stranger')
    assert.deepEqual(neighbours(node), [])
    members.add(other.peerId.toString())
    for (const one of [node, other]) one.membersChanged()
    await eventually(
      () => neighbours(node).includes(other.peerId.toString()),
      () => neighbours(node).join(),
    )
    pubsubOf(other).subscribe(TOPIC)
    await eventually(
      () => pubsubOf(node).getSubscribers(TOPIC).length === 1,
      () => `${pubsubOf(node).getSubscribers(TOPIC)}`,
    )
  })

  it('answers the DHT requests of strangers that it knows, at a rate, and no others', async () => {
    const stranger = await peer()
    const request = lengthPrefixed(Buffer.concat([numberField(1, FIND_NODE), bytesField(2, randomBytes(34))]))
    const ask = async (bytes: Uint8Array): Promise<number> => {
      const stream = await stranger.open(KAD)
      const ended = Promise.withResolvers<number>()
      stream.addEventListener('message', ({ data }) => ended.resolve(data.byteLength))
      stream.addEventListener('close', () => ended.resolve(0))
      stream.send(bytes)
      return ended.promise
    }
    assert.ok((await ask(request)) > 0)
    const provide = [numberField(1, 2), bytesField(2, randomBytes(34)), bytesField(9, randomBytes(40))]
    assert.equal(await ask(lengthPrefixed(Buffer.concat(provide))), 0)
    assert.equal(await ask(lengthPrefixed(new Uint8Array(DHT_MESSAGES.maxRequestBytes + 1))), 0)
    assert.deepEqual(refused, { 'dht.kind': 1, 'dht.size': 1 })
    const { addressBurst } = DHT_MESSAGES
    assert.equal(await ask(Buffer.concat(Array.from({ length: 2 * addressBurst }, () => request))), 0)
    assert.deepEqual(refused, { 'dht.kind': 1, 'dht.size': 1, 'dht.rate': 1 })
  })

  it('tells of members only in the DHT', async () => {
    const [member, stranger] = [await start(), await start()]
    members.add(member.peerId.toString())
    for (const one of [member, stranger]) await one.dial(node.getMultiaddrs())
    const found = async (who: NetworkNode) => {
      const signal = AbortSignal.timeout(300)
      return await node.peerRouting.findPeer(who.peerId, { signal }).then(
        ({ multiaddrs }) => multiaddrs.length > 0,
        () => false,
      )
    }
    const deadline = AbortSignal.timeout(10_000)
    while (!(await found(member))) deadline.throwIfAborted()
    assert.equal(await found(stranger), false)
  })

  it('counts the streams that strangers of one address open, on all their connections', async () => {
    const { openBurst, addressOpenBurst } = MUXER_FRAMES
    const each = openBurst - 1
    const target = { nodes: [{ multiaddrs: node.getMultiaddrs().map(String) }] } as unknown as Target
    const hostile = await rawPeer({ target, from: '127.0.0.2', signal: new AbortController().signal })
    try {
      // twice as many: some are earned back meanwhile
      for (let sent = 0; sent < 2 * addressOpenBurst; sent += each) {
        const { line } = await hostile.connect()
        line.send(Buffer.concat(Array.from({ length: each }, (_, i) => openAndReset(2 * i + 101))))
      }
      await seen('connections.rate')
    } finally {
      await hostile.stop()
    }
  })

  it('forgets strangers that have gone', async () => {
    const stranger = await peer()
    const known = async () => (await node.peerStore.all()).map(({ id }) => id.toString())
    const until = async (isKnown: boolean) => {
      const deadline = AbortSignal.timeout(5_000)
      while ((await known()).includes(stranger.id.toString()) !== isKnown) {
        deadline.throwIfAborted()
        await nextTurn()
      }
    }
    await stranger.open(KAD)
    await until(true)
    await stranger.connection.close()
    await until(false)
  })
})
