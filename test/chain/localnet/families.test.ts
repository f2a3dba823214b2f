import assert from 'node:assert/strict'
import { bcs } from '@mysten/sui/bcs'
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519'
import { Transaction } from '@mysten/sui/transactions'
import { deriveObjectID } from '@mysten/sui/utils'
import { created, TestChain } from './support/chain.ts'
import { samplePackage } from './support/packages.ts'

describe('chain/localnet: derived, received and party objects', function () {
  this.timeout(60_000)
  let chain: TestChain
  let assets: string
  before(async () => {
    chain = await TestChain.start({ sample: false })
    await chain.localnet.faucet(chain.address)
    assets = (await chain.publish(await samplePackage('assets'))).packageId
  })
  after(() => chain?.close())

  const target = (name: string) => `${assets}::family::${name}`
  const parent = async () => {
    const tx = new Transaction()
    tx.transferObjects([tx.moveCall({ target: target('parent') })], chain.address)
    return created(await chain.ok(tx), '::family::Parent')
  }
  const claim = (from: string, key: number, to = chain.address) => {
    const tx = new Transaction()
    const child = tx.moveCall({ target: target('child'), arguments: [tx.object(from), tx.pure.u64(key)] })
    tx.transferObjects([child], to)
    return tx
  }
  const derived = (from: string, key: number) =>
    deriveObjectID(from, 'u64', bcs.u64().serialize(key).toBytes())
  const has = async (from: string, key: number) => {
    const tx = new Transaction()
    tx.setSender(chain.address)
    tx.moveCall({ target: target('has'), arguments: [tx.object(from), tx.pure.u64(key)] })
    const { commandResults } = await chain.client.simulateTransaction({
      transaction: tx,
      include: { commandResults: true },
    })
    return bcs.bool().parse(commandResults![0]!.returnValues[0]!.bcs)
  }

  it('derives addresses as the SDK does, each for one object ever', async () => {
    const from = await parent()
    assert.equal(await has(from, 7), false)
    assert.equal(created(await chain.ok(claim(from, 7)), '::family::Child'), derived(from, 7))
    assert.equal(await has(from, 7), true)
    assert.equal((await chain.failure(claim(from, 7))).errorDetails.oneofKind, 'abort')
    assert.equal(created(await chain.ok(claim(from, 8)), '::family::Child'), derived(from, 8))
    const end = new Transaction()
    end.moveCall({ target: target('end'), arguments: [end.object(derived(from, 7))] })
    await chain.ok(end)
    assert.equal((await chain.failure(claim(from, 7))).errorDetails.oneofKind, 'abort')
  })

  it('sends to an address before its object is there, which receives it then', async () => {
    const from = await parent()
    const other = await parent()
    const sent = created(await chain.ok(claim(other, 1, derived(from, 5))), '::family::Child')
    await chain.ok(claim(from, 5))
    const tx = new Transaction()
    const received = tx.moveCall({
      target: target('receive_in_child'),
      arguments: [tx.object(derived(from, 5)), tx.object(sent)],
    })
    tx.transferObjects([received], chain.address)
    await chain.ok(tx)
    const { object } = await chain.client.getObject({ objectId: sent })
    assert.deepEqual(object.owner, { $kind: 'AddressOwner', AddressOwner: chain.address })
  })

  it('knows what is received by reference, too', async () => {
    const to = await parent()
    const sent = created(await chain.ok(claim(await parent(), 1, to)), '::family::Child')
    for (const name of ['peek', 'peek_mut']) {
      const tx = new Transaction()
      tx.setSender(chain.address)
      tx.moveCall({ target: target(name), arguments: [tx.object(sent)] })
      const { commandResults } = await chain.client.simulateTransaction({
        transaction: tx,
        include: { commandResults: true },
      })
      assert.equal(bcs.Address.parse(commandResults![0]!.returnValues[0]!.bcs), sent)
    }
    const tx = new Transaction()
    tx.moveCall({ target: target('peek'), arguments: [tx.object(sent)] })
    tx.moveCall({ target: target('peek_mut'), arguments: [tx.object(sent)] })
    const received = tx.moveCall({ target: target('receive'), arguments: [tx.object(to), tx.object(sent)] })
    tx.transferObjects([received], chain.address)
    await chain.ok(tx)
  })

  it('sends an object to one party, and from party to party', async () => {
    const other = new Ed25519Keypair()
    await chain.localnet.faucet(other.toSuiAddress())
    const id = created(await chain.ok(claim(await parent(), 1)), '::family::Child')
    const send = (to: string) => {
      const tx = new Transaction()
      const party = tx.moveCall({ target: '0x2::party::single_owner', arguments: [tx.pure.address(to)] })
      tx.moveCall({
        target: '0x2::transfer::public_party_transfer',
        typeArguments: [`${assets}::family::Child`],
        arguments: [tx.object(id), party],
      })
      return tx
    }
    const ownerOf = async () => (await chain.client.getObject({ objectId: id })).object.owner
    await chain.ok(send(chain.address))
    assert.equal((await ownerOf()).ConsensusAddressOwner!.owner, chain.address)
    await assert.rejects(chain.run(send(other.toSuiAddress()), other), /is owned by/)
    await chain.ok(send(other.toSuiAddress()))
    const owner = await ownerOf()
    assert.equal(owner.ConsensusAddressOwner!.owner, other.toSuiAddress())
    const { objects } = await chain.client.listOwnedObjects({
      owner: other.toSuiAddress(),
      type: `${assets}::family::Child`,
    })
    assert.deepEqual(
      objects.map(({ objectId }) => objectId),
      [id],
    )
    const end = new Transaction()
    end.moveCall({ target: target('end'), arguments: [end.object(id)] })
    await chain.ok(end, other)
  })
})
