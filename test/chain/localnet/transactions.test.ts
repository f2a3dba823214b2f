import assert from 'node:assert/strict'
import { bcs } from '@mysten/sui/bcs'
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519'
import { Secp256k1Keypair } from '@mysten/sui/keypairs/secp256k1'
import { MultiSigPublicKey } from '@mysten/sui/multisig'
import { Transaction } from '@mysten/sui/transactions'
import { toBase58 } from '@mysten/sui/utils'
import { hashAs } from '../../../chain/localnet/ledger/digest.ts'
import { created, TestChain } from './support/chain.ts'
import { samplePackage } from './support/packages.ts'

const Noted = bcs.struct('Noted', { n: bcs.u64(), sender: bcs.Address, sponsor: bcs.option(bcs.Address) })

describe('chain/localnet: which transactions are let in', function () {
  this.timeout(60_000)
  let chain: TestChain
  before(async () => {
    chain = await TestChain.start()
  })
  after(() => chain?.close())

  const coins = async (owner: string) =>
    (await chain.client.listCoins({ owner, coinType: '0x2::sui::SUI' })).objects.map(coin => ({
      objectId: coin.objectId,
      version: coin.version,
      digest: coin.digest,
      balance: BigInt(coin.balance),
    }))
  const send = (amount: number, to = '0x5') => {
    const tx = new Transaction()
    tx.transferObjects([tx.splitCoins(tx.gas, [amount])], to)
    return tx
  }
  const account = async () => {
    const keypair = new Ed25519Keypair()
    await chain.localnet.faucet(keypair.toSuiAddress())
    return keypair
  }
  const height = async () => (await chain.client.ledgerService.getServiceInfo({})).response.checkpointHeight!

  it('has the digests that Sui computes', async () => {
    const bytes = await chain.build(send(1))
    const executed = await chain.submit(bytes)
    assert.equal(executed.digest, toBase58(hashAs('TransactionData', bytes)))
    assert.equal(executed.digest, await Transaction.from(bytes).getDigest())
    const { response } = await chain.client.ledgerService.getTransaction({
      digest: executed.digest,
      readMask: { paths: ['effects'] },
    })
    const { bcs: effects, digest } = response.transaction!.effects!
    assert.equal(digest, toBase58(hashAs('TransactionEffects', effects!.value!)))
    assert.ok(bcs.TransactionEffects.parse(effects!.value!).V2)
  })

  it('executes a transaction once; sent again, also at the same time, it answers the same', async () => {
    const bytes = await chain.build(send(3, '0x33'))
    const before = await height()
    const results = await Promise.all([chain.submit(bytes), chain.submit(bytes), chain.submit(bytes)])
    const again = await chain.submit(bytes)
    for (const result of [...results, again]) assert.deepEqual(result.effects!.bcs, results[0].effects!.bcs)
    assert.equal(await height(), before + 1n)
    assert.equal((await chain.client.getBalance({ owner: '0x33' })).balance.balance, '3')
  })

  it('refuses an object in an old version, and the same object in two transactions', async () => {
    const thing = await chain.thing()
    const cheaper = (tx: Transaction) => {
      tx.setGasBudget(3_000_000)
      return tx
    }
    const use = () => {
      const tx = new Transaction()
      tx.moveCall({ target: chain.target('set'), arguments: [tx.object(thing), tx.pure.u64(1)] })
      return tx
    }
    const [first, second] = [await chain.build(use()), await chain.build(cheaper(use()))]
    await chain.submit(first)
    await assert.rejects(chain.submit(second), /unavailable for consumption, current version/)
  })

  it("refuses another's object", async () => {
    const thing = await chain.thing()
    const stranger = await account()
    const tx = new Transaction()
    tx.moveCall({ target: chain.target('set'), arguments: [tx.object(thing), tx.pure.u64(1)] })
    await assert.rejects(chain.run(tx, stranger), /is owned by account address/)
  })

  it("refuses a missing signature, another's, one of other bytes, and one too many", async () => {
    const bytes = await chain.build(send(1))
    const stranger = new Ed25519Keypair()
    const other = await chain.build(send(2))
    const own = (await chain.keypair.signTransaction(bytes)).signature
    const execute = (signatures: string[]) =>
      chain.client.core.executeTransaction({ transaction: bytes, signatures })
    await assert.rejects(execute([]), /1 signatures expected/)
    await assert.rejects(execute([(await stranger.signTransaction(bytes)).signature]), /not expected to sign/)
    await assert.rejects(execute([(await chain.keypair.signTransaction(other)).signature]), /does not verify/)
    await assert.rejects(
      execute([own, (await stranger.signTransaction(bytes)).signature]),
      /signatures expected/,
    )
    await chain.submit(bytes)
  })

  it('takes secp256k1 and multi-signature accounts', async () => {
    const a = new Ed25519Keypair()
    const b = new Secp256k1Keypair()
    const multi = MultiSigPublicKey.fromPublicKeys({
      threshold: 2,
      publicKeys: [
        { publicKey: a.getPublicKey(), weight: 1 },
        { publicKey: b.getPublicKey(), weight: 1 },
      ],
    })
    for (const owner of [b.toSuiAddress(), multi.toSuiAddress()]) await chain.localnet.faucet(owner)
    const single = await chain.build(send(1), b.toSuiAddress())
    await chain.client.core.executeTransaction({
      transaction: single,
      signatures: [(await b.signTransaction(single)).signature],
    })
    const bytes = await chain.build(send(1), multi.toSuiAddress())
    const parts = [(await a.signTransaction(bytes)).signature, (await b.signTransaction(bytes)).signature]
    const { Transaction: executed } = await chain.client.core.executeTransaction({
      transaction: bytes,
      signatures: [multi.combinePartialSignatures(parts)],
    })
    assert.ok(executed)
  })

  it('lets a sponsor pay, who has to sign too; Move code sees who it is', async () => {
    const sponsor = await account()
    const tx = new Transaction()
    tx.moveCall({ target: chain.target('public_entry'), arguments: [tx.pure.u64(1)] })
    tx.setGasOwner(sponsor.toSuiAddress())
    const bytes = await chain.build(tx)
    await assert.rejects(chain.submit(bytes, chain.keypair), /2 signatures expected/)
    const total = async () =>
      (await coins(sponsor.toSuiAddress())).reduce((sum, { balance }) => sum + balance, 0n)
    const before = await total()
    const executed = await chain.submit(bytes, chain.keypair, sponsor)
    assert.equal(before - (await total()), BigInt(executed.effects!.gasUsed.computationCost))
    const { sender, sponsor: seen } = Noted.parse(executed.events![0]!.bcs)
    assert.deepEqual([sender, seen], [chain.address, sponsor.toSuiAddress()])
    assert.deepEqual(
      executed.balanceChanges!.map(change => change.address),
      [sponsor.toSuiAddress()],
    )
  })

  it('charges the same for everything, also for what fails, and merges the gas coins', async () => {
    const keypair = await account()
    const owner = keypair.toSuiAddress()
    for (let i = 0; i < 2; i++) await chain.localnet.faucet(owner)
    const before = await coins(owner)
    assert.equal(before.length, 15)
    const tx = new Transaction()
    tx.moveCall({ target: chain.target('fail_with'), arguments: [tx.pure.u64(1)] })
    const executed = await chain.run(tx, keypair)
    assert.ok(executed.status.error)
    const after = await coins(owner)
    assert.equal(after.length, 1)
    assert.equal(after[0]!.balance, before.reduce((sum, coin) => sum + coin.balance, 0n) - 1_000_000n)
    const deleted = executed.effects!.changedObjects.filter(change => change.idOperation === 'Deleted')
    assert.equal(deleted.length, before.length - 1)
    assert.equal(executed.effects!.gasObject!.objectId, after[0]!.objectId)
  })

  describe('gas', () => {
    const withGas = async (
      change: (tx: Transaction, coin: { objectId: string; version: string; digest: string }) => void,
    ) => {
      const keypair = await account()
      const [coin] = await coins(keypair.toSuiAddress())
      const tx = new Transaction()
      tx.moveCall({ target: chain.target('nothing') })
      tx.setGasBudget(5_000_000)
      tx.setGasPrice(1000)
      tx.setGasPayment([coin!])
      change(tx, coin!)
      return chain.run(tx, keypair)
    }
    const cases: [string, RegExp, Parameters<typeof withGas>[0]][] = [
      ['a budget below the minimum', /is lower than min/, tx => tx.setGasBudget(999_999)],
      ['a budget above the maximum', /is higher than max/, tx => tx.setGasBudget(50_000_000_001n)],
      ['a price below the reference', /under reference gas price/, tx => tx.setGasPrice(999)],
      [
        'more budget than the coin holds',
        /Balance of gas object/,
        tx => tx.setGasBudget(49_000_000_000n * 1n),
      ],
      ['a coin twice', /Duplicate object reference/, (tx, coin) => tx.setGasPayment([coin, coin])],
      [
        'a coin that is an input too',
        /both an input and a gas payment/,
        (tx, coin) => tx.transferObjects([tx.objectRef({ ...coin })], '0x5'),
      ],
      [
        'an old version of the coin',
        /unavailable for consumption/,
        (tx, coin) => tx.setGasPayment([{ ...coin, version: '1' }]),
      ],
    ]
    for (const [name, error, change] of cases)
      it(`refuses ${name}`, async () => {
        if (name === 'more budget than the coin holds') {
          const poor = new Ed25519Keypair()
          await chain.ok(send(2_000_000, poor.toSuiAddress()))
          const tx = send(1)
          tx.setGasBudget(3_000_000)
          tx.setGasPayment(await coins(poor.toSuiAddress()))
          await assert.rejects(chain.run(tx, poor), error)
          return
        }
        await assert.rejects(withGas(change), error)
      })

    it('refuses what is no SUI coin', async () => {
      const thing = await chain.thing()
      const { object } = await chain.client.getObject({ objectId: thing })
      await assert.rejects(
        withGas(tx => tx.setGasPayment([object])),
        /not a SUI coin|not owned by the gas owner/,
      )
    })

    it('says so when an account has none', async () => {
      await assert.rejects(chain.run(send(1), new Ed25519Keypair()), /insufficient SUI balance/)
    })
  })

  it('looks at the expiration', async () => {
    const expiring = async (fill: (tx: Transaction) => void) => {
      const tx = send(1)
      fill(tx)
      return await chain.run(tx)
    }
    const chainId = chain.localnet.chainId
    const range = {
      minEpoch: null,
      maxEpoch: null,
      minTimestamp: null,
      maxTimestamp: null,
      chain: chainId,
      nonce: 1,
    }
    await expiring(tx => tx.setExpiration({ Epoch: 0 }))
    await expiring(tx => tx.setExpiration({ ValidDuring: { ...range, minEpoch: '0', maxEpoch: '1' } }))
    await assert.rejects(
      expiring(tx => tx.setExpiration({ ValidDuring: { ...range, maxTimestamp: '1000' } })),
      /Expired/,
    )
    await assert.rejects(
      expiring(tx => tx.setExpiration({ ValidDuring: { ...range, minEpoch: '3' } })),
      /not valid yet/,
    )
    await assert.rejects(
      expiring(tx => tx.setExpiration({ ValidDuring: { ...range, chain: toBase58(new Uint8Array(32)) } })),
      /for chain/,
    )
  })

  it('refuses bytes that are not the canonical form of a transaction', async () => {
    const bytes = await chain.build(send(1))
    await assert.rejects(chain.submit(Uint8Array.of(...bytes, 0)), /not the BCS of TransactionData/)
    await assert.rejects(chain.submit(bytes.subarray(0, -1)), /not the BCS of TransactionData/)
  })

  it('simulates without changing anything', async () => {
    const before = await height()
    const tx = new Transaction()
    tx.setSender(chain.address)
    tx.moveCall({ target: chain.target('two') })
    tx.moveCall({ target: chain.target('bump'), arguments: [tx.pure.u64(6)] })
    const made = tx.moveCall({ target: chain.target('thing'), arguments: [tx.pure.u64(1)] })
    tx.transferObjects([made], chain.address)
    const result = await chain.client.simulateTransaction({
      transaction: tx,
      include: { commandResults: true, effects: true, objectTypes: true },
    })
    assert.equal(result.$kind, 'Transaction')
    assert.deepEqual(
      result.commandResults![0]!.returnValues.map(({ bcs: bytes }) => bcs.u64().parse(bytes)),
      ['1', '2'],
    )
    assert.equal(await height(), before)
    await assert.rejects(
      chain.client.getObject({ objectId: created(result.Transaction!, '::things::Thing') }),
    )
  })

  it('simulates a publish, also of the same bytes at the same time, and forgets it', async () => {
    const tx = new Transaction()
    tx.setSender(chain.address)
    tx.transferObjects([tx.publish(await samplePackage('rules'))], chain.address)
    const bytes = await chain.build(tx)
    const simulate = () =>
      chain.client.simulateTransaction({
        transaction: bytes,
        include: { events: true, commandResults: true },
      })
    for (const result of await Promise.all([simulate(), simulate(), simulate()])) {
      assert.deepEqual(result.Transaction!.events![0]!.json, { is_witness: true })
      assert.equal(result.commandResults![0]!.returnValues.length, 1)
    }
    const executed = await chain.submit(bytes)
    assert.deepEqual(executed.events![0]!.json, { is_witness: true })
  })

  it('simulates any call on any object when checks are off', async () => {
    const thing = await chain.thing(31)
    const call = (checksEnabled: boolean) => {
      const tx = new Transaction()
      tx.setSender('0x99')
      tx.moveCall({ target: chain.target('hidden') })
      tx.moveCall({ target: chain.target('value'), arguments: [tx.object(thing)] })
      return chain.client.simulateTransaction({
        transaction: tx,
        checksEnabled,
        include: { commandResults: true },
      })
    }
    const result = await call(false)
    assert.equal(bcs.u64().parse(result.commandResults![1]!.returnValues[0]!.bcs), '31')
    await assert.rejects(call(true))
  })
})
