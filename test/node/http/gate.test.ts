import assert from 'node:assert/strict'
import fc from 'fast-check'
import { createGate, type Gate, type Permit } from '../../../node/http/gate.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const clock = new VirtualClock()
const never = new AbortController().signal
const enter = (gate: Gate, bytes: number, { address = 'a', signal = never } = {}) =>
  gate.enter({ bytes, address, signal })

describe('gateway: gate', () => {
  it('never admits more than its slots and bytes, and admits everyone in order', async () => {
    const weights = fc.array(fc.nat(150), { maxLength: 40 })
    await fc.assert(
      fc.asyncProperty(weights, fc.integer({ min: 1, max: 5 }), async (bytes, slots) => {
        const gate = createGate({ clock, slots, capacityBytes: 100, maxWaiting: 100, waitMs: 10_000 })
        const held: { weight: number; leave: () => void }[] = []
        const admitted: number[] = []
        let peak = 0
        const all = bytes.map(async (size, i) => {
          const { leave } = await enter(gate, size)
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
    const gate = createGate({ clock, slots: 1, capacityBytes: 1, maxWaiting: 2, waitMs: 30 })
    const { leave } = await enter(gate, 1)
    const impatient = new AbortController()
    const gone = enter(gate, 1, { signal: impatient.signal })
    const late = enter(gate, 1)
    await assert.rejects(enter(gate, 1), { status: 429 })
    impatient.abort(new Error('gone'))
    await assert.rejects(gone, /gone/)
    await Promise.all([assert.rejects(late, { status: 503 }), clock.advance(30)])
    const next = enter(gate, 1)
    leave()
    leave() // a second time gives nothing back
    const { leave: leaveNext } = await next
    await Promise.all([assert.rejects(enter(gate, 1), { status: 503 }), clock.advance(30)])
    leaveNext()
    await assert.rejects(enter(gate, 1, { signal: AbortSignal.abort(new Error('already')) }), /already/)
  })

  it('gives the next place to the address that has the fewest, and leaves a quarter to others', async () => {
    const gate = createGate({ clock, slots: 4, capacityBytes: 100, maxWaiting: 10, waitMs: 10_000 })
    const order: string[] = []
    const come = async (address: string) => {
      const place = await enter(gate, 1, { address })
      order.push(address)
      return place
    }
    const many = Array.from({ length: 6 }, () => come('many'))
    const [one, two] = [come('one'), come('two')]
    const first = await many[0]!
    await one
    assert.deepEqual(order, ['many', 'many', 'many', 'one'])
    first.leave()
    await two
    ;(await one).leave()
    await many[3]
    assert.deepEqual(order, ['many', 'many', 'many', 'one', 'two', 'many'])
    ;(await two).leave()
    assert.equal(order.length, 6, 'three places are all that one address gets')
    ;(await many[1]!).leave()
    await many[4]
  })

  it('lets one wait that has fewer waiting, instead of the newest of those with most', async () => {
    const gate = createGate({ clock, slots: 1, capacityBytes: 1, maxWaiting: 3, waitMs: 10_000 })
    const { leave } = await enter(gate, 1)
    const [first, second, third] = [enter(gate, 1), enter(gate, 1), enter(gate, 1)]
    const other = enter(gate, 1, { address: 'b' })
    await assert.rejects(third, { status: 429 })
    // now b has one of three waiting: another of b would only take the turn of its own kind
    await assert.rejects(enter(gate, 1, { address: 'b' }), { status: 429 })
    leave()
    for (const waiting of [first, second, other]) (await waiting).leave()
  })

  it('gives a slot back while bytes are kept, and changes what is held', async () => {
    const gate = createGate({ clock, slots: 1, capacityBytes: 10, maxWaiting: 3, waitMs: 30 })
    const resting = await enter(gate, 6)
    resting.rest()
    const small = await enter(gate, 4)
    assert.throws(() => small.resize(5), { status: 503 })
    small.leave()
    await Promise.all([assert.rejects(enter(gate, 5), { status: 503 }), clock.advance(30)])
    resting.resize(5)
    const next = await enter(gate, 5)
    next.leave()
    resting.leave()
    resting.leave()
    ;(await enter(gate, 10)).leave()
  })

  it('makes room for those who wait, and for those who grow before them', async () => {
    const asked: number[] = []
    const leaving: (() => void)[] = []
    const makeRoom = (bytes: number) => {
      asked.push(bytes)
      leaving.shift()?.()
    }
    const gate = createGate({ clock, slots: 4, capacityBytes: 10, maxWaiting: 3, waitMs: 10_000, makeRoom })
    const slow = await enter(gate, 8)
    leaving.push(slow.leave)
    const next = await enter(gate, 4)
    assert.deepEqual(asked, [2])
    const other = await enter(gate, 6)
    leaving.push(other.leave)
    next.resize(9)
    assert.deepEqual(asked, [2, 5])
    next.leave()
  })

  it('gives nothing to one who had to leave to make room for itself, and its place to the next', async () => {
    const leaving: Permit[] = []
    const makeRoom = () => leaving.shift()?.leave()
    const gate = createGate({ clock, slots: 4, capacityBytes: 10, maxWaiting: 3, waitMs: 30, makeRoom })
    const slow = await enter(gate, 6)
    const other = await enter(gate, 4)
    const next = enter(gate, 6)
    leaving.push(slow)
    assert.throws(() => slow.resize(7), { status: 503 })
    ;(await next).leave()
    other.leave()
    ;(await enter(gate, 10)).leave()
  })

  it('makes room among the places of an address that has all that it may have', async () => {
    const asked: unknown[] = []
    const leaving: (() => void)[] = []
    const makeRoom = (...args: unknown[]) => {
      asked.push(args)
      leaving.shift()?.()
    }
    const gate = createGate({ clock, slots: 4, capacityBytes: 10, maxWaiting: 3, waitMs: 10_000, makeRoom })
    for (let i = 0; i < 3; i++) leaving.push((await enter(gate, 1)).leave)
    await enter(gate, 1)
    assert.deepEqual(asked, [[0, 'a']])
  })
})
