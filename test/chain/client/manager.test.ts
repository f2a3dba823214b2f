import assert from 'node:assert/strict'
import { ChainError, isChainError } from '../../../chain/errors.ts'
import { createCoordinator, keypairWallet } from '../../../chain/index.ts'
import type { BlobManager, FullCoordinator } from '../../../chain/types/index.ts'
import { blobIdToU256, encodedSize, metadataRoot, parseObjectId } from '../../../codec/index.ts'
import type { ObjectId } from '../../../codec/types.ts'
import { certificateOf, metadataOf, seed, startTestNetwork, type TestNetwork } from './network.ts'

describe('blobs and their owners, through the client', function () {
  this.timeout(60_000)
  let on: TestNetwork
  let coordinator: FullCoordinator
  let manager: BlobManager
  let tag = 0

  before(async () => {
    on = await startTestNetwork()
    coordinator = createCoordinator(on.network)
    manager = coordinator.manager(on.admin)
  })
  after(async () => {
    await coordinator?.close()
    await on?.close()
  })

  const certified = async () => {
    const writer = coordinator.writer(on.admin)
    const metadata = metadataOf(on.nShards, 10, ++tag)
    const { blob } = await writer.register({ metadata, epochs: 2, deletable: false })
    const certificate = certificateOf(on, await coordinator.committees(), {
      blobId: blob.blobId,
      persistence: { kind: 'permanent' },
    })
    return (await writer.certify(blob.objectId, certificate)).blob
  }

  it('sets, changes and removes attributes', async () => {
    const { objectId } = await certified()
    assert.deepEqual(await coordinator.attributes(objectId), {})
    await manager.setAttributes(objectId, { 'content-type': 'text/plain', ünï: 'çödé' })
    await manager.setAttributes(objectId, { 'content-type': 'image/png', __proto__x: '1' })
    assert.deepEqual(await coordinator.attributes(objectId), {
      'content-type': 'image/png',
      ünï: 'çödé',
      __proto__x: '1',
    })
    await manager.removeAttributes(objectId, ['ünï', 'never there'])
    assert.deepEqual(Object.keys(await coordinator.attributes(objectId)).toSorted(), [
      '__proto__x',
      'content-type',
    ])
  })

  it('sends a blob to somebody, who owns it then', async () => {
    const { objectId } = await certified()
    const { address } = keypairWallet(seed(4, 1))
    await manager.send(objectId, address)
    assert.equal((await coordinator.blob(objectId))?.owner, address)
    await assert.rejects(manager.burn(objectId), error => error instanceof ChainError)
  })

  it('burns a permanent blob', async () => {
    const { objectId } = await certified()
    await manager.burn(objectId)
    assert.equal(await coordinator.blob(objectId), undefined)
  })

  it('shares a blob that anyone may fund and extend', async () => {
    const { objectId } = await certified()
    const { blobId } = (await coordinator.blob(objectId))!
    assert.deepEqual(await coordinator.blobReference(objectId), {
      kind: 'owned',
      blobId,
      attributesOf: objectId,
    })
    const { sharedBlob } = await manager.share(objectId, { fundFrost: 100_000n })
    assert.equal(await coordinator.blob(objectId), undefined)
    const reference = { kind: 'shared', blobId, attributesOf: objectId }
    assert.deepEqual(await coordinator.blobReference(sharedBlob), reference)
    for (const none of [objectId, on.network.systemObjectId])
      assert.equal(await coordinator.blobReference(none), undefined)
    const [stranger] = on.nodes
    const theirs = coordinator.manager(stranger!.wallet)
    await theirs.extendShared(sharedBlob, 1)
    // the funds do not last for 20 more epochs
    await assert.rejects(theirs.extendShared(sharedBlob, 20), error => isChainError(error, 'MOVE_ABORT'))
    await manager.fundShared(sharedBlob, 10_000_000n)
    await theirs.extendShared(sharedBlob, 20)
  })

  it('knows a blob in a storage pool by its object, and its attributes', async () => {
    const { Transaction } = await import('@mysten/sui/transactions')
    const { SuiGrpcClient } = await import('@mysten/sui/grpc')
    const client = new SuiGrpcClient({ network: 'localnet', baseUrl: on.localnet.url })
    const { packageId } = await coordinator.packages()
    const { objects } = await client.core.listCoins({ owner: on.admin.address, coinType: on.network.walType })
    const metadata = metadataOf(on.nShards, 10, ++tag)
    const { blobId } = metadata
    const root = metadataRoot(metadata).reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
    const bytes = BigInt(encodedSize(on.nShards, 10))
    const tx = new Transaction()
    const [system, coin] = [tx.object(on.network.systemObjectId), tx.object(objects[0]!.objectId)]
    const { u8, u32, u64, u256, bool, string } = tx.pure
    const pool = tx.moveCall({
      target: `${packageId}::system::create_storage_pool`,
      arguments: [system, u64(bytes), u32(2), coin],
    })
    const id = u256(blobIdToU256(blobId))
    const blob = [id, u256(root), u64(10), u8(1), bool(true)]
    tx.moveCall({
      target: `${packageId}::system::register_pooled_blob`,
      arguments: [system, pool, ...blob, coin],
    })
    tx.moveCall({
      target: `${packageId}::storage_pool::insert_or_update_blob_metadata_pair`,
      arguments: [pool, id, string('content-type'), string('text/csv')],
    })
    tx.transferObjects([pool], on.admin.address)
    const { Transaction: done } = await client.core.signAndExecuteTransaction({
      transaction: tx,
      signer: on.admin.signer,
      include: { effects: true, objectTypes: true },
    })
    const pooled = done?.effects.changedObjects.find(({ objectId }) =>
      done.objectTypes[objectId]?.endsWith('::storage_pool::PooledBlob'),
    )
    const objectId = parseObjectId(pooled?.objectId ?? '')
    await client.core.waitForTransaction({ digest: done!.digest })
    const reference = { kind: 'pooled', blobId, attributesOf: objectId }
    assert.deepEqual(await coordinator.blobReference(objectId), reference)
    assert.deepEqual(await coordinator.attributes(objectId), { 'content-type': 'text/csv' })
    assert.equal(await coordinator.blob(objectId), undefined)
  })

  it('lists every owned blob over many pages', async () => {
    const wallet = keypairWallet(seed(4, 2))
    await on.localnet.faucet(wallet.address)
    const ids: string[] = []
    for (let i = 0; i < 60; i++) {
      const { objectId } =
        i === 0
          ? await certified()
          : (
              await coordinator
                .writer(on.admin)
                .register({ metadata: metadataOf(on.nShards, 10, ++tag), epochs: 1, deletable: true })
            ).blob
      await manager.send(objectId, wallet.address)
      ids.push(objectId)
    }
    const owned = await coordinator.ownedBlobs(wallet.address)
    assert.deepEqual(owned.map(blob => blob.objectId).toSorted(), ids.toSorted())

    await coordinator.manager(wallet).setAttributes(ids[7]! as ObjectId, { kind: 'test' })
    const first = await coordinator.ownedPage(wallet.address, { limit: 50 })
    const second = await coordinator.ownedPage(wallet.address, { limit: 50, cursor: first.next })
    assert.deepEqual([first.blobs.length, second.blobs.length, second.next], [50, 10, undefined])
    const paged = [...first.blobs, ...second.blobs]
    assert.deepEqual(paged.map(({ blob }) => blob.objectId).toSorted(), ids.toSorted())
    assert.equal(first.epoch, (await coordinator.system()).epoch)
    assert.ok(paged.every(({ endsAtMs }) => endsAtMs !== undefined))
    const told = paged.filter(({ attributes }) => attributes.kind === 'test')
    assert.deepEqual(
      told.map(({ blob }) => blob.objectId),
      [ids[7]],
    )
  })

  it('pays from many small coins', async () => {
    const wallet = keypairWallet(seed(4, 3))
    await on.localnet.faucet(wallet.address)
    const { costFrost } = await coordinator
      .writer(on.admin)
      .register({ metadata: metadataOf(on.nShards, 10, ++tag), epochs: 1, deletable: true })
    const { Transaction } = await import('@mysten/sui/transactions')
    const { SuiGrpcClient } = await import('@mysten/sui/grpc')
    const client = new SuiGrpcClient({ network: 'localnet', baseUrl: on.localnet.url })
    const { objects } = await client.core.listCoins({ owner: on.admin.address, coinType: on.network.walType })
    const tx = new Transaction()
    const parts = Array.from({ length: 10 }, () => costFrost / 5n)
    const coins = tx.splitCoins(objects[0]!.objectId, parts)
    tx.transferObjects(
      parts.map((_, i) => coins[i]!),
      wallet.address,
    )
    await client.signAndExecuteTransaction({ transaction: tx, signer: on.admin.signer })
    const writer = coordinator.writer(wallet)
    const register = () =>
      writer.register({ metadata: metadataOf(on.nShards, 10, ++tag), epochs: 1, deletable: true })
    await register()
    const { wal } = await coordinator.balances(wallet.address)
    assert.equal(wal, (costFrost / 5n) * 10n - costFrost)
    await assert.rejects(
      (async () => {
        await register()
        await register()
      })(),
      error => isChainError(error, 'NOT_ENOUGH_WAL') && error.details.neededFrost === costFrost,
    )
  })
})
