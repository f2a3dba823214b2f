import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bcs } from '@mysten/sui/bcs'
import { GrpcTypes } from '@mysten/sui/grpc'
import { Transaction } from '@mysten/sui/transactions'
import { TestChain } from './support/chain.ts'
import { dependentOf, packageOf } from './support/packages.ts'

const dep = (version: number) => `module dep::dep;\npublic fun version(): u64 { ${version} }`
const user = 'module user::user;\npublic fun get(): u64 { dep::dep::version() }'

describe('chain/localnet: packages that call upgraded ones', function () {
  this.timeout(60_000)
  let chain: TestChain
  let dir: string
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'floe-linking-'))
    chain = await TestChain.start({ dir, sample: false })
    await chain.localnet.faucet(chain.address)
  })
  after(async () => {
    await chain?.close()
    await rm(dir, { recursive: true, force: true })
  })

  const get = async (packageId: string) => {
    const tx = new Transaction()
    tx.setSender(chain.address)
    tx.moveCall({ target: `${packageId}::user::get` })
    const result = await chain.client.simulateTransaction({
      transaction: tx,
      include: { commandResults: true },
    })
    return Number(bcs.u64().parse(result.commandResults![0]!.returnValues[0]!.bcs))
  }

  it('run the versions they were linked to, also after a restart', async () => {
    const first = await chain.publish(await packageOf('dep', dep(1)))
    const originalId = first.packageId
    const on = { name: 'dep', source: dep(1), originalId }
    const calling = await chain.publish(await dependentOf('user', user, { ...on, packageId: originalId }))
    assert.equal(await get(calling.packageId), 1)

    const second = await chain.upgrade(originalId, first.capId, await packageOf('dep', dep(2)))
    assert.equal(await get(calling.packageId), 1)

    const relinked = await dependentOf('user', user, { ...on, packageId: second })
    assert.ok(relinked.dependencies.includes(second))
    const next = await chain.upgrade(calling.packageId, calling.capId, relinked)
    assert.deepEqual([await get(calling.packageId), await get(next)], [1, 2])

    const third = await dependentOf(
      'third',
      'module third::third;\npublic fun get(): u64 { user::user::get() }',
      {
        name: 'user',
        source: 'module user::user;\npublic fun get(): u64 { 0 }',
        originalId: calling.packageId,
        packageId: next,
      },
    )
    const publish = (dependencies: string[]) => {
      const tx = new Transaction()
      tx.transferObjects([tx.publish({ ...third, dependencies })], chain.address)
      return tx
    }
    const kinds = GrpcTypes.ExecutionError_ExecutionErrorKind
    const missing = await chain.failure(publish(third.dependencies.filter(id => id !== second)))
    assert.equal(missing.kind, kinds.PUBLISH_UPGRADE_MISSING_DEPENDENCY)
    const older = await chain.failure(
      publish([...third.dependencies.filter(id => id !== second), originalId]),
    )
    assert.equal(older.kind, kinds.PUBLISH_UPGRADE_DEPENDENCY_DOWNGRADE)
    await chain.ok(publish([...new Set([...third.dependencies, second])]))

    await chain.close()
    chain = await TestChain.start({ dir, sample: false, keypair: chain.keypair })
    assert.deepEqual([await get(calling.packageId), await get(next)], [1, 2])
  })
})
