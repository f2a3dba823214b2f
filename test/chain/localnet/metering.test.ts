import assert from 'node:assert/strict'
import { GrpcTypes } from '@mysten/sui/grpc'
import { Transaction } from '@mysten/sui/transactions'
import { assemble } from '../vm/support/assemble.ts'
import { entangled } from '../vm/support/entangled.ts'
import { Handmade, ref, u64 } from '../vm/support/handmade.ts'
import { TestChain } from './support/chain.ts'
import { packageOf } from './support/packages.ts'

const { ExecutionError_ExecutionErrorKind: Kind } = GrpcTypes

const source = `module attack::attack;
use std::type_name;
public struct Pair<A, B> has copy, drop, store { a: A, b: B }
public struct Big has key, store { id: UID, bytes: vector<u8> }
public fun names() { loop { type_name::with_defining_ids<Pair<Pair<u8, u8>, Pair<u8, Pair<u8, u8>>>>(); } }
public fun copies() { let mut v = vector[]; let mut i = 0; while (i < 1000) { v.push_back(vector<u8>[]); i = i + 1 }; let mut all = vector[]; loop { all.push_back(v) } }
public fun uids(ctx: &mut TxContext) { loop { object::new(ctx).delete() } }
public fun big(ctx: &mut TxContext): Big { let mut bytes = vector[]; let mut i = 0u64; while (i < 200000) { bytes.push_back(7); i = i + 1 }; Big { id: object::new(ctx), bytes } }
public fun look(_: &Big) {}
`

describe('chain/localnet: metering', function () {
  this.timeout(60_000)
  let chain: TestChain
  let packageId: string
  before(async () => {
    chain = await TestChain.start()
    packageId = (await chain.publish(await packageOf('attack', source))).packageId
  })
  after(() => chain?.close())

  const call = (name: string) => {
    const tx = new Transaction()
    tx.moveCall({ target: `${packageId}::attack::${name}` })
    return tx
  }
  const publishing = ({ module }: Handmade) => {
    module.moduleHandles[0]!.address = `0x${'0'.repeat(64)}` // as the compiler leaves it
    const tx = new Transaction()
    tx.transferObjects(
      [tx.publish({ modules: [Array.from(assemble(module))], dependencies: [] })],
      chain.address,
    )
    return tx
  }
  const simulate = async (tx: Transaction) => {
    tx.setSender(chain.address)
    const result = await chain.client.core.simulateTransaction({
      transaction: tx,
      include: { effects: true },
    })
    return (result.Transaction ?? result.FailedTransaction)!.status
  }

  it('ends what does not end, executed or only simulated, and charges for the first', async () => {
    const error = await chain.failure(call('names'))
    assert.equal(Kind[error.kind!], 'INSUFFICIENT_GAS')
    const status = await simulate(call('copies'))
    assert.match(status.error?.message ?? '', /limit on (steps|memory|time)/)
  })

  it('answers others between simulations that take long', async () => {
    const order: string[] = []
    const long = Array.from({ length: 3 }, (_, i) =>
      simulate(call('uids')).then(() => order.push(`simulation ${i}`)),
    )
    const read = chain.client.core.getObject({ objectId: '0x6' }).then(() => order.push('read'))
    await Promise.all([...long, read])
    assert.notEqual(order.at(-1), 'read', order.join())
  })

  it('counts the objects that a transaction brings along', async () => {
    const make = new Transaction()
    const objects = Array.from({ length: 6 }, () => make.moveCall({ target: `${packageId}::attack::big` }))
    make.transferObjects(objects, chain.address)
    await chain.ok(make)
    const owned = await chain.client.core.listOwnedObjects({
      owner: chain.address,
      type: `${packageId}::attack::Big`,
    })
    const tx = new Transaction()
    for (const { objectId } of owned.objects)
      tx.moveCall({ target: `${packageId}::attack::look`, arguments: [tx.object(objectId)] })
    await chain.ok(tx)
  })

  it('refuses bytecode that keeps a reference to what it takes away', async () => {
    const handmade = new Handmade()
    handmade.function('f', {
      parameters: [u64],
      locals: [ref(u64, true)],
      code: [
        ['MutBorrowLoc', 0],
        ['StLoc', 1],
        ['MoveLoc', 0],
        'Pop',
        ['MoveLoc', 1],
        'ReadRef',
        'Pop',
        'Ret',
      ],
    })
    const tx = publishing(handmade)
    const error = await chain.failure(tx)
    assert.equal(Kind[error.kind!], 'VM_VERIFICATION_OR_DESERIALIZATION_ERROR')
    assert.match((await chain.fails(tx)).message, /local 0 is moved while it is borrowed/)
  })

  it('refuses a package that takes too long to verify', async () => {
    const { error } = await simulate(publishing(entangled()))
    assert.match(error?.message ?? '', /takes too long to verify/)
  })
})
