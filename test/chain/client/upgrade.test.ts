import assert from 'node:assert/strict'
import { SuiGrpcClient } from '@mysten/sui/grpc'
import { Transaction } from '@mysten/sui/transactions'
import { parseStructTag } from '@mysten/sui/utils'
import { type Build, loadBuild } from '../../../chain/compiled.ts'
import { createCoordinator } from '../../../chain/index.ts'
import type { ChainEvent } from '../../../chain/types/index.ts'
import { certificateOf, EPOCH_MS, metadataOf, startTestNetwork, type TestNetwork } from './network.ts'

describe('an upgrade of the package from version 3 to 4, through the client', function () {
  this.timeout(120_000)
  let on: TestNetwork
  let newest: Build
  before(async () => {
    on = await startTestNetwork({ contractVersion: 3 })
    newest = loadBuild('walrus', { wal: on.network.walType.split('::')[0]! })
  })
  after(() => on?.close())

  it('is read at any version, also by the first reads at once', async () => {
    const coordinator = createCoordinator(on.network)
    try {
      const reads = await Promise.all(
        Array.from({ length: 8 }, (_, i) => (i % 2 === 0 ? coordinator.packages() : coordinator.nodes())),
      )
      assert.equal(reads.length, 8)
      assert.equal((await coordinator.packages()).contractVersion, 3)
    } finally {
      await coordinator.close()
    }
  })

  it('calls the new package once the system has moved to it, and follows the same events', async () => {
    const client = new SuiGrpcClient({ network: 'localnet', baseUrl: on.localnet.url })
    const { network, admin } = on
    const coordinator = createCoordinator(network)
    const writer = coordinator.writer(admin)
    const register = (tag: number) =>
      writer.register({ metadata: metadataOf(on.nShards, 10, tag), epochs: 1, deletable: true })
    const { blob: old } = await register(1)
    const { object } = await client.core.getObject({ objectId: network.systemObjectId })
    const packageId = parseStructTag(object.type).address

    const execute = async (add: (tx: Transaction) => void) => {
      const tx = new Transaction()
      add(tx)
      const include = { effects: true, objectTypes: true } as const
      const result = await client.core.signAndExecuteTransaction({
        transaction: tx,
        signer: admin.signer,
        include,
      })
      assert.ok(result.Transaction, JSON.stringify(result.FailedTransaction?.status))
      await client.core.waitForTransaction({ result })
      return result.Transaction
    }
    const owned = async (type: string) =>
      (await client.core.listOwnedObjects({ owner: admin.address, type: `${packageId}::${type}` }))
        .objects[0]!.objectId

    const emergencyCap = await owned('upgrade::EmergencyUpgradeCap')
    const manager = await managerOf(client, emergencyCap)
    const upgraded = await execute(tx => {
      const ticket = tx.moveCall({
        target: `${packageId}::upgrade::authorize_emergency_upgrade`,
        arguments: [tx.object(manager), tx.object(emergencyCap), tx.pure.vector('u8', newest.digest)],
      })
      const receipt = tx.upgrade({
        modules: newest.modules.map(module => Array.from(module)),
        dependencies: newest.dependencies,
        package: packageId,
        ticket,
      })
      tx.moveCall({
        target: `${packageId}::upgrade::commit_upgrade`,
        arguments: [
          tx.object(manager),
          tx.object(network.stakingObjectId),
          tx.object(network.systemObjectId),
          receipt,
        ],
      })
    })
    const newPackageId = upgraded.effects!.changedObjects.find(
      change => change.outputState === 'PackageWrite',
    )!.objectId
    // the system has not moved yet: calls still go to the old package
    await register(2)
    assert.equal((await coordinator.packages()).contractVersion, 3)
    const operator = coordinator.operator(on.nodes[0]!.wallet)
    await on.localnet.advanceClock(EPOCH_MS)
    await operator.votingEnd()
    await operator.initiateEpochChange()
    await execute(tx => {
      tx.moveCall({
        target: `${newPackageId}::init::migrate_v2`,
        arguments: [tx.object(network.stakingObjectId), tx.object(network.systemObjectId)],
      })
    })

    const { blob } = await register(3)
    assert.equal((await coordinator.packages()).contractVersion, 4)
    const committees = await coordinator.committees({ fresh: true })
    const certificate = certificateOf(on, committees, {
      blobId: blob.blobId,
      persistence: { kind: 'deletable', objectId: blob.objectId },
    })
    const { digest: certified } = await writer.certify(blob.objectId, certificate)
    const { Transaction: sent } = await client.core.getTransaction({
      digest: certified,
      include: { transaction: true },
    })
    assert.ok(JSON.stringify(sent!.transaction!.commands).includes(newPackageId))
    assert.ok(!JSON.stringify(sent!.transaction!.commands).includes(packageId))

    // objects and events of before and after are of the same types
    const blobs = await coordinator.ownedBlobs(admin.address)
    assert.ok([old, blob].every(one => blobs.some(b => b.objectId === one.objectId)))
    const stop = new AbortController()
    const events: ChainEvent[] = []
    for await (const event of coordinator.follow({ signal: stop.signal })) {
      events.push(event)
      if (event.digest === certified) stop.abort()
    }
    const registered = events.filter(event => event.type === 'BlobRegistered').map(event => event.objectId)
    assert.equal(registered.at(0), old.objectId)
    assert.equal(registered.at(-1), blob.objectId)

    // the old package refuses; a coordinator that has just started knows nothing of it
    const fresh = createCoordinator(network)
    assert.equal((await fresh.committees()).epoch, 2)
    const stale = new Transaction()
    stale.moveCall({
      target: `${packageId}::system::epoch`,
      arguments: [stale.object(network.systemObjectId)],
    })
    stale.setSender(admin.address)
    await assert.rejects(stale.build({ client }), /EWrongVersion|abort code: 1/)
    await Promise.all([fresh.close(), coordinator.close()])
  })
})

/** The shared UpgradeManager, which the emergency capability names after its own ID. */
async function managerOf(client: SuiGrpcClient, capId: string): Promise<string> {
  const { object } = await client.core.getObject({ objectId: capId, include: { content: true } })
  return `0x${Buffer.from(object.content!.subarray(32, 64)).toString('hex')}`
}
