import assert from 'node:assert/strict'
import { bcs } from '@mysten/sui/bcs'
import { GrpcTypes } from '@mysten/sui/grpc'
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519'
import { Transaction, type TransactionArgument } from '@mysten/sui/transactions'
import { deriveDynamicFieldID, fromBase58 } from '@mysten/sui/utils'
import { hash } from '../../../chain/localnet/ledger/digest.ts'
import { created, type Executed, TestChain } from './support/chain.ts'

const ThingBcs = bcs.struct('Thing', { id: bcs.Address, value: bcs.u64() })

describe('chain/localnet: what becomes of objects', function () {
  this.timeout(60_000)
  let chain: TestChain
  before(async () => {
    chain = await TestChain.start()
  })
  after(() => chain?.close())

  type Call = (name: string, args?: TransactionArgument[]) => ReturnType<Transaction['moveCall']>
  const make = (fill: (tx: Transaction, call: Call) => void): Transaction => {
    const tx = new Transaction()
    fill(tx, (name, args = []) => tx.moveCall({ target: chain.target(name), arguments: args }))
    return tx
  }
  const object = async (objectId: string) =>
    (await chain.client.getObject({ objectId, include: { content: true, previousTransaction: true } })).object
  const change = (executed: Executed, id: string) => {
    const found = executed.effects!.changedObjects.find(({ objectId }) => objectId === id)
    assert.ok(found, `${id} is among the changed objects`)
    return found
  }
  const value = async (id: string) => ThingBcs.parse((await object(id)).content!).value
  const isGone = (id: string) => assert.rejects(object(id), /not found/)

  it('gives every changed object the version after the highest input', async () => {
    const a = await chain.thing(1)
    const b = await chain.thing(2)
    const before = [await object(a), await object(b)]
    const executed = await chain.ok(
      make((tx, call) => {
        call('set', [tx.object(a), tx.pure.u64(9)])
        call('value', [tx.object(b)])
      }),
    )
    const lamport = executed.effects!.lamportVersion!
    for (const [i, id] of [a, b].entries()) {
      const { inputVersion, inputDigest, outputVersion, outputDigest, idOperation } = change(executed, id)
      assert.deepEqual(
        [inputVersion, inputDigest, outputVersion, idOperation],
        [before[i]!.version, before[i]!.digest, lamport, 'None'],
      )
      const now = await object(id)
      assert.deepEqual(
        [now.version, now.digest, now.previousTransaction],
        [lamport, outputDigest, executed.digest],
      )
    }
    assert.ok(BigInt(lamport) > BigInt(before[0]!.version) && BigInt(lamport) > BigInt(before[1]!.version))
    assert.equal(await value(a), '9')
    assert.equal(await value(b), '2')
  })

  it('names new objects after the transaction and their number in it', async () => {
    const tx = new Transaction()
    const made = [1, 2].map(n => tx.moveCall({ target: chain.target('thing'), arguments: [tx.pure.u64(n)] }))
    tx.transferObjects(made, chain.address)
    const executed = await chain.ok(tx)
    const expected = [0, 1].map(n => {
      const counter = new Uint8Array(8)
      counter[0] = n
      return `0x${Buffer.from(hash(Uint8Array.of(0xf1), fromBase58(executed.digest), counter)).toString('hex')}`
    })
    const ids = executed.effects!.changedObjects.filter(c => c.idOperation === 'Created').map(c => c.objectId)
    assert.deepEqual(ids.toSorted(), expected.toSorted())
  })

  it('lists the transactions that its inputs come from', async () => {
    const id = await chain.thing()
    const { previousTransaction } = await object(id)
    const executed = await chain.ok(make((tx, call) => call('set', [tx.object(id), tx.pure.u64(2)])))
    assert.ok(executed.effects!.dependencies.includes(previousTransaction!))
    assert.deepEqual(executed.effects!.dependencies, executed.effects!.dependencies.toSorted())
  })

  it('deletes an object', async () => {
    const id = await chain.thing()
    const executed = await chain.ok(make((tx, call) => call('destroy', [tx.object(id)])))
    const { inputState, outputState, idOperation } = change(executed, id)
    assert.deepEqual([inputState, outputState, idOperation], ['Exists', 'DoesNotExist', 'Deleted'])
    await isGone(id)
  })

  it('says nothing of an object that came and went', async () => {
    const executed = await chain.ok(
      make((tx, call) => {
        call('destroy', [call('thing', [tx.pure.u64(1)])])
      }),
    )
    assert.equal(executed.effects!.changedObjects.length, 1)
  })

  it('wraps, unwraps, and deletes what is wrapped', async () => {
    const inner = await chain.thing(4)
    const wrapped = await chain.ok(
      make((tx, call) => tx.transferObjects([call('wrap', [tx.object(inner)])], chain.address)),
    )
    const box = created(wrapped, '::things::Box')
    const gone = change(wrapped, inner)
    assert.deepEqual(
      [gone.inputState, gone.outputState, gone.idOperation],
      ['Exists', 'DoesNotExist', 'None'],
    )
    await isGone(inner)

    const unwrapped = await chain.ok(
      make((tx, call) => tx.transferObjects([call('unwrap', [tx.object(box)])], chain.address)),
    )
    const back = change(unwrapped, inner)
    assert.deepEqual(
      [back.inputState, back.outputState, back.idOperation],
      ['DoesNotExist', 'ObjectWrite', 'None'],
    )
    assert.equal(change(unwrapped, box).idOperation, 'Deleted')
    assert.equal(await value(inner), '4')

    const again = await chain.ok(
      make((tx, call) => tx.transferObjects([call('wrap', [tx.object(inner)])], chain.address)),
    )
    const second = created(again, '::things::Box')
    const destroyed = await chain.ok(make((tx, call) => call('destroy_box', [tx.object(second)])))
    const end = change(destroyed, inner)
    assert.deepEqual(
      [end.inputState, end.outputState, end.idOperation],
      ['DoesNotExist', 'DoesNotExist', 'Deleted'],
    )
  })

  it('shares an object, which anyone may then change', async () => {
    const id = await chain.thing()
    const shared = await chain.ok(make((tx, call) => call('share', [tx.object(id)]))).catch(error => error)
    assert.ok(shared instanceof Error, 'an object that was owned before cannot be shared')
    const made = await chain.ok(make((tx, call) => call('share', [call('thing', [tx.pure.u64(1)])])))
    const thing = created(made, '::things::Thing')
    const { owner } = await object(thing)
    assert.deepEqual(owner.Shared, { initialSharedVersion: made.effects!.lamportVersion })
    const stranger = new Ed25519Keypair()
    await chain.localnet.faucet(stranger.toSuiAddress())
    await chain.ok(
      make((tx, call) => call('set', [tx.object(thing), tx.pure.u64(8)])),
      stranger,
    )
    assert.equal(await value(thing), '8')
    assert.deepEqual((await object(thing)).owner.Shared, owner.Shared)

    const read = await chain.ok(make((tx, call) => call('value', [tx.object(thing)])))
    assert.equal((await object(thing)).version, read.effects!.unchangedConsensusObjects[0]!.version)
    assert.equal(read.effects!.unchangedConsensusObjects[0]!.kind, 'ReadOnlyRoot')
  })

  it('takes a shared object by value only to share it again or delete it', async () => {
    const share = async () =>
      created(
        await chain.ok(make((tx, call) => call('share', [call('thing', [tx.pure.u64(1)])]))),
        '::things::Thing',
      )
    const thing = await share()
    await chain.ok(make((tx, call) => call('share', [tx.object(thing)])))
    for (const use of [
      make((tx, call) => call('freeze_it', [tx.object(thing)])),
      make(tx => tx.transferObjects([tx.object(thing)], chain.address)),
      make((tx, call) => tx.transferObjects([call('wrap', [tx.object(thing)])], chain.address)),
    ])
      assert.match((await chain.fails(use)).message, /shared object operation is not allowed/)
    await chain.ok(make((tx, call) => call('destroy', [tx.object(thing)])))
    await isGone(thing)
  })

  it('freezes an object, which nobody can change or take any more', async () => {
    const thing = await chain.thing(3)
    await chain.ok(make((tx, call) => call('freeze_it', [tx.object(thing)])))
    assert.equal((await object(thing)).owner.$kind, 'Immutable')
    const { version } = await object(thing)
    await chain.ok(make((tx, call) => call('value', [tx.object(thing)])))
    assert.equal((await object(thing)).version, version)
    const mutated = await chain.fails(make((tx, call) => call('set', [tx.object(thing), tx.pure.u64(1)])))
    assert.match(mutated.message, /InvalidObjectByMutRef/)
    const taken = await chain.fails(make((tx, call) => call('destroy', [tx.object(thing)])))
    assert.match(taken.message, /InvalidObjectByValue/)
  })

  it('keeps party objects for their one owner, as inputs that consensus orders', async () => {
    const made = await chain.ok(
      make((tx, call) => call('to_party', [call('thing', [tx.pure.u64(1)]), tx.pure.address(chain.address)])),
    )
    const thing = created(made, '::things::Thing')
    const { owner } = await object(thing)
    assert.deepEqual(owner.ConsensusAddressOwner, {
      owner: chain.address,
      startVersion: made.effects!.lamportVersion,
    })
    await chain.ok(make((tx, call) => call('set', [tx.object(thing), tx.pure.u64(6)])))
    assert.equal(await value(thing), '6')
    assert.deepEqual((await object(thing)).owner, owner)
    const stranger = new Ed25519Keypair()
    await chain.localnet.faucet(stranger.toSuiAddress())
    await assert.rejects(
      chain.run(
        make((tx, call) => call('set', [tx.object(thing), tx.pure.u64(1)])),
        stranger,
      ),
      /is owned by/,
    )
    await chain.ok(make(tx => tx.transferObjects([tx.object(thing)], '0x5')))
    assert.equal((await object(thing)).owner.AddressOwner, `0x${'5'.padStart(64, '0')}`)
  })

  it('receives what was sent to an object', async () => {
    const parent = await chain.thing()
    const sent = await chain.thing(77)
    await chain.ok(make(tx => tx.transferObjects([tx.object(sent)], parent)))
    const other = await chain.thing()
    const wrongParent = await chain.fails(
      make((tx, call) =>
        tx.transferObjects([call('accept', [tx.object(other), tx.object(sent)])], chain.address),
      ),
    )
    assert.equal(wrongParent.MoveAbort?.abortCode, '3')
    const wrongType = await chain.fails(
      make((tx, call) =>
        tx.transferObjects([call('accept_other', [tx.object(parent), tx.object(sent)])], chain.address),
      ),
    )
    assert.equal(wrongType.MoveAbort?.abortCode, '2')
    const received = await chain.ok(
      make((tx, call) =>
        tx.transferObjects([call('accept', [tx.object(parent), tx.object(sent)])], chain.address),
      ),
    )
    assert.equal(change(received, sent).outputOwner?.AddressOwner, chain.address)
    assert.equal(await value(sent), '77')
  })

  it('keeps dynamic fields as objects of their own', async () => {
    const parent = await chain.thing()
    const added = await chain.ok(
      make((tx, call) => call('add_fields', [tx.object(parent), tx.pure.u64(0), tx.pure.u64(3)])),
    )
    const fieldId = deriveDynamicFieldID(parent, 'u64', bcs.u64().serialize(1).toBytes())
    assert.deepEqual(change(added, fieldId).outputOwner?.ObjectOwner, parent)
    assert.equal(change(added, fieldId).idOperation, 'Created')

    const set = await chain.ok(
      make((tx, call) => call('set_field', [tx.object(parent), tx.pure.u64(1), tx.pure.u64(5)])),
    )
    assert.equal(change(set, fieldId).inputState, 'Exists')
    const { dynamicField } = await chain.client.getDynamicField({
      parentId: parent,
      name: { type: 'u64', bcs: bcs.u64().serialize(1).toBytes() },
    })
    assert.equal(bcs.u64().parse(dynamicField.value.bcs), '5')

    const untouched = await chain.ok(
      make((tx, call) => call('touch_field', [tx.object(parent), tx.pure.u64(1)])),
    )
    assert.ok(!untouched.effects!.changedObjects.some(({ objectId }) => objectId === fieldId))

    const removed = await chain.ok(
      make((tx, call) => call('remove_field', [tx.object(parent), tx.pure.u64(1)])),
    )
    assert.equal(change(removed, fieldId).idOperation, 'Deleted')
    await isGone(fieldId)

    const again = await chain.ok(
      make((tx, call) => call('add_fields', [tx.object(parent), tx.pure.u64(1), tx.pure.u64(2)])),
    )
    assert.equal(change(again, fieldId).idOperation, 'Created')
    const taken = await chain.fails(
      make((tx, call) => call('add_fields', [tx.object(parent), tx.pure.u64(1), tx.pure.u64(2)])),
    )
    assert.equal(taken.MoveAbort?.abortCode, '0')
    const missing = await chain.fails(make((tx, call) => call('field', [tx.object(parent), tx.pure.u64(99)])))
    assert.equal(missing.MoveAbort?.abortCode, '1')
    const mistyped = await chain.fails(
      make((tx, call) => call('field_as_bool', [tx.object(parent), tx.pure.u64(1)])),
    )
    assert.equal(mistyped.MoveAbort?.abortCode, '2')
  })

  it('keeps the ID of an object that becomes a child, and gives it back', async () => {
    const parent = await chain.thing()
    const child = await chain.thing(1)
    const added = await chain.ok(
      make((tx, call) => call('add_child', [tx.object(parent), tx.pure.u64(0), tx.object(child)])),
    )
    assert.equal(change(added, child).outputOwner?.$kind, 'ObjectOwner')
    await chain.ok(make((tx, call) => call('set_child', [tx.object(parent), tx.pure.u64(0), tx.pure.u64(2)])))
    assert.equal(await value(child), '2')
    await assert.rejects(
      chain.run(make((tx, call) => call('value', [tx.object(child)]))),
      /is owned by object/,
    )
    const removed = await chain.ok(
      make((tx, call) =>
        tx.transferObjects([call('remove_child', [tx.object(parent), tx.pure.u64(0)])], chain.address),
      ),
    )
    assert.equal(change(removed, child).outputOwner?.AddressOwner, chain.address)
    const { dynamicFields } = await chain.client.listDynamicFields({ parentId: parent })
    assert.equal(dynamicFields.length, 0)
  })

  it('undoes everything when a transaction fails, except the gas and the versions of its inputs', async () => {
    const thing = await chain.thing(5)
    const before = await object(thing)
    const owned = (await chain.client.listOwnedObjects({ owner: chain.address })).objects.length
    const failed = await chain.run(
      make((tx, call) => {
        call('set', [tx.object(thing), tx.pure.u64(6)])
        call('set_then_fail', [tx.object(thing)])
      }),
    )
    assert.equal(failed.status.error?.MoveAbort?.abortCode, '7')
    assert.equal(failed.status.error?.command, 1)
    assert.deepEqual(failed.events, [])
    assert.deepEqual(
      failed.effects!.changedObjects.map(({ objectId }) => objectId).toSorted(),
      [thing, failed.effects!.gasObject!.objectId].toSorted(),
    )
    const after = await object(thing)
    assert.equal(await value(thing), '5')
    assert.notEqual(after.version, before.version)
    assert.equal((await chain.client.listOwnedObjects({ owner: chain.address })).objects.length, owned)
    const { dynamicFields } = await chain.client.listDynamicFields({ parentId: thing })
    assert.deepEqual(dynamicFields, [])
    assert.equal(failed.balanceChanges!.length, 1)
  })

  it('tells where Move code aborted', async () => {
    const { MoveAbort: abort } = await chain.fails(make((tx, call) => call('fail_with', [tx.pure.u64(11)])))
    assert.equal(abort?.abortCode, '11')
    assert.equal(abort?.location?.package, chain.packageId)
    assert.equal(abort?.location?.module, 'things')
    assert.equal(abort?.location?.functionName, 'fail_with')
    const overflow = await chain.failure(make((tx, call) => call('overflow', [tx.pure.u8(1)])))
    const outside = await chain.failure(make((_, call) => call('out_of_bounds')))
    for (const [error, name] of [
      [overflow, 'overflow'],
      [outside, 'out_of_bounds'],
    ] as const) {
      assert.equal(error.kind, GrpcTypes.ExecutionError_ExecutionErrorKind.MOVE_PRIMITIVE_RUNTIME_ERROR)
      assert.match(error.description!, new RegExp(`(ARITHMETIC|VECTOR)_ERROR in .*::things::${name}`))
    }
  })

  it('tells errors that are written in words', async () => {
    const clever = async (name: string, args: number[] = []) => {
      const error = await chain.fails(
        make((tx, call) =>
          call(
            name,
            args.map(n => tx.pure.u64(n)),
          ),
        ),
      )
      return { ...error.MoveAbort!.cleverError, message: error.message }
    }
    const told = await clever('fail_in_words')
    assert.deepEqual([told.constantName, told.value], ['ETold', 'told in words'])
    assert.match(told.message, /ETold.*told in words/s)
    const numbered = await clever('fail_with_number')
    assert.deepEqual([numbered.constantName, numbered.value], ['ENumbered', 'with a number'])
    const assertion = await clever('fail_assertion', [1])
    assert.ok(assertion.lineNumber! > 100)
    assert.equal(assertion.value, undefined)
  })
})
