import assert from 'node:assert/strict'
import { systemClock } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import { createAddressBook } from '../../node/network/addresses/book.ts'
import { createLookup } from '../../node/network/addresses/lookup.ts'
import { createNetworkNode } from '../../node/network/libp2p.ts'
import { createPathDialer } from '../../node/network/paths/path-dialer.ts'
import { peerIdTextOf } from '../../node/network/peer-id.ts'
import { createPeerClient, type PeerAddress, type PeerClient } from '../../protocols/index.ts'
import { eventually } from '../protocols/support/eventually.ts'
import { recordMetrics } from '../protocols/support/quiet.ts'
import { type Cluster, startCluster } from '../support/cluster.ts'

const ASK_AGAIN_MS = 300

describe('a storage node that has moved', () => {
  let cluster: Cluster
  let client: PeerClient
  let stop: () => unknown
  let members: PeerAddress[]
  const common = { clock: systemClock, random: Math.random, log: silentLog() }

  before(async () => {
    cluster = await startCluster({ nodes: 4, shards: 10 })
    await Promise.all(cluster.nodes.map(node => node!.settled()))
    const { network, committee } = cluster.chain
    members = committee.members.map(member => ({
      peerId: peerIdTextOf(member.networkPublicKey)!,
      multiaddrs: member.multiaddrs,
    }))
    const libp2p = await createNetworkNode({ ...common, network: network.systemObjectId, roles: ['client'] })
    const book = createAddressBook({ isMember: () => true, isPrivate: true, clock: systemClock })
    const lookup = createLookup({ ...common, book, libp2p, network, members: () => [] })
    const dialer = createPathDialer({ libp2p, clock: systemClock, ...lookup.paths })
    client = createPeerClient(
      { ...common, dialer, metrics: recordMetrics() },
      { network: network.systemObjectId },
    )
    lookup.askBy(client)
    stop = async () => {
      client.close()
      await libp2p.stop()
    }
  })
  after(async () => {
    await stop?.()
    await cluster?.close()
  })

  /** How many records of a node the others have, after what they had before. */
  async function heardBy(
    index: number,
    asked: readonly number[],
    before: readonly Uint8Array[],
  ): Promise<number> {
    const { peerId } = members[index]!
    const answers = await Promise.all(asked.map(i => client.peers(members[i]!, [peerId])))
    return answers.flat().filter(record => !before.some(old => Buffer.from(old).equals(record))).length
  }

  async function untilHeard(index: number, asked: readonly number[], before: readonly Uint8Array[] = []) {
    let heard = 0
    const ask = async (): Promise<void> => {
      for (;;) {
        heard = await heardBy(index, asked, before)
        if (heard === asked.length) return
        // a node answers an account four times a second
        await systemClock.sleep(ASK_AGAIN_MS)
      }
    }
    const asking = ask()
    await eventually(
      () => heard === asked.length,
      () => `${heard} nodes have heard where node ${index} is`,
      30_000,
    )
    await asking
  }

  it('is heard of by the others, and found by a client that knows only the chain', async () => {
    await untilHeard(3, [0, 1, 2])
    const before = await client.peers(members[0]!, [members[3]!.peerId])
    await cluster.stop(3)
    // the chain still says the old one
    await cluster.start(3, ['/ip4/127.0.0.1/tcp/0'])
    await untilHeard(3, [0, 1, 2], before)
    const info = await client.nodeInfo(members[3]!)
    assert.equal(info.nodeId, cluster.chain.committee.members[3]!.nodeId)
  })

  it('knows the others after a restart, though they are not where the chain says', async () => {
    await cluster.stop(2)
    await cluster.start(2)
    await cluster.nodes[2]!.settled()
    assert.equal((await client.peers(members[2]!, [members[3]!.peerId])).length, 1)
  })
})
