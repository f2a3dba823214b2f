import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { thisMachine } from '../../../base/processes.ts'
import { createRecords } from '../../../base/records.ts'
import { Claims } from '../../../node/gateway/claims.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

describe('gateway: claims', () => {
  const begin = () => {
    const clock = new VirtualClock()
    const records = createRecords({ limit: 10, clock })
    const held = (owner: string) => records.add('claim what', owner, clock.now() + 30_000)
    return { clock, records, held, claims: new Claims({ records, clock }) }
  }

  it('are had by one at a time', async () => {
    const { claims } = begin()
    const both = await Promise.all([claims.take('what'), claims.take('what')])
    const [claim] = both.filter(one => one !== undefined)
    assert.equal(both.filter(one => one === undefined).length, 1)
    await claim?.[Symbol.asyncDispose]()
    await using again = await claims.take('what')
    assert.ok(again)
  })

  it('of a living process are its own, and are kept while it works', async () => {
    const { claims, held, records, clock } = begin()
    await held(`${thisMachine()}-${process.ppid}-0`)
    assert.equal(await claims.take('what'), undefined)
    await using claim = await claims.take('other')
    assert.ok(claim)
    await clock.advance(120_000)
    assert.ok(await records.get('claim other'))
  })

  it('are lost by a process that stood still while another took over, and left to that', async () => {
    const { claims, records, clock } = begin()
    await using claim = await claims.take('what')
    await using unwanted = await claims.take('unwanted')
    assert.ok(claim && unwanted)
    assert.equal(await claim.isHeld(), true)
    // as their time is over for who comes meanwhile
    await records.delete('claim what')
    await records.delete('claim unwanted')
    const other = 'elsewhere-1-0'
    assert.ok(await records.add('claim what', other, clock.now() + 100_000))
    assert.deepEqual([await claim.isHeld(), await unwanted.isHeld()], [false, true])
    await clock.advance(60_000)
    assert.equal(await records.get('claim what'), other)
    await claim[Symbol.asyncDispose]()
    assert.equal(await records.get('claim what'), other)
  })

  it('of a process that is gone are taken over: of this machine at once, of another after a while', async () => {
    const gone = spawnSync(process.execPath, ['--version']).pid
    for (const [owner, waits] of [
      [`${thisMachine()}-${gone}-0`, false],
      [`${thisMachine()}-${process.pid}-0`, false],
      [`elsewhere-${gone}-0`, true],
    ] as const) {
      const { claims, held, clock } = begin()
      await held(owner)
      if (waits) {
        assert.equal(await claims.take('what'), undefined)
        await clock.advance(30_000)
      }
      await using claim = await claims.take('what')
      assert.ok(claim, owner)
    }
  })
})
