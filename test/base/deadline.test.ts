import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Worker } from 'node:worker_threads'
import { Countdown, deadline } from '../../base/deadline.ts'
import { blockLoop } from '../support/block-loop.ts'

/** Echoes from a thread of its own: what it sends arrives while this one stands still. */
const ECHO = `
  const { createServer } = require('node:net')
  const { parentPort } = require('node:worker_threads')
  const server = createServer(socket => socket.on('error', () => {}).pipe(socket))
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))
`

describe('deadline', () => {
  it('hears what arrived while this process stood still', async () => {
    const echo = new Worker(ECHO, { eval: true })
    let socket: Socket | undefined
    try {
      const [port] = await once(echo, 'message')
      socket = connect(port, '127.0.0.1')
      await once(socket, 'connect')
      using limit = deadline(300)
      const answer = once(socket, 'data', { signal: limit.signal })
      socket.write('hello')
      blockLoop(1_000)
      assert.equal(String((await answer)[0]), 'hello')
      assert.equal(limit.expired, false)
    } finally {
      socket?.destroy()
      await echo.terminate()
    }
  })

  it('ends when nothing comes, and once only', async () => {
    using limit = deadline(40)
    await once(limit.signal, 'abort')
    assert.ok(limit.expired)
    assert.equal(limit.signal.reason.name, 'TimeoutError')
    const reason = new Error('too late')
    using other = deadline(40, [], () => reason)
    await once(other.signal, 'abort')
    assert.equal(other.signal.reason, reason)
  })

  it('ends in a process that stands still again and again', async () => {
    const ended = Promise.withResolvers<void>()
    const countdown = new Countdown(20, ended.resolve)
    const busy = setInterval(() => blockLoop(80), 1)
    try {
      await ended.promise
    } finally {
      clearInterval(busy)
      countdown.stop()
    }
  })

  it('ends with the reason of a signal that it was given, at once', () => {
    const reason = new Error('enough')
    using limit = deadline(60_000, [undefined, AbortSignal.abort(reason)])
    assert.equal(limit.signal.reason, reason)
    assert.equal(limit.expired, false)
  })

  it('counts from the beginning when restarted, and not at all when stopped', async () => {
    const ended: string[] = []
    const stopped = new Countdown(20, () => ended.push('stopped'))
    stopped.stop()
    const last = Promise.withResolvers<void>()
    const restarted = new Countdown(30, () => {
      ended.push('restarted')
      last.resolve()
    })
    const again = setInterval(() => restarted.restart(), 5)
    const longer = new Countdown(60, () => {
      ended.push('longer')
      clearInterval(again)
    })
    longer.restart()
    await last.promise
    assert.deepEqual(ended, ['longer', 'restarted'])
  })
})
