import assert from 'node:assert/strict'
import { createQuorumGate } from '../../../../node/client/upload/quorum-gate.ts'

describe('quorum gate', () => {
  const never = new AbortController().signal
  const settle = () => new Promise(resolve => setImmediate(resolve))
  const ask = (gate: ReturnType<typeof createQuorumGate>, weights: number[]) => {
    const inside: number[] = []
    const turns = weights.map(weight => gate.turn(weight))
    for (const [i, turn] of turns.entries()) turn.come(never).then(() => inside.push(i))
    return { inside, turns }
  }

  it('lets in just enough weight, and the next when one gives up', async () => {
    const gate = createQuorumGate(7, 10_000)
    const { inside, turns } = ask(gate, [3, 3, 3, 3, 3, 3])
    await settle()
    assert.deepEqual(inside, [0, 1, 2])
    turns[3]!.giveUp()
    turns[0]!.giveUp()
    turns[0]!.giveUp()
    await settle()
    assert.deepEqual(inside, [0, 1, 2, 4])
    gate.open()
    await settle()
    assert.deepEqual(inside, [0, 1, 2, 4, 5])
    await turns[5]!.come(never)
  })

  it('opens by itself when those inside take too long', async () => {
    const { inside } = ask(createQuorumGate(1, 5), [1, 1, 1])
    await new Promise(resolve => setTimeout(resolve, 50))
    assert.deepEqual(inside, [0, 1, 2])
  })

  it('holds nobody back once open', async () => {
    const gate = createQuorumGate(1, 10_000)
    gate.open()
    await Promise.all([gate.turn(5).come(never), gate.turn(5).come(never)])
  })

  it('ends a wait with the reason of its signal', async () => {
    const gate = createQuorumGate(1, 10_000)
    const controller = new AbortController()
    await gate.turn(1).come(never)
    const waiting = gate.turn(1).come(controller.signal)
    controller.abort(new Error('enough'))
    await assert.rejects(waiting, /enough/)
    gate.open()
  })
})
