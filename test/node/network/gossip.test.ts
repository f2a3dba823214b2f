import assert from 'node:assert/strict'
import { systemClock } from '../../../base/clock.ts'
import type { Certificate, Epoch } from '../../../codec/types.ts'
import { createNetworkNode, type NetworkNode } from '../../../node/network/libp2p.ts'
import { createMesh, type Mesh } from '../../../node/network/mesh.ts'
import { createAddressDialer } from '../../../node/network/paths/dial-address.ts'
import { createPathDialer } from '../../../node/network/paths/path-dialer.ts'
import { type CertifiedTopic, createCertifiedTopic, ProtocolError } from '../../../protocols/index.ts'
import { eventually } from '../../protocols/support/eventually.ts'
import { NETWORK } from '../../protocols/support/fakes.ts'
import { quietLog, recordMetrics } from '../../protocols/support/quiet.ts'

const certificate = (byte: number): Certificate => ({
  epoch: 1 as Epoch,
  signers: [0, 1],
  message: new Uint8Array(43).fill(byte),
  signature: new Uint8Array(96).fill(byte),
})

interface Member {
  libp2p: NetworkNode
  mesh: Mesh
  topic: CertifiedTopic
  got: number[]
  checks: number
}

describe('gossip of certificates', () => {
  const NODES = 5
  const members: Member[] = []
  const strangers = new Set<string>()

  before(async () => {
    for (let i = 0; i < NODES; i++) members.push(await start())
    for (const { mesh } of members) mesh.start()
    await eventually(
      () =>
        members.every(({ libp2p }) => (libp2p.services.pubsub?.getSubscribers(topicName()).length ?? 0) >= 2),
      () => members.map(({ libp2p }) => libp2p.services.pubsub?.getSubscribers(topicName()).length).join(),
      10_000,
    )
  })
  after(async () => {
    for (const { mesh, topic, libp2p } of members) {
      await mesh.stop()
      topic.stop()
      await libp2p.stop()
    }
  })

  const topicName = () => `/floe/${NETWORK}/certified/1`
  const peers = async () =>
    members.map(({ libp2p }) => ({
      peerId: libp2p.peerId.toString(),
      multiaddrs: libp2p.getMultiaddrs().map(String),
    }))

  async function start(): Promise<Member> {
    const libp2p = await createNetworkNode({
      clock: systemClock,
      random: Math.random,
      listen: ['/ip4/127.0.0.1/tcp/0'],
      network: NETWORK,
      roles: ['storage'],
      log: quietLog,
    })
    const pubsub = libp2p.services.pubsub
    assert.ok(pubsub)
    const member: Member = {
      libp2p,
      mesh: createMesh(
        {
          clock: systemClock,
          random: Math.random,
          libp2p,
          dialer: createPathDialer({ libp2p, clock: systemClock }),
          log: quietLog,
        },
        { peers, target: 3 },
      ),
      got: [],
      checks: 0,
      topic: createCertifiedTopic(
        { clock: systemClock, pubsub, log: quietLog, metrics: recordMetrics() },
        {
          network: NETWORK,
          isMember: peer => !strangers.has(peer),
          async check({ message }) {
            member.checks++
            if (message[0] === 66)
              throw new ProtocolError('CERTIFICATE_INVALID', { details: { blobId: 'A' } })
          },
          accepted: ({ message }) => void member.got.push(message[0]!),
        },
      ),
    }
    member.topic.start()
    return member
  }

  it('reaches every node, each of which checks it once', async () => {
    const [publisher, ...others] = members as [Member, ...Member[]]
    await publisher.topic.publish(certificate(1))
    await eventually(
      () => others.every(({ got }) => got.includes(1)),
      () => others.map(({ got }) => got.join()).join(' | '),
    )
    for (const { checks } of others) assert.equal(checks, 1)
    assert.equal(publisher.checks, 0)
  })

  it('goes no further when it does not hold', async () => {
    const before = members.map(({ checks }) => checks)
    await members[1]!.topic.publish(certificate(66))
    // the good one that follows takes the same ways, so that the bad one would have arrived by then
    await members[1]!.topic.publish(certificate(2))
    await eventually(
      () => members.every(({ got }, i) => i === 1 || got.includes(2)),
      () => members.map(({ got }) => got.join()).join(' | '),
    )
    assert.ok(members.every(({ got }) => !got.includes(66)))
    const neighbours = members[1]!.libp2p.services.pubsub!.getSubscribers(topicName()).length
    const checked = members.filter(({ checks }, i) => checks > before[i]! + 1).length
    assert.ok(checked <= neighbours, `${checked} nodes checked it, ${neighbours} neighbours`)
  })

  it('is not taken from strangers', async () => {
    const stranger = members[2]!
    strangers.add(stranger.libp2p.peerId.toString())
    await stranger.topic.publish(certificate(3))
    await members[0]!.topic.publish(certificate(4))
    await eventually(
      () => members.every(({ got }, i) => i === 0 || got.includes(4)),
      () => members.map(({ got }) => got.join()).join(' | '),
    )
    assert.ok(members.every(({ got }) => !got.includes(3)))
  })

  it('refuses to publish what neighbours could not take', async () => {
    const huge = { ...certificate(5), message: new Uint8Array(20_000) }
    await assert.rejects(members[0]!.topic.publish(huge), RangeError)
  })

  it('goes on over the other connection when one of two to a neighbour ends', async () => {
    const [a, b] = [await start(), await start()]
    try {
      const dialer = createAddressDialer(a.libp2p)
      const [address] = b.libp2p.getMultiaddrs()
      const first = await dialer.dial(address!, AbortSignal.timeout(5_000))
      const hear = (one: Member) => one.libp2p.services.pubsub?.getSubscribers(topicName()).length
      await eventually(
        () => hear(a) === 1 && hear(b) === 1,
        () => `${hear(a)} ${hear(b)}`,
      )
      const identified = new Set<Member>()
      for (const one of [a, b]) one.libp2p.addEventListener('peer:identify', () => identified.add(one))
      await dialer.dial(address!, AbortSignal.timeout(5_000))
      await eventually(
        () => identified.size === 2,
        () => `${identified.size} know who is at the other end`,
        10_000,
      )
      const isGossip = ({ protocol }: { protocol: string }) => /meshsub/.test(protocol)
      /** by their connections */
      const streams = (one: Member) =>
        one.libp2p.getConnections().flatMap(({ id, streams }) => streams.filter(isGossip).map(() => id))
      assert.deepEqual(new Set(streams(a)), new Set([first.id]))
      await first.close()
      await eventually(
        () => [a, b].every(one => streams(one).length === 2 && !streams(one).includes(first.id)),
        () => `${streams(a)} | ${streams(b)}`,
      )
      await a.topic.publish(certificate(7))
      await b.topic.publish(certificate(8))
      await eventually(
        () => a.got.includes(8) && b.got.includes(7),
        () => `${a.got} | ${b.got}`,
      )
    } finally {
      for (const { topic, libp2p } of [a, b]) {
        topic.stop()
        await libp2p.stop()
      }
    }
  })
})
