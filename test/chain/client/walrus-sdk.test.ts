import assert from 'node:assert/strict'
import { SuiGrpcClient } from '@mysten/sui/grpc'
import { WalrusClient } from '@mysten/walrus'
import { createCoordinator } from '../../../chain/index.ts'
import type { FullCoordinator } from '../../../chain/types/index.ts'
import { metadataRoot, parseBlobId, parseObjectId } from '../../../codec/index.ts'
import { certificateOf, metadataOf, startTestNetwork, type TestNetwork } from './network.ts'

describe("Walrus's own SDK on our chain, beside our client", function () {
  this.timeout(60_000)
  let on: TestNetwork
  let coordinator: FullCoordinator
  let walrus: WalrusClient

  before(async () => {
    on = await startTestNetwork({ nodes: 13, nShards: 100 })
    coordinator = createCoordinator(on.network)
    walrus = new WalrusClient({
      // it refuses the name `localnet`
      suiClient: new SuiGrpcClient({ network: 'testnet', baseUrl: on.localnet.url }),
      packageConfig: {
        systemObjectId: on.network.systemObjectId,
        stakingPoolId: on.network.stakingObjectId,
      },
    })
  })
  after(async () => {
    await coordinator?.close()
    await on?.close()
  })

  it('reads the same system and staking state', async () => {
    const [system, staking] = await Promise.all([walrus.systemState(), walrus.stakingState()])
    const info = await coordinator.system()
    assert.equal(system.committee.epoch, info.epoch)
    assert.equal(system.committee.n_shards, info.nShards)
    assert.equal(BigInt(system.storage_price_per_unit_size), info.storagePriceFrost)
    assert.equal(BigInt(system.write_price_per_unit_size), info.writePriceFrost)
    assert.equal(BigInt(system.total_capacity_size), info.totalCapacityBytes)
    assert.equal(system.future_accounting.length, info.maxEpochsAhead)
    assert.equal(staking.epoch, info.epoch)
    const { current } = await coordinator.committees()
    assert.deepEqual(
      system.committee.members.map(member => [member.node_id, member.weight]),
      current.members.map(member => [member.nodeId, member.shards.length]),
    )
  })

  it('asks the same price as we pay', async () => {
    for (const size of [0, 1000, 1_000_000, 100_000_000]) {
      const { totalCost } = await walrus.storageCost(size, 5)
      const { costFrost } = await coordinator
        .writer(on.admin)
        .register({ metadata: metadataOf(on.nShards, size, size % 251), epochs: 5, deletable: true })
      assert.equal(costFrost, totalCost, `${size} bytes`)
    }
  })

  it('registers, certifies, extends and deletes a blob that we read, with attributes', async () => {
    const metadata = metadataOf(on.nShards, 12_345, 33)
    const { signer, address } = on.admin
    const { blob: registered } = await walrus.executeRegisterBlobTransaction({
      signer,
      owner: address,
      blobId: metadata.blobId,
      rootHash: metadataRoot(metadata),
      size: metadata.unencodedLength,
      epochs: 3,
      deletable: true,
      attributes: { 'content-type': 'text/plain' },
    })
    const objectId = parseObjectId(registered.id)
    const ours = await coordinator.blob(objectId)
    assert.equal(ours?.blobId, metadata.blobId)
    assert.equal(ours?.size, 12_345)
    assert.equal(ours?.certifiedEpoch, undefined)
    assert.equal(ours?.owner, address)
    assert.deepEqual(await coordinator.attributes(objectId), { 'content-type': 'text/plain' })

    const certificate = certificateOf(on, await coordinator.committees(), {
      blobId: parseBlobId(metadata.blobId),
      persistence: { kind: 'deletable', objectId },
    })
    await walrus.executeCertifyBlobTransaction({
      signer,
      blobId: metadata.blobId,
      blobObjectId: objectId,
      deletable: true,
      certificate: {
        signers: certificate.signers,
        serializedMessage: certificate.message,
        signature: certificate.signature,
      },
    })
    assert.equal((await coordinator.blob(objectId))?.certifiedEpoch, 1)
    await walrus.executeExtendBlobTransaction({ signer, blobObjectId: objectId, epochs: 2 })
    assert.equal((await coordinator.blob(objectId))?.storage.endEpoch, 6)
    await walrus.executeWriteBlobAttributesTransaction({
      signer,
      blobObjectId: objectId,
      attributes: { 'content-type': null, name: 'x' },
    })
    assert.deepEqual(await coordinator.attributes(objectId), { name: 'x' })
    await coordinator.manager(on.admin).setAttributes(objectId, { name: 'y' })
    assert.deepEqual({ ...(await walrus.readBlobAttributes({ blobObjectId: objectId })) }, { name: 'y' })
    await walrus.executeDeleteBlobTransaction({ signer, blobObjectId: objectId })
    assert.equal(await coordinator.blob(objectId), undefined)
  })
})
