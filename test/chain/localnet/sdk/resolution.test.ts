import assert from 'node:assert/strict'
import { bcs } from '@mysten/sui/bcs'
import { GrpcTypes } from '@mysten/sui/grpc'
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519'
import { coinWithBalance, Inputs, Transaction } from '@mysten/sui/transactions'
import { loadBuild } from '../../../../chain/compiled.ts'
import { created, TestChain } from '../support/chain.ts'

/** What a transaction leaves open, and the SDK with the server fills in. */
describe('chain/localnet, by the SDK: resolution', function () {
  this.timeout(60_000)
  let chain: TestChain
  before(async () => {
    chain = await TestChain.start()
  })
  after(() => chain?.close())

  const built = async (tx: Transaction) => {
    tx.setSenderIfNotSet(chain.address)
    return Transaction.from(await tx.build({ client: chain.client })).getData()
  }

  it('objects by ID: owned, shared for reading and for writing, immutable', async () => {
    const thing = await chain.thing()
    const share = new Transaction()
    const made = share.moveCall({ target: chain.target('thing'), arguments: [share.pure.u64(1)] })
    share.moveCall({
      target: '0x2::transfer::public_share_object',
      typeArguments: [`${chain.packageId}::things::Thing`],
      arguments: [made],
    })
    const shared = created(await chain.ok(share), '::things::Thing')
    const tx = new Transaction()
    for (const id of [thing, shared])
      tx.moveCall({ target: chain.target('set'), arguments: [tx.object(id), tx.pure.u64(9)] })
    tx.moveCall({ target: chain.target('now'), arguments: [tx.object('0x6')] })
    const { inputs } = await built(tx)
    const objects = inputs.flatMap(input => input.Object ?? [])
    assert.equal(objects[0]!.ImmOrOwnedObject!.objectId, thing)
    assert.deepEqual([objects[1]!.SharedObject!.mutable, objects[2]!.SharedObject!.mutable], [true, false])
    assert.deepEqual((await chain.ok(tx)).status.success, true)
  })

  it('an object in the version that the caller names, or not at all', async () => {
    const thing = await chain.thing()
    const { object } = await chain.client.getObject({ objectId: thing })
    const call = (version: string) => {
      const tx = new Transaction()
      tx.moveCall({
        target: chain.target('set'),
        arguments: [
          tx.object(Inputs.ObjectRef({ objectId: thing, version, digest: object.digest })),
          tx.pure.u64(2),
        ],
      })
      return tx
    }
    await chain.ok(call(object.version))
    await assert.rejects(chain.run(call(object.version)), /needs to be rebuilt|unavailable for consumption/)
    const nothing = new Transaction()
    nothing.moveCall({
      target: chain.target('set'),
      arguments: [nothing.object('0x1234'), nothing.pure.u64(2)],
    })
    await assert.rejects(chain.run(nothing), /not found/i)
    const noFunction = new Transaction()
    noFunction.moveCall({ target: chain.target('nothing_like_it'), arguments: [noFunction.object(thing)] })
    await assert.rejects(chain.run(noFunction), /not found|FunctionNotFound/i)
  })

  it('plain values as JSON, by the type that they are used as', async () => {
    const thing = await chain.thing(1)
    const json = (value: unknown) => GrpcTypes.Input.fromJson({ literal: value as never }).literal
    /** A call of the sample, or of the framework, with inputs as the caller wrote them. */
    const simulate = async (target: string, inputs: GrpcTypes.Input[], typeArguments: string[] = []) => {
      const [id, module, name] = target.split('::') as [string, string, string]
      const args = inputs.map((_, input): GrpcTypes.Argument => ({ kind: 2, input }))
      const moveCall = { package: id, module, function: name, typeArguments, arguments: args }
      const { response } = await chain.client.transactionExecutionService.simulateTransaction({
        transaction: {
          sender: chain.address,
          kind: {
            kind: 1,
            data: {
              oneofKind: 'programmableTransaction',
              programmableTransaction: {
                inputs,
                commands: [{ command: { oneofKind: 'moveCall', moveCall } }],
              },
            },
          },
        },
        doGasSelection: true,
        readMask: { paths: ['command_outputs', 'transaction.effects.status'] },
      })
      assert.equal(response.transaction!.effects!.status!.success, true)
      return response.commandOutputs[0]!.returnValues.map(({ value }) => value!.value!)
    }
    const literals = (...values: unknown[]) => values.map(value => ({ literal: json(value) }))
    await simulate(chain.target('set'), [{ objectId: thing }, ...literals('18446744073709551615')])
    await simulate(chain.target('set'), [{ objectId: thing }, ...literals(7)])
    const [text] = await simulate('0x1::string::utf8', literals([104, 105]))
    assert.equal(bcs.string().parse(text!), 'hi')
    const [id] = await simulate('0x2::object::id_from_address', literals('0x1234'))
    assert.equal(bcs.Address.parse(id!), `0x${'1234'.padStart(64, '0')}`)
    const [some] = await simulate('0x1::string::length', literals('four'))
    assert.equal(bcs.u64().parse(some!), '4')
    for (const value of [-1, 'x', [1], null, 1.5, '18446744073709551616'])
      await assert.rejects(simulate(chain.target('set'), [{ objectId: thing }, ...literals(value)]), {
        code: 'INVALID_ARGUMENT',
      })
  })

  it('coinWithBalance: of SUI out of the gas, of another coin out of as many as it takes', async () => {
    const wal = loadBuild('wal')
    const { executed, packageId } = await chain.publish({
      modules: wal.modules.map(module => Array.from(module)),
      dependencies: wal.dependencies,
    })
    const type = `${packageId}::wal::WAL`
    const own = created(executed, `Coin<${type}>`)
    const supply = BigInt(
      (await chain.client.getBalance({ owner: chain.address, coinType: type })).balance.balance,
    )
    const split = new Transaction()
    const parts = split.splitCoins(split.object(own), [30, 40])
    split.transferObjects([parts[0]!, parts[1]!], chain.address)
    await chain.ok(split)
    const receiver = new Ed25519Keypair().toSuiAddress()
    const tx = new Transaction()
    tx.setSender(chain.address)
    tx.transferObjects(
      [
        coinWithBalance({ balance: 11 }),
        coinWithBalance({ balance: 60, type }),
        coinWithBalance({ balance: 0, type }),
      ],
      receiver,
    )
    await chain.ok(tx)
    const balance = async (coinType?: string) =>
      (await chain.client.getBalance({ owner: receiver, coinType })).balance.balance
    assert.deepEqual([await balance(), await balance(type)], ['11', '60'])
    const much = new Transaction()
    much.transferObjects([coinWithBalance({ balance: supply, type })], receiver)
    await assert.rejects(chain.run(much), /[Ii]nsufficient/)
  })

  it('builds offline what leaves nothing open', async () => {
    const { objects } = await chain.client.listCoins({ owner: chain.address, coinType: '0x2::sui::SUI' })
    const { objectId, version, digest } = objects[0]!
    const tx = new Transaction()
    tx.setSender(chain.address)
    tx.setGasPayment([{ objectId, version, digest }])
    tx.setGasPrice(1000)
    tx.setGasBudget(10_000_000)
    tx.transferObjects([tx.splitCoins(tx.gas, [3])], '0x4321')
    const executed = await chain.submit(await tx.build())
    assert.equal(executed.digest, await tx.getDigest())
  })

  it('only the kind of a transaction, for a sponsor to complete', async () => {
    const sponsor = new Ed25519Keypair()
    await chain.localnet.faucet(sponsor.toSuiAddress())
    const tx = new Transaction()
    tx.moveCall({ target: chain.target('public_entry'), arguments: [tx.pure.u64(1)] })
    const kind = await tx.build({ client: chain.client, onlyTransactionKind: true })
    const whole = Transaction.fromKind(kind)
    whole.setSender(chain.address)
    whole.setGasOwner(sponsor.toSuiAddress())
    const executed = await chain.submit(await whole.build({ client: chain.client }), chain.keypair, sponsor)
    assert.equal(executed.status.success, true)
  })
})
