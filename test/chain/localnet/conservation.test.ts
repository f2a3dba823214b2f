import assert from 'node:assert/strict'
import { bcs } from '@mysten/sui/bcs'
import { toBase64 } from '@mysten/sui/utils'
import * as fc from 'fast-check'
import { systemClock } from '../../../base/clock.ts'
import { loadBuild } from '../../../chain/compiled.ts'
import { digestAs } from '../../../chain/localnet/ledger/digest.ts'
import { LedgerError } from '../../../chain/localnet/ledger/errors.ts'
import { reservationRef } from '../../../chain/localnet/ledger/funds.ts'
import { FAUCET_ADDRESS } from '../../../chain/localnet/ledger/genesis.ts'
import type { Ledger } from '../../../chain/localnet/ledger/ledger.ts'
import {
  coinBalance,
  type LedgerObject,
  type MoveObject,
  objectToBcs,
  SUI_COIN_TYPE,
  SUI_TYPE,
} from '../../../chain/localnet/ledger/object.ts'
import { openLedger } from '../../../chain/localnet/ledger/open.ts'
import { memoryStore } from '../../../chain/localnet/ledger/store/memory.ts'

const pure = (bytes: Uint8Array) => ({ Pure: { bytes: toBase64(bytes) } })
const refOf = ({ id, version, digest }: MoveObject) => ({ objectId: id, version: version.toString(), digest })
const cost = 1_000_000n

const coinsOf = (ledger: Ledger): MoveObject[] =>
  [...ledger.objects.all()].filter(
    (object): object is MoveObject => object.kind === 'move' && object.type === SUI_COIN_TYPE,
  )
const supply = (ledger: Ledger): bigint =>
  coinsOf(ledger).reduce((sum, { contents }) => sum + coinBalance(contents), 0n)

const step = fc.record({
  /** what to split off the gas, as shares of its balance in thousandths; above 1000 it fails */
  splits: fc.array(fc.nat(1200), { minLength: 1, maxLength: 3 }),
  /** coins to merge into the gas */
  merged: fc.nat(2),
  recipient: fc.constantFrom(FAUCET_ADDRESS, `0x${'5'.padStart(64, '0')}`),
  /** use an object as it was before its last change */
  isStale: fc.boolean(),
})

