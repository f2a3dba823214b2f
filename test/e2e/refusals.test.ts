import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { systemClock } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import { createCoordinator } from '../../chain/index.ts'
import type { ChainWriter, Committee, Coordinator } from '../../chain/types/index.ts'
import { type Codec, createCodec, type EncodedBlob } from '../../codec/index.ts'
import type { Persistence } from '../../codec/types.ts'
import { type Devnet, startDevnet } from '../../node/devnet/devnet.ts'
import { createNetworkNode, type NetworkNode } from '../../node/network/libp2p.ts'
import { createPathDialer } from '../../node/network/paths/path-dialer.ts'
import {
  createPeerClient,
  type PeerAddress,
  type PeerClient,
  type StoreHeader,
} from '../../protocols/index.ts'
import { temporaryFolder } from '../support/temporary.ts'

describe('a storage node refuses', function () {
  this.timeout(60_000)
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let devnet: Devnet
  let coordinator: Coordinator
  let writer: ChainWriter
  let committee: Committee
  let libp2p: NetworkNode
  let peers: PeerClient
  let peer: PeerAddress
  let codec: Codec
  let blob: EncodedBlob

  before(async () => {
    folder = await temporaryFolder()
    devnet = await startDevnet({ dir: folder.path, port: 0, log: silentLog(), registrationWaitMs: 500 })
    coordinator = createCoordinator(devnet.network)
    writer = coordinator.writer(devnet.user)
    committee = (await coordinator.committees()).current
    libp2p = await createNetworkNode({
      clock: systemClock,
      random: Math.random,
      network: devnet.network.systemObjectId,
      roles: ['client'],
      log: silentLog(),
    })
    const metrics = devnet.metrics.node('test')
    peers = createPeerClient(
      {
        clock: systemClock,
        dialer: createPathDialer({ libp2p, clock: systemClock }),
        log: silentLog(),
        metrics,
      },
      { network: devnet.network.systemObjectId },
    )
    peer = devnet.network.peers[0]!
    codec = createCodec({ threads: 0 })
  })
  after(async () => {
    peers?.close()
    await libp2p?.stop()
    await coordinator?.close()
    await codec?.close()
    await devnet?.close()
    await folder?.remove()
  })
  beforeEach(async () => {
    blob = await codec.encode(randomBytes(3000), 100)
  })
  afterEach(async () => {
    blob.release()
    // and goes on serving
    assert.equal((await peers.nodeInfo(peer)).nodeId, devnet.nodes[0]!.nodeId)
  })

  const register = async (): Promise<StoreHeader> => {
    const { blob: object, digest } = await writer.register({
      metadata: blob.metadata,
      epochs: 1,
      deletable: true,
    })
    const persistence: Persistence = { kind: 'deletable', objectId: object.objectId }
    // what the node is asked afterwards waits for its own view of the chain for a moment only
    const { blobs } = devnet.nodes[0]!.running ?? assert.fail()
    await blobs.waitFor(blob.metadata.blobId, state => state !== undefined, { timeoutMs: 20_000 })
    return { metadata: blob.metadata, persistence, registerDigest: digest }
  }
  const send = (
    header: StoreHeader,
    sliver = (ref: Parameters<EncodedBlob['sliver']>[0]) => blob.sliver(ref),
  ) => peers.store(peer, { header, sliver })
  const refusal = (code: string) => ({ name: 'ProtocolError', code, remote: true })

  it('slivers that do not match the metadata', async () => {
    const header = await register()
    const altered = send(header, ref => {
      const bytes = blob.sliver(ref)
      bytes[5]! ^= 1
      return bytes
    })
    await assert.rejects(altered, refusal('SLIVER_MISMATCH'))
    // another pair's sliver: a shard that is not its own
    const foreign = send(header, ref => blob.sliver({ ...ref, pair: ((ref.pair + 1) % 100) as never }))
    await assert.rejects(foreign, refusal('SLIVER_MISMATCH'))
    await assert.rejects(
      send(header, ref => blob.sliver(ref).subarray(2)),
      refusal('SLIVER_SIZE'),
    )
    const { confirmation } = await send(header)
    assert.equal(confirmation.signature.length, 96)
  })

  it('metadata that does not match the blob ID', async () => {
    const header = await register()
    const hashes = blob.metadata.hashes.slice()
    hashes[0]! ^= 1
    await assert.rejects(
      send({ ...header, metadata: { ...blob.metadata, hashes } }),
      refusal('METADATA_MISMATCH'),
    )
  })

  it('a blob that is not registered, or registered otherwise', async () => {
    const header = await register()
    const elsewhere = { ...header, persistence: { kind: 'permanent' } as Persistence }
    await assert.rejects(send(elsewhere), refusal('NOT_REGISTERED'))
  })

  it("does not keep slivers of other nodes' shards", async () => {
    const header = await register()
    const sent: number[] = []
    await send(header, ref => {
      sent.push(ref.pair)
      return blob.sliver(ref)
    })
    const own = committee.members.find(({ nodeId }) => nodeId === devnet.nodes[0]!.nodeId)
    assert.equal(sent.length, 2 * (own?.shards.length ?? 0))
  })

  it('a certificate that does not hold', async () => {
    const header = await register()
    const { epoch, confirmation } = await send(header)
    const certificate = {
      epoch,
      signers: [0],
      message: confirmation.message,
      signature: confirmation.signature,
    }
    await assert.rejects(peers.submitCertificate(peer, certificate), refusal('CERTIFICATE_INVALID'))
  })
})
