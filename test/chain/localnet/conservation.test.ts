import assert from 'node:assert/strict'
import { bcs } from '@mysten/sui/bcs'
import { toBase64 } from '@mysten/sui/utils'
import * as fc from 'fast-check'
import { loadBuild } from '../../../chain/build.ts'
import { digestAs } from '../../../chain/localnet/ledger/digest.ts'
import { LedgerError } from '../../../chain/localnet/ledger/errors.ts'
import { FAUCET_ADDRESS } from '../../../chain/localnet/ledger/genesis.ts'
import type { Ledger } from '../../../chain/localnet/ledger/ledger.ts'
import {
  coinBalance,
  type LedgerObject,
  type MoveObject,
  objectToBcs,
  suiCoinType,
} from '../../../chain/localnet/ledger/object.ts'
import { openLedger } from '../../../chain/localnet/ledger/open.ts'
import { memoryStore } from '../../../chain/localnet/ledger/store/memory.ts'

const pure = (bytes: Uint8Array) => ({ Pure: { bytes: toBase64(bytes) } })
const refOf = ({ id, version, digest }: MoveObject) => ({ objectId: id, version: version.toString(), digest })
const cost = 1_000_000n

const coinsOf = (ledger: Ledger): MoveObject[] =>
  [...ledger.objects.all()].filter(
    (object): object is MoveObject => object.kind === 'move' && object.type === suiCoinType,
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
        const ledger = await openLedger({ store, framework })
        const total = supply(ledger)
        let executed = 0n
        let old: MoveObject | undefined
        for (const { splits, merged, recipient, isStale } of steps) {
          const own = ledger.objects.ownedBy(FAUCET_ADDRESS, { limit: 100, type: suiCoinType }).items
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
        const again = await openLedger({ store, framework })
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
})
