import assert from 'node:assert/strict'
import { createQuorumGate } from '../../../../node/client/upload/quorum-gate.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

describe('quorum gate', () => {
  const never = new AbortController().signal
  const settle = () => new Promise(resolve => setImmediate(resolve))
  let clock: VirtualClock
  beforeEach(() => {
    clock = new VirtualClock()
  })
  const gateOf = (quorumWeight: number) => createQuorumGate({ quorumWeight, holdMs: 300, clock })
  const ask = (gate: ReturnType<typeof createQuorumGate>, weights: number[]) => {
    const inside: number[] = []
    const admissions = weights.map(weight => gate.admission(weight))
    for (const [i, admission] of admissions.entries()) admission.wait(never).then(() => inside.push(i))
    return { inside, admissions }
  }

  it('lets in just enough weight, and the next when one gives up', async () => {
    const gate = gateOf(7)
    const { inside, admissions } = ask(gate, [3, 3, 3, 3, 3, 3])
    await settle()
    assert.deepEqual(inside, [0, 1, 2])
    admissions[3]!.withdraw()
    admissions[0]!.withdraw()
    admissions[0]!.withdraw()
    await settle()
    assert.deepEqual(inside, [0, 1, 2, 4])
    gate.open()
    await settle()
    assert.deepEqual(inside, [0, 1, 2, 4, 5])
    await admissions[5]!.wait(never)
  })

  it('opens by itself when those inside take too long', async () => {
    const { inside } = ask(gateOf(1), [1, 1, 1])
    await clock.advance(299)
    assert.deepEqual(inside, [0])
    await clock.advance(1)
    await settle()
    assert.deepEqual(inside, [0, 1, 2])
  })

  it('holds nobody back once open', async () => {
    const gate = gateOf(1)
    gate.open()
    await Promise.all([gate.admission(5).wait(never), gate.admission(5).wait(never)])
  })

  it('ends a wait with the reason of its signal', async () => {
    const gate = gateOf(1)
    const controller = new AbortController()
    await gate.admission(1).wait(never)
    const waiting = gate.admission(1).wait(controller.signal)
    controller.abort(new Error('enough'))
    await assert.rejects(waiting, /enough/)
    gate.open()
  })
})
