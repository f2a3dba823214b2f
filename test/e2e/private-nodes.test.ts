import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { systemClock } from '../../base/clock.ts'
import { createClient } from '../../node/client/node-client.ts'
import { readNodeConfig } from '../../node/config.ts'
import { type Devnet, startDevnet } from '../../node/devnet/devnet.ts'
import { devnetLayout } from '../../node/devnet/layout.ts'
import { isFree } from '../../node/devnet/ports.ts'
import { portOf } from '../../node/devnet/provision.ts'
import { createNetworkNode } from '../../node/network/libp2p.ts'
import { createPathDialer } from '../../node/network/paths/path-dialer.ts'
import { askReach, createPeerClient } from '../../protocols/index.ts'
import { quietLog, recordMetrics } from '../protocols/support/quiet.ts'
import { connectSdk, fundedKey } from './support/walrus-sdk.ts'

const MIB = 1024 * 1024
const PRIVATE = { nodes: 4, shards: 100, private: true }
const STORE = { epochs: 1, deletable: false }

/** Nodes that listen on nothing: whatever reaches them goes over the devnet's relay. */
describe('private nodes', function () {
  this.timeout(120_000)
  let devnet: Devnet
  before(async () => {
    devnet = await startDevnet(PRIVATE)
  })
  after(() => devnet.close())

  const relayed = () => {
    const { members, strangers } = devnet.relay.view().counts.bytes
    return members + strangers
  }

  it('are reached over the relay alone', async () => {
    const layout = devnetLayout(devnet.dir)
    for (const { name, running } of devnet.nodes) {
      assert.equal(running?.reach, 'private')
      assert.deepEqual(
        running.multiaddrs,
        devnet.relay.multiaddrs.map(relay => `${relay}/p2p-circuit/p2p/${running.peerId}`),
      )
      assert.equal(running.relays()[0]?.state, 'held')
      const { listen } = await readNodeConfig(layout.node(name).config)
      assert.ok(await isFree('127.0.0.1', portOf(listen[0])!))
    }
    assert.equal(devnet.relay.view().reservations, PRIVATE.nodes)
  })

  it('are known to their relay, which tells where they are, and whether others can dial who asks', async () => {
    const { relay, network } = devnet
    const libp2p = await createNetworkNode({
      roles: ['client'],
      log: quietLog,
      clock: systemClock,
      random: Math.random,
    })
    const identity = { network: network.systemObjectId }
    const dialer = createPathDialer({ libp2p, clock: systemClock })
    const peers = createPeerClient(
      { dialer, log: quietLog, metrics: recordMetrics(), clock: systemClock },
      identity,
    )
    try {
      const connection = await dialer.connect(relay)
      assert.equal((await askReach(connection, [], { ...identity, clock: systemClock })).seen, '127.0.0.1')
      const ids = network.peers.map(({ peerId }) => peerId)
      // it asks them again after 5 s, as long as some are missing
      while ((await peers.peers(relay, ids)).length < PRIVATE.nodes) await systemClock.sleep(2_000)
    } finally {
      peers.close()
      await libp2p.stop()
    }
  })

  it('store a blob and give it back, to others than who stored it too', async () => {
    const blob = randomBytes(5 * MIB)
    const before = relayed()
    const { blobId } = await devnet.client.store(blob, STORE)
    // the encoded blob is some five times as long, and two thirds of it are there by then
    assert.ok(relayed() - before > 2 * blob.length)
    const reader = await createClient(devnet.network)
    try {
      const { data } = await reader.read(blobId)
      assert.ok(Buffer.from(data).equals(blob))
    } finally {
      await reader.close()
    }
  })

  it('are asked over HTTP through the relay, at the address that the chain has', async () => {
    const blob = randomBytes(1_000)
    const { blobId } = await devnet.client.store(blob, STORE)
    for (const { http, peerId } of devnet.network.peers) {
      assert.equal(http, `http://${devnet.relay.http}/peers/${peerId}`)
      assert.equal((await fetch(`${http}/v1/health`)).status, 200)
    }
    const asked = devnet.network.peers.map(({ http }) => fetch(`${http}/v1/blobs/${blobId}/metadata`))
    const found = (await Promise.all(asked)).filter(({ status }) => status === 200)
    // a quorum has it when it is stored
    assert.ok(found.length >= 3)
  })

  it("take all slivers that Walrus's SDK sends at once through the relay, and give them back to it", async () => {
    const { network } = devnet
    const errors: Error[] = []
    const { walrus } = connectSdk(network, error => errors.push(error))
    const blob = Uint8Array.from(randomBytes(MIB))
    const signer = await fundedKey(network)
    const { blobId } = await walrus.writeBlob({ blob, deletable: true, epochs: 1, signer })
    assert.deepEqual(errors, [])
    assert.ok(Buffer.from(await walrus.readBlob({ blobId })).equals(blob))
  })

  it('are there again after a restart', async () => {
    const [first] = devnet.nodes
    await first!.stop()
    await first!.start()
    assert.equal(first!.running?.relays()[0]?.state, 'held')
    // the relay calls it at where it is now
    const { http } = devnet.network.peers.find(({ peerId }) => peerId === first!.running?.peerId)!
    assert.equal((await fetch(`${http}/v1/health`)).status, 200)
    const blob = randomBytes(MIB)
    const { blobId } = await devnet.client.store(blob, STORE)
    assert.ok(Buffer.from((await devnet.client.read(blobId)).data).equals(blob))
  })
})
