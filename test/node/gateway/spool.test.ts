import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../../base/clock.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { ask, gatewayFactory, jsonOf, openSocket, readAll, reasonOf } from './support.ts'

const KIB = 1024

describe('gateway: large bodies', () => {
  const { start: startOne, stopAll } = gatewayFactory()
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  beforeEach(async () => {
    folder = await temporaryFolder()
  })
  afterEach(async () => {
    await stopAll()
    await folder.remove()
  })
  const scratch = () => join(folder.path, 'scratch')
  const files = () => readdir(scratch()).catch(() => [])
  /** A moment after the answer; the test's own limit ends the wait. */
  const untilGone = async () => {
    while ((await files()).length > 0) await new Promise(resolve => setImmediate(resolve))
  }
  const start = (limits = {}, clock = systemClock) =>
    startOne({ clock, scratch: { folder: scratch() }, limits: { spoolAboveBytes: 100 * KIB, ...limits } })
  const put = (url: string, body: Uint8Array, headers = {}) =>
    ask(`${url}/v1/blobs`, { method: 'PUT', body: Buffer.from(body), headers })

  it('go through a file, whether they say how long they are or not, and leave none behind', async () => {
    for (const form of ['declared', 'chunked'] as const) {
      for (const [size, spooled] of [
        [100 * KIB, 0],
        [100 * KIB + 1, 1],
        [3 * KIB * KIB, 1],
      ]) {
        const { url, port, client } = await start()
        const release = client.hold('store')
        const bytes = randomBytes(size!)
        const answer =
          form === 'declared' ? put(url, bytes).then(jsonOf) : putChunked(port, bytes).then(JSON.parse)
        await client.begun('store', 1)
        assert.equal((await files()).length, spooled, `${form} ${size}`)
        release()
        const { blobId } = (await answer).newlyCreated.blobObject
        assert.ok(bytes.equals(client.blobs.get(blobId) ?? Buffer.alloc(0)), `${form} ${size}`)
        await untilGone()
        await stopAll()
      }
    }
  })

  async function putChunked(port: number, bytes: Uint8Array): Promise<string> {
    const socket = await openSocket(port)
    const received = readAll(socket)
    socket.write(
      'PUT /v1/blobs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n',
    )
    for (let at = 0; at < bytes.length; at += 50_000) {
      const piece = bytes.subarray(at, at + 50_000)
      socket.write(`${piece.length.toString(16)}\r\n`)
      socket.write(piece)
      socket.write('\r\n')
    }
    socket.write('0\r\n\r\n')
    const text = String(await received)
    return text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1)
  }

  it('leave nothing behind when they break off or are not what they should be', async () => {
    const { url, port, client } = await start()
    const wrong = await put(url, randomBytes(300 * KIB), {
      'content-digest': `sha-256=:${randomBytes(32).toString('base64')}:`,
    })
    assert.deepEqual([wrong.status, reasonOf(wrong)], [400, 'DIGEST_MISMATCH'])
    await untilGone()

    const socket = await openSocket(port)
    socket.write('PUT /v1/blobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n')
    socket.write(randomBytes(200 * KIB))
    while ((await files()).length === 0) await new Promise(resolve => setImmediate(resolve))
    socket.destroy()
    await untilGone()

    client.fail('store', Object.assign(new Error('full'), { code: 'ENOSPC' }))
    const full = await put(url, randomBytes(300 * KIB))
    assert.deepEqual([full.status, reasonOf(full)], [507, 'GATEWAY_NO_SPACE'])
    await untilGone()
  })

  it('take no more of the disk than they may', async () => {
    const clock = new VirtualClock()
    const { url, client } = await start({ spoolBytes: 500 * KIB, waitMs: 100 }, clock)
    const release = client.hold('store')
    const first = put(url, randomBytes(300 * KIB))
    await client.begun('store', 1)
    let answered = false
    const refused = put(url, randomBytes(300 * KIB)).finally(() => {
      answered = true
    })
    // it is not known when it begins to wait
    while (!answered) await clock.advance(1)
    const second = await refused
    assert.deepEqual([second.status, reasonOf(second)], [503, 'BUSY'])
    release()
    assert.equal((await first).status, 200)
    assert.equal((await put(url, randomBytes(300 * KIB))).status, 200)
  })
})
