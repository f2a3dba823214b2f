import assert from 'node:assert/strict'
import { WalletQueue } from '../../../chain/client/queue.ts'
import { ChainError, isChainError } from '../../../chain/errors.ts'
import { parseObjectId } from '../../../codec/index.ts'

const owner = parseObjectId('0x1')

describe('chain/client/queue', () => {
  let closed: AbortController
  let queue: WalletQueue
  beforeEach(() => {
    closed = new AbortController()
    queue = new WalletQueue(owner, closed.signal)
  })
  const run = async <T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T> => {
    const place = await queue.take(signal)
    try {
      return await task()
    } finally {
      place.release()
    }
  }

  it('runs one task at a time, in order, and goes on after a failure', async () => {
    const log: string[] = []
    const task = (name: string, fails = false) =>
      run(async () => {
        log.push(`${name} starts`)
        await new Promise(resolve => setImmediate(resolve))
        log.push(`${name} ends`)
        if (fails) throw new Error(name)
        return name
      })
    const results = await Promise.allSettled([task('a'), task('b', true), task('c')])
    assert.deepEqual(
      results.map(r => r.status),
      ['fulfilled', 'rejected', 'fulfilled'],
    )
    assert.deepEqual(log, ['a starts', 'a ends', 'b starts', 'b ends', 'c starts', 'c ends'])
  })

  it('lets who waits leave the line, and keeps the order of the others', async () => {
    const gate = Promise.withResolvers<void>()
    const controller = new AbortController()
    const first = run(() => gate.promise)
    let ran = false
    const second = run(async () => {
      ran = true
    }, controller.signal)
    const order: number[] = []
    const third = run(async () => void order.push(3))
    const reason = new Error('no more patience')
    controller.abort(reason)
    await assert.rejects(second, reason)
    assert.deepEqual(order, [])
    gate.resolve()
    await Promise.all([first, third])
    assert.deepEqual(order, [3])
    assert.equal(ran, false)
  })

  it('is bounded', async () => {
    const gate = Promise.withResolvers<void>()
    const tasks = [run(() => gate.promise)]
    await new Promise(resolve => setImmediate(resolve))
    let full: unknown
    for (let i = 0; i < 1000 && !full; i++) {
      const task = run(async () => {})
      tasks.push(task)
      await Promise.race([task, new Promise(resolve => setImmediate(resolve))]).catch(error => {
        full = error
        tasks.pop()
      })
    }
    assert.ok(isChainError(full, 'QUEUE_FULL'))
    assert.equal(full.details.owner, owner)
    gate.resolve()
    await Promise.all(tasks)
  })

  it('sends everybody home when the coordinator is closed', async () => {
    const gate = Promise.withResolvers<void>()
    const first = run(() => gate.promise)
    const second = run(async () => {})
    await new Promise(resolve => setImmediate(resolve))
    closed.abort(new ChainError('CLOSED', 'closed', {}))
    await assert.rejects(second, error => isChainError(error, 'CLOSED'))
    gate.resolve()
    await first
  })
})