describe('chain/localnet: whatever is executed', function () {
  this.timeout(60_000)
  const framework = loadBuild('framework').modules

  it('keeps every MIST, every digest, and all of it on disk', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async steps => {
        const store = memoryStore()
        const ledger = await openLedger({ clock: systemClock, store, framework })
        const total = supply(ledger)
        let executed = 0n
        let old: MoveObject | undefined
        for (const { splits, merged, recipient, isStale } of steps) {
          const own = ledger.objects.ownedBy(FAUCET_ADDRESS, { limit: 100, type: SUI_COIN_TYPE }).items
          const [gas, ...others] = own.toSorted((a, b) =>
            coinBalance(a.contents) > coinBalance(b.contents) ? -1 : 1,
          )
          if (!gas || coinBalance(gas.contents) < 10n * cost) break
          const spendable = coinBalance(gas.contents) - 10n * cost
          const sources = others.slice(0, merged)
          const before = coinsOf(ledger).map(coin => coin.digest)
          const run = ledger.executeAsFaucet(() => ({
            V1: {
              kind: {
                ProgrammableTransaction: {
                  inputs: [
                    pure(bcs.Address.serialize(recipient).toBytes()),
                    ...splits.map(share =>
                      pure(
                        bcs
                          .u64()
                          .serialize((spendable * BigInt(share)) / 3000n)
                          .toBytes(),
                      ),
                    ),
                    ...sources.map(coin => ({ Object: { ImmOrOwnedObject: refOf(coin) } })),
                  ],
                  commands: [
                    {
                      SplitCoins: {
                        coin: { GasCoin: true },
                        amounts: splits.map((_, i) => ({ Input: i + 1 })),
                      },
                    },
                    {
                      TransferObjects: {
                        objects: splits.map((_, i) => ({ NestedResult: [0, i] as [number, number] })),
                        address: { Input: 0 },
                      },
                    },
                    ...(sources.length > 0
                      ? [
                          {
                            MergeCoins: {
                              destination: { GasCoin: true as const },
                              sources: sources.map((_, i) => ({ Input: splits.length + 1 + i })),
                            },
                          },
                        ]
                      : []),
                  ] as never,
                },
              },
              sender: FAUCET_ADDRESS,
              gasData: {
                payment: [refOf(isStale && old ? old : gas)],
                owner: FAUCET_ADDRESS,
                price: '1000',
                budget: '3000000',
              },
              expiration: { None: true },
            },
          }))
          if (isStale && old && old.version !== ledger.objects.get(old.id)?.version) {
            await assert.rejects(run, LedgerError)
            assert.deepEqual(
              coinsOf(ledger).map(coin => coin.digest),
              before,
            )
          } else {
            await run
            executed++
            old = gas
          }
        }
        assert.equal(supply(ledger), total - executed * cost)
        assert.equal(ledger.height, executed)
        const again = await openLedger({ clock: systemClock, store, framework })
        const byId = (from: Ledger) =>
          new Map<string, LedgerObject>([...from.objects.all()].map(o => [o.id, o]))
        assert.deepEqual(byId(again), byId(ledger))
        for (const object of again.objects.all())
          assert.equal(digestAs('Object', objectToBcs(object)), object.digest)
        assert.equal(again.height, ledger.height)
      }),
      { numRuns: 25 },
    )
  })

  it('keeps every MIST of coins and address balances together', async () => {
    const other = `0x${'5'.padStart(64, '0')}`
    const share = fc.nat(1100)
    const mixed = fc.record({
      payment: fc.subarray(['coin', 'funds'] as const),
      isFundsFirst: fc.boolean(),
      sent: fc.option(fc.record({ share, to: fc.constantFrom(FAUCET_ADDRESS, other) })),
      withdrawn: fc.option(fc.record({ share, isFunds: fc.boolean() })),
      gasGoesTo: fc.option(fc.constantFrom(FAUCET_ADDRESS, other), { freq: 4 }),
      isFailing: fc.boolean(),
    })
    const fundsOf = (ledger: Ledger) =>
      [FAUCET_ADDRESS, other].reduce((sum, owner) => sum + ledger.objects.balance(owner, SUI_TYPE).funds, 0n)
    let kinds = 0
    await fc.assert(
      fc.asyncProperty(fc.array(mixed, { minLength: 3, maxLength: 10 }), async steps => {
        const ledger = await openLedger({ clock: systemClock, store: memoryStore(), framework })
        const total = supply(ledger) + fundsOf(ledger)
        const { chainId } = ledger.identity
        let executed = 0n
        for (const [
          nonce,
          { payment, isFundsFirst, sent, withdrawn, gasGoesTo, isFailing },
        ] of steps.entries()) {
          const [coin] = ledger.objects
            .ownedBy(FAUCET_ADDRESS, { limit: 100, type: SUI_COIN_TYPE })
            .items.toSorted((a, b) => (coinBalance(a.contents) > coinBalance(b.contents) ? -1 : 1))
          const free = ledger.objects.balance(FAUCET_ADDRESS, SUI_TYPE).funds
          const part = (whole: bigint, share: number) => (whole * BigInt(share)) / 2000n
          const amount = withdrawn ? part(free, withdrawn.share) : 0n
          const reserved = { amount: (free - amount) / 2n, epoch: 0n }
          const gas = [
            ...(payment.includes('coin') && coin ? [refOf(coin)] : []),
            ...(payment.includes('funds')
              ? [reservationRef(FAUCET_ADDRESS, SUI_TYPE, chainId, reserved)]
              : []),
          ]
          if (isFundsFirst) gas.reverse()
          const inputs: object[] = []
          const input = (value: object) => ({ Input: inputs.push(value) - 1 })
          const address = (to: string) => input(pure(bcs.Address.serialize(to).toBytes()))
          const u64 = (value: bigint) => input(pure(bcs.u64().serialize(value).toBytes()))
          const commands: object[] = []
          const call = (fn: string, args: object[]) =>
            commands.push({
              MoveCall: {
                package: '0x2',
                module: 'coin',
                function: fn,
                typeArguments: [SUI_TYPE],
                arguments: args,
              },
            }) - 1
          if (withdrawn) {
            const limit = {
              FundsWithdrawal: {
                reservation: { MaxAmountU64: amount.toString() },
                typeArg: { Balance: SUI_TYPE },
                withdrawFrom: { Sender: true },
              },
            }
            const Result = call('redeem_funds', [input(limit)])
            if (withdrawn.isFunds) call('send_funds', [{ Result }, address(other)])
            else commands.push({ TransferObjects: { objects: [{ Result }], address: address(other) } })
          }
          if (sent && gas.length > 0) {
            const whole = part(coin ? coinBalance(coin.contents) : reserved.amount, sent.share)
            const Result =
              commands.push({ SplitCoins: { coin: { GasCoin: true }, amounts: [u64(whole)] } }) - 1
            call('send_funds', [{ NestedResult: [Result, 0] }, address(sent.to)])
          }
          if (gasGoesTo && gas.length > 0)
            commands.push({ TransferObjects: { objects: [{ GasCoin: true }], address: address(gasGoesTo) } })
          if (isFailing) call('destroy_zero', [{ Result: 60_000 }])
          try {
            const { balanceChanges } = await ledger.executeAsFaucet(() => ({
              V1: {
                kind: { ProgrammableTransaction: { inputs, commands } as never },
                sender: FAUCET_ADDRESS,
                gasData: { payment: gas, owner: FAUCET_ADDRESS, price: '1000', budget: '3000000' },
                expiration: {
                  ValidDuring: {
                    minEpoch: '0',
                    maxEpoch: '1',
                    minTimestamp: null,
                    maxTimestamp: null,
                    chain: chainId,
                    nonce,
                  },
                },
              },
            }))
            executed++
            kinds |= 1 << (payment.length * 2 + Number(isFundsFirst))
            assert.equal(
              balanceChanges.reduce((sum, change) => sum + change.amount, 0n),
              -cost,
            )
          } catch (error) {
            assert.ok(error instanceof LedgerError, String(error))
          }
          assert.equal(supply(ledger) + fundsOf(ledger), total - executed * cost)
          assert.ok(fundsOf(ledger) >= 0n)
        }
      }),
      { numRuns: 40 },
    )
    assert.equal(kinds, 0b111111, 'every kind of payment was executed')
  })
})
