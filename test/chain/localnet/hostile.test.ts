import assert from 'node:assert/strict'
import { GrpcTypes } from '@mysten/sui/grpc'
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519'
import { Transaction } from '@mysten/sui/transactions'
import { fromBase64 } from '@mysten/sui/utils'
import * as fc from 'fast-check'
import { systemClock } from '../../../base/clock.ts'
import { loadBuild } from '../../../chain/compiled.ts'
import { createFaucet } from '../../../chain/localnet/faucet.ts'
import { Health } from '../../../chain/localnet/health.ts'
import type { Ledger } from '../../../chain/localnet/ledger/ledger.ts'
import { openLedger } from '../../../chain/localnet/ledger/open.ts'
import { memoryStore } from '../../../chain/localnet/ledger/store/memory.ts'
import { verifyLedger } from '../../../chain/localnet/ledger/verify.ts'
import { Accounts } from '../../../chain/localnet/rpc/accounts.ts'
import { suiMethods } from '../../../chain/localnet/rpc/methods.ts'
import { toStatus } from '../../../chain/localnet/rpc/status.ts'

const store = memoryStore()

describe('chain/localnet: what strangers send', function () {
  this.timeout(60_000)
  let ledger: Ledger
  const keypair = new Ed25519Keypair()
  let coins: string[]
  before(async () => {
    ledger = await openLedger({ clock: systemClock, store, framework: loadBuild('framework').modules })
    coins = (await createFaucet(ledger).give(keypair.toSuiAddress())).coins.map(({ id }) => id)
  })
  after(() => ledger?.close())

  const refOf = (id: string) => {
    const { version, digest } = ledger.objects.get(id)!
    return { objectId: id, version: version.toString(), digest }
  }
  /** Pays out of one of the account's coins. */
  const pay = async (coin: string, amount: number) => {
    const tx = new Transaction()
    tx.setSender(keypair.toSuiAddress())
    tx.setGasPayment([refOf(coin)])
    tx.setGasPrice(1000)
    tx.setGasBudget(2_000_000)
    tx.transferObjects([tx.splitCoins(tx.gas, [amount])], '0xfeed')
    const bytes = await tx.build()
    return { bytes, signatures: [fromBase64((await keypair.signTransaction(bytes)).signature)] }
  }
  const received = () =>
    ledger.objects.balance(`0x${'feed'.padStart(64, '0')}`, `0x${'2'.padStart(64, '0')}::sui::SUI`).total

  it('of two transactions that spend one coin, one is executed, whichever comes first', async () => {
    const { height } = ledger
    for (let i = 0; i < 25; i++) {
      const coin = coins[i % coins.length]!
      const pair = await Promise.all([pay(coin, 1), pay(coin, 2)])
      const results = await Promise.allSettled(
        pair.map(({ bytes, signatures }) => ledger.execute(bytes, signatures)),
      )
      const refused = results.filter(result => result.status === 'rejected')
      assert.equal(refused.length, 1)
      assert.match(String(refused[0]!.reason), /unavailable for consumption/)
    }
    assert.equal(ledger.height - height, 25n)
  })

  it('a transaction that is sent again, at once and later, is executed once', async () => {
    const before = received()
    const { bytes, signatures } = await pay(coins[0]!, 3)
    const { height } = ledger
    const records = await Promise.all(Array.from({ length: 25 }, () => ledger.execute(bytes, signatures)))
    for (let i = 0; i < 25; i++) records.push(await ledger.execute(bytes, signatures))
    assert.equal(new Set(records.map(({ checkpoint }) => checkpoint)).size, 1)
    assert.deepEqual([received() - before, ledger.height - height], [3n, 1n])
  })

  it('a transaction that was changed on the way is refused, and changes nothing', async () => {
    const { bytes, signatures } = await pay(coins[1]!, 5)
    const { height } = ledger
    const mutation = fc.record({
      at: fc.nat(bytes.length - 1),
      change: fc.constantFrom('flip', 'cut', 'double', 'random'),
      value: fc.integer({ min: 1, max: 255 }),
      ofSignature: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(mutation, async ({ at, change, value, ofSignature }) => {
        const original = ofSignature ? signatures[0]! : bytes
        const place = at % original.length
        const mutated = Uint8Array.from(
          change === 'cut'
            ? original.subarray(0, place)
            : change === 'double'
              ? [...original.subarray(0, place), ...original.subarray(Math.max(0, place - 1))]
              : original.with(
                  place,
                  change === 'flip' ? original[place]! ^ value : (original[place]! + value) % 256,
                ),
        )
        if (Buffer.compare(mutated, original) === 0) return
        await assert.rejects(
          async () => (ofSignature ? ledger.execute(bytes, [mutated]) : ledger.execute(mutated, signatures)),
          { name: 'LedgerError' },
        )
      }),
      { numRuns: 400 },
    )
    assert.equal(ledger.height, height)
    await ledger.execute(bytes, signatures)
    assert.equal((await verifyLedger(store, 'the store')).height, ledger.height)
  })

  it('messages that are none of a method are answered by a status that is not ours', async () => {
    const methods = [...suiMethods(ledger, new Health())].filter(
      ([, { serverStreaming }]) => !serverStreaming,
    )
    const samples = [
      GrpcTypes.GetObjectRequest.toBinary({ objectId: coins[0]!, readMask: { paths: ['*'] } }),
      GrpcTypes.BatchGetObjectsRequest.toBinary({
        requests: [{ objectId: '0x2' }],
        readMask: { paths: ['bcs'] },
      }),
      GrpcTypes.ListOwnedObjectsRequest.toBinary({
        owner: '0xfeed',
        objectType: '0x2::coin::Coin',
        pageSize: 3,
      }),
      GrpcTypes.SimulateTransactionRequest.toBinary({
        transaction: { bcs: { value: (await pay(coins[2]!, 1)).bytes } },
        doGasSelection: true,
      }),
    ]
    const call = {
      signal: new AbortController().signal,
      account: new Accounts().of('127.0.0.2'),
      breathe: async () => undefined,
    }
    const statusOf = async (path: string, body: Uint8Array): Promise<string> => {
      const method = methods.find(([name]) => name === path)![1]
      try {
        for await (const _ of method.run([body] as never, call));
        return 'OK'
      } catch (error) {
        return toStatus(error).code
      }
    }
    const edit = fc.record({ sample: fc.constantFrom(...samples), at: fc.nat(), byte: fc.nat(255) })
    const body = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      edit.map(({ sample, at, byte }) => sample.with(at % sample.length, byte)),
      edit.map(({ sample, at }) => sample.subarray(0, at % sample.length)),
    )
    const { height } = ledger
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...methods.map(([path]) => path)), body, async (path, bytes) => {
        assert.notEqual(await statusOf(path, Uint8Array.from(bytes)), 'INTERNAL')
      }),
      { numRuns: 2520 },
    )
    assert.equal(ledger.height, height)
  })
})
