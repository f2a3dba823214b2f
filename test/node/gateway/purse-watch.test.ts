import assert from 'node:assert/strict'
import type { Log } from '../../../base/log.ts'
import { silentLog } from '../../../base/log.ts'
import { parseObjectId } from '../../../codec/index.ts'
import { PurseWatch } from '../../../node/gateway/purse-watch.ts'
import { createMetrics } from '../../../node/metrics.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

describe("gateway: the wallet's balances", () => {
  it('are metrics, and told once when they are low, and again when they are low again', async () => {
    const clock = new VirtualClock()
    const metrics = createMetrics({ version: 'test' })
    const warned: unknown[] = []
    const log: Log = { ...silentLog(), warn: (fields: object) => void warned.push(fields) }
    let balances = { sui: 5_000_000_000n, wal: 99_000_000n }
    let asked = Promise.withResolvers<void>()
    let answers = true
    const chain = {
      async balances() {
        asked.resolve()
        if (!answers) throw new Error('no RPC answers')
        return balances
      },
    }
    const address = parseObjectId('0xa11ce')
    const watch = new PurseWatch({ purse: { address, chain }, metrics, log, clock })
    const nextLook = async () => {
      asked = Promise.withResolvers()
      await clock.advance(60_000)
      await asked.promise
      // what was answered is told in the microtasks that follow
      await new Promise(setImmediate)
    }
    watch.start()
    await asked.promise
    await new Promise(setImmediate)
    const low = { address, coin: 'WAL', balance: '0.099' }
    assert.deepEqual(warned, [low])
    assert.match(
      await metrics.text(),
      /floe_wallet_balance\{wallet="main",coin="SUI"\} 5\nfloe_wallet_balance\{wallet="main",coin="WAL"\} 0\.099/,
    )
    await nextLook()
    assert.equal(warned.length, 1)
    answers = false
    await nextLook()
    answers = true
    balances = { ...balances, wal: 1_000_000_000n }
    await nextLook()
    balances = { ...balances, wal: 99_000_000n }
    await nextLook()
    assert.deepEqual(warned, [low, low])
    await watch.stop()
  })
})
