import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { startLimited } from '../../support/limited-process.ts'
import { ask, openSocket, put, readAll, reasonOf } from './support.ts'

describe('gateway: out of file descriptors', () => {
  it('says 503 instead of resetting connections, and recovers when there are some again', async () => {
    const { port, stop } = await startLimited(new URL('limited-gateway.ts', import.meta.url), 96)
    const url = `http://127.0.0.1:${port}`
    const open: Socket[] = []
    try {
      await put(url, 'before')
      // bodies under way: nothing that could be closed without anyone noticing
      const answers: Promise<string>[] = []
      for (let i = 0; i < 90; i++) {
        const socket = await openSocket(port)
        open.push(socket)
        answers.push(readAll(socket))
        const head = 'PUT /v1/blobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n'
        socket.write(`${head}Expect: 100-continue\r\n\r\n`)
      }
      await Promise.all(open.map(socket => (socket.bytesRead > 0 ? undefined : once(socket, 'data'))))
      const refused = await ask(`${url}/v1/health`)
      assert.deepEqual([refused.status, reasonOf(refused)], [503, 'BUSY'])
      const upload = await ask(`${url}/v1/blobs`, { method: 'PUT', body: Buffer.alloc(100_000) })
      assert.deepEqual([upload.status, upload.headers['retry-after']], [503, '1'])
      for (const socket of open) socket.destroy()
      for (const answer of await Promise.all(answers)) assert.match(answer, /^HTTP\/1\.1 (100|503) /)
      const untilMs = performance.now() + 10_000
      let status = 503
      while (status === 503 && performance.now() < untilMs) {
        status = (await ask(`${url}/v1/health`)).status
      }
      assert.equal(status, 200)
      await put(url, 'after')
    } finally {
      for (const socket of open) socket.destroy()
      await stop()
    }
  })
})
