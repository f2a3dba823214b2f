import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { ask, openSocket } from '../../../support/http.ts'
import { startLimited } from '../../../support/limited-process.ts'

describe('chain/localnet/server: out of file descriptors', function () {
  this.timeout(60_000)

  it('keeps some for itself, refuses the connections of a burst, and answers again', async () => {
    const { port, lines, stop } = await startLimited(new URL('limited-localnet.ts', import.meta.url), 96)
    const open: Socket[] = []
    const faucet = () =>
      ask(`http://127.0.0.1:${port}/v2/gas`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: Buffer.from(JSON.stringify({ FixedAmountRequest: { recipient: '0xa1' } })),
      })
    let code: number | null = null
    try {
      const closed: Promise<void>[] = []
      for (let i = 0; i < 120; i++) {
        const socket = await openSocket(port)
        closed.push(new Promise(resolve => socket.once('close', () => resolve())))
        open.push(socket.resume())
      }
      // more than there is room for: some are closed
      await Promise.race(closed)
      const untilMs = performance.now() + 10_000
      let status: number | undefined
      while (status === undefined && performance.now() < untilMs) {
        status = (await faucet().catch(() => undefined))?.status
      }
      assert.equal(status, 201)
    } finally {
      for (const socket of open) socket.destroy()
      code = await stop()
    }
    assert.deepEqual([code, [...new Set(lines)]], [0, ['files']])
  })
})
