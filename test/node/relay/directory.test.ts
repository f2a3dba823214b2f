import assert from 'node:assert/strict'
import type { Connection, PrivateKey } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { systemClock } from '../../../base/clock.ts'
import { createAddressBook } from '../../../node/network/addresses/book.ts'
import { createLookup } from '../../../node/network/addresses/lookup.ts'
import { sealRecord } from '../../../node/network/addresses/record.ts'
import { createPathDialer } from '../../../node/network/paths/path-dialer.ts'
import { createDoor } from '../../../node/relay/door.ts'
import { RELAY } from '../../../node/relay/limits.ts'
import type { RelaySettings } from '../../../node/relay/relay.ts'
import { type RunningRelay, startRelay } from '../../../node/relay/start.ts'
import { askReach, createPeerClient, type PeerAddress } from '../../../protocols/index.ts'
import { PeersRequest } from '../../../protocols/peers/messages.ts'
import { eventually } from '../../protocols/support/eventually.ts'
import { NETWORK } from '../../protocols/support/fakes.ts'
import { type TestServer, testPeers } from '../../protocols/support/peers.ts'
import { quietLog, recordMetrics } from '../../protocols/support/quiet.ts'
import { greet, say } from '../../protocols/support/raw.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { signer } from '../network/addresses/support.ts'

describe('a relay that is asked where members are', () => {
  const LISTEN = ['/ip4/127.0.0.1/tcp/0']
  const common = { clock: systemClock, random: Math.random, log: quietLog }
  const network = { kind: 'localnet', systemObjectId: NETWORK } as const
  const peers = testPeers()
  const relays: RunningRelay[] = []
  afterEach(async () => {
    for (const relay of relays.splice(0)) await relay.close()
    await peers.stop()
  })

  /** A relay of a network with that member, and its book. */
  async function relayOf(member: TestServer, settings: RelaySettings = {}) {
    const isMember = (peer: string) => peer === member.address.peerId
    const clock = new VirtualClock(Date.now())
    const book = createAddressBook({ isMember, isPrivate: true, clock })
    const relay = await startRelay({
      ...common,
      // time stands still: what it does it does at once
      clock,
      seed: new Uint8Array(32).fill(relays.length + 1),
      listen: LISTEN,
      isMember,
      settings,
      rssBytes: () => 0,
    })
    relays.push(relay)
    const members = () => [{ ...member.address, multiaddrs: [] }]
    await relay.tell({ network, book, members, metrics: recordMetrics() })
    return { book, address: { peerId: relay.peerId, multiaddrs: relay.multiaddrs } }
  }

  /** What the member says of itself. */
  async function recordOf({ libp2p, address }: TestServer): Promise<Uint8Array> {
    const { components } = libp2p as unknown as { components: { privateKey: PrivateKey } }
    return (await sealRecord(components.privateKey, address.multiaddrs, Date.now())).bytes
  }

  const connect = (from: TestServer, to: PeerAddress) =>
    from.libp2p.dial(to.multiaddrs.map(text => multiaddr(text)))

  it('learns it of a member that comes, and tells a client that knows nobody else', async () => {
    const member = await peers.server()
    const { book, address } = await relayOf(member)
    const { client } = await peers.client()
    const { peerId: other } = await signer(1)
    const own = await recordOf(member)
    member.node.addresses.records = () => [own]
    await connect(member, address)
    await eventually(
      () => book.size === 1,
      () => 'the relay has not asked',
    )
    await client.connect(address)
    // one after the other as often as anybody wants
    for (let i = 0; i <= RELAY.answersPerAddress; i++)
      assert.deepEqual(await client.peers(address, [other, member.address.peerId]), [own])
  })

  it('is asked by a client that has reached nobody, when it is named in the network', async () => {
    const member = await peers.server()
    const own = await recordOf(member)
    const { book, address } = await relayOf(member)
    await book.learn(own)
    const { libp2p } = await peers.client()
    const clients = createAddressBook({ isMember: () => true, isPrivate: true, clock: systemClock })
    const named = { ...network, relays: address.multiaddrs }
    const lookup = createLookup({ ...common, book: clients, libp2p, network: named, members: () => [] })
    const dialer = createPathDialer({ libp2p, clock: systemClock, ...lookup.paths })
    using asking = createPeerClient({ ...common, dialer, metrics: recordMetrics() }, { network: NETWORK })
    lookup.askBy(asking)
    const found = await dialer.connect({ peerId: member.address.peerId, multiaddrs: [] })
    assert.equal(found.remoteAddr.toString(), member.address.multiaddrs[0])
  })

  it('dials back who asks whether others can', async () => {
    const [member, asker] = [await peers.server(), await peers.server()]
    const { address } = await relayOf(member)
    const connection = await connect(asker, address)
    const port = Number(/tcp\/(\d+)/.exec(asker.address.multiaddrs[0]!)![1])
    const found = await askReach(connection, [port, 1_025], { network: NETWORK, clock: systemClock })
    assert.deepEqual(found, { seen: '127.0.0.1', reached: [true, false] })
  })

  it('answers nobody whom its operator denies, on either protocol', async () => {
    const [member, asker] = [await peers.server(), await peers.server()]
    const settings = { access: { allow: [], deny: [asker.address.peerId] } }
    const { address } = await relayOf(member, settings)
    const connection = await connect(asker, address)
    await assert.rejects(askReach(connection, [], { network: NETWORK, clock: systemClock }), {
      code: 'NOT_AUTHORIZED',
    })
    const raw = await greet(asker.libp2p, address, 'peers')
    await say(raw, PeersRequest, [member.address.peerId])
    assert.equal((await raw.refusal()).code, 'NOT_AUTHORIZED')
  })

  it('holds few answers that nobody takes, of one address and of all, and answers again once they are gone', () => {
    const enter = createDoor(() => true)
    const connection = {} as Connection
    const busy = { code: 'BUSY', retryAfterMs: RELAY.answerRetryMs }
    const inside: (() => void)[] = []
    for (let i = 0; i < RELAY.answersPerAddress; i++) inside.push(enter({ connection, account: 'one' }))
    assert.throws(() => enter({ connection, account: 'one' }), busy)
    while (inside.length < RELAY.answers) inside.push(enter({ connection, account: String(inside.length) }))
    assert.throws(() => enter({ connection, account: 'another' }), busy)
    for (const leave of inside.splice(0)) leave()
    for (let i = 0; i < RELAY.answersPerAddress; i++) enter({ connection, account: 'one' })
    assert.throws(() => enter({ connection, account: 'one' }), busy)
    enter({ connection, account: 'another' })
  })
})
