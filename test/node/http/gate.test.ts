import assert from 'node:assert/strict'
import fc from 'fast-check'
import { createGate } from '../../../node/http/gate.ts'

const never = new AbortController().signal

describe('gateway: gate', () => {
  it('never admits more than its slots and bytes, and admits everyone in order', async () => {
    const weights = fc.array(fc.nat(150), { maxLength: 40 })
    await fc.assert(
      fc.asyncProperty(weights, fc.integer({ min: 1, max: 5 }), async (bytes, slots) => {
        const gate = createGate({ slots, capacityBytes: 100, maxWaiting: 100, waitMs: 10_000 })
        const held: { weight: number; leave: () => void }[] = []
        const admitted: number[] = []
        let peak = 0
        const all = bytes.map(async (size, i) => {
          const leave = await gate.enter(size, never)
          admitted.push(i)
          held.push({ weight: Math.min(size, 100), leave })
          peak = Math.max(peak, held.length)
          assert.ok(held.reduce((sum, { weight }) => sum + weight, 0) <= 100)
          assert.ok(held.length <= slots)
        })
        while (admitted.length < bytes.length) {
          await Promise.resolve()
          held.shift()?.leave()
        }
        await Promise.all(all)
        assert.deepEqual(
          admitted,
          bytes.map((_, i) => i),
        )
        assert.ok(bytes.length === 0 || peak >= 1)
      }),
    )
  })

  it('refuses at once when enough wait, later when it takes too long, and forgets those that leave', async () => {
    const gate = createGate({ slots: 1, capacityBytes: 1, maxWaiting: 2, waitMs: 30 })
    const leave = await gate.enter(1, never)
    const impatient = new AbortController()
    const gone = gate.enter(1, impatient.signal)
    const late = gate.enter(1, never)
    await assert.rejects(gate.enter(1, never), { status: 429 })
    impatient.abort(new Error('gone'))
    await assert.rejects(gone, /gone/)
    await assert.rejects(late, { status: 503 })
    const next = gate.enter(1, never)
    leave()
    leave() // a second time gives nothing back
    const leaveNext = await next
    await assert.rejects(gate.enter(1, never), { status: 503 })
    leaveNext()
    await assert.rejects(gate.enter(1, AbortSignal.abort(new Error('already'))), /already/)
  })
})
