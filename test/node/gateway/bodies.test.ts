import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { Socket } from 'node:net'
import { ask, gatewayFactory, jsonOf, openSocket, readAll, reasonOf } from './support.ts'

const KIB = 1024
const hash = (algorithm: string, text: string) => createHash(algorithm).update(text).digest('base64')

describe('gateway: bodies', () => {
  const { start, stopAll } = gatewayFactory()
  const open: Socket[] = []
  afterEach(async () => {
    for (const socket of open.splice(0)) socket.destroy()
    await stopAll()
  })
  const put = (url: string, headers: Record<string, string>, body = 'Hello') =>
    ask(`${url}/v1/blobs`, { method: 'PUT', headers, body: Buffer.from(body) })
  /** A body of which only the beginning comes. */
  const begin = async (port: number, { length = 100 * KIB, sent = 'x', from = '127.0.0.1' } = {}) => {
    const socket = await openSocket(port, from)
    open.push(socket)
    const head = `PUT /v1/blobs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: ${length}\r\n\r\n`
    const received = readAll(socket)
    await new Promise(resolve => socket.write(head + sent, resolve))
    return { socket, received }
  }

  it('are refused in forms that would be stored as they travel, with what to do', async () => {
    const { url, client } = await start()
    const cases: [number, string, Record<string, string>, RegExp][] = [
      [400, 'CONTENT_RANGE', { 'content-range': 'bytes 0-4/10' }, /whole body/],
      [400, 'CONTENT_RANGE', { 'content-range': 'bytes */10' }, /whole body/],
      [415, 'UNSUPPORTED_ENCODING', { 'content-type': 'multipart/form-data; boundary=x' }, /curl -T/],
      [415, 'UNSUPPORTED_ENCODING', { 'content-type': 'Multipart/Form-Data' }, /curl -T/],
      [415, 'UNSUPPORTED_ENCODING', { 'content-encoding': 'aws-chunked' }, /when_required/],
      [415, 'UNSUPPORTED_ENCODING', { 'content-encoding': 'gzip, AWS-chunked' }, /when_required/],
      [
        415,
        'UNSUPPORTED_ENCODING',
        { 'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD' },
        /when_required/,
      ],
      [
        415,
        'UNSUPPORTED_ENCODING',
        { 'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER' },
        /when_required/,
      ],
      [415, 'UNSUPPORTED_ENCODING', { 'content-encoding': 'gzip' }, /no Content-Encoding/],
      [415, 'UNSUPPORTED_ENCODING', { 'content-encoding': 'identity, br' }, /no Content-Encoding/],
    ]
    for (const [status, reason, headers, words] of cases) {
      const answer = await put(url, headers)
      assert.deepEqual([answer.status, reasonOf(answer)], [status, reason], JSON.stringify(headers))
      assert.match(jsonOf(answer).error.message, words)
    }
    assert.equal(client.calls.length, 0)
    for (const headers of [
      { 'content-type': 'application/x-www-form-urlencoded' },
      { 'content-type': 'multipart/mixed; boundary=x' },
      { 'content-encoding': 'Identity' },
      { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
    ] as Record<string, string>[]) {
      assert.equal((await put(url, headers)).status, 200, JSON.stringify(headers))
    }
  })

  it('are stored only when they have the digests that came with them', async () => {
    const { url, client } = await start()
    const sha256 = `sha-256=:${hash('sha256', 'Hello')}:`
    const sha512 = `sha-512=:${hash('sha512', 'Hello')}:`
    const wrong = `sha-256=:${hash('sha256', 'other')}:`
    for (const headers of [
      { 'content-md5': hash('md5', 'other') },
      { 'content-digest': wrong },
      { 'content-digest': `${sha512}, ${wrong}` },
      { 'content-digest': `sha-512=:${hash('sha512', 'other')}:` },
      { 'content-digest': `unknown=:AAAA:, md5=:${hash('md5', 'other')}:` },
      { 'repr-digest': wrong },
      { 'content-digest': sha256, 'repr-digest': wrong },
      { 'content-digest': sha256, 'content-md5': hash('md5', '') },
    ] as Record<string, string>[]) {
      const answer = await put(url, headers)
      assert.deepEqual([answer.status, reasonOf(answer)], [400, 'DIGEST_MISMATCH'], JSON.stringify(headers))
    }
    for (const headers of [
      { 'content-md5': 'x' },
      { 'content-md5': hash('sha256', 'Hello') },
      { 'content-md5': hash('md5', 'Hello').replaceAll('=', '') },
      { 'content-digest': 'sha-256' },
      { 'content-digest': hash('sha256', 'Hello') },
      { 'content-digest': `sha-256=${hash('sha256', 'Hello')}` },
      { 'content-digest': 'sha-256=:AAAA:' },
      { 'content-digest': `${sha256},` },
    ] as Record<string, string>[]) {
      const answer = await put(url, headers)
      assert.deepEqual([answer.status, reasonOf(answer)], [400, 'INVALID_DIGEST'], JSON.stringify(headers))
    }
    assert.equal(client.blobs.size, 0)
    for (const headers of [
      {
        'content-md5': hash('md5', 'Hello'),
        'content-digest': `${sha256}, ${sha512}`,
        'repr-digest': sha256,
      },
      { 'content-digest': 'unknown=:AAAA:' },
      { 'content-digest': '' },
    ] as Record<string, string>[]) {
      assert.equal((await put(url, headers)).status, 200, JSON.stringify(headers))
    }
  })

  it('take no place from others while they arrive', async () => {
    const { url, port, client } = await start({ limits: { uploads: 1 } })
    const slow = []
    for (let i = 0; i < 4; i++) slow.push(await begin(port, { length: 5, sent: `${i}` }))
    assert.equal((await put(url, {}, 'fast')).status, 200)
    for (const { socket } of slow) socket.write('rest')
    for (const { received } of slow) assert.match(await received, /^HTTP\/1\.1 200 /)
    assert.equal(client.blobs.size, 5)
  })

  it('may take any time, but not be silent or slower than a limit', async () => {
    const { port, client } = await start({ limits: { bodyIdleMs: 300, bodyBytesPerSecond: 100 * KIB } })
    const drip = async (partBytes: number, parts: number) => {
      const { socket, received } = await begin(port, { length: partBytes * parts, sent: '' })
      let sent = 0
      const timer = setInterval(() => {
        if (sent++ < parts && socket.writable) socket.write(Buffer.alloc(partBytes, 1))
      }, 20)
      return await received.finally(() => clearInterval(timer))
    }
    // 20 times the time of silence that is borne, and twice the speed; then never silent, and a hundredth of it
    const [steady, slow] = await Promise.all([drip(20 * KIB, 100), drip(20, 10_000)])
    assert.match(steady, /^HTTP\/1\.1 200 /)
    assert.match(slow, /^HTTP\/1\.1 408 [\s\S]*BODY_TOO_SLOW/)
    assert.equal(client.blobs.size, 1)
  })

  it('give way when they are slow and others need the room, those of the address with most of it first', async () => {
    const { url, port } = await start({ limits: { bodies: 4, paceMs: 100 } })
    const many = []
    for (let i = 0; i < 3; i++) many.push(await begin(port, { from: '127.0.0.2' }))
    const other = await begin(port, { length: 8, sent: 'slow', from: '127.0.0.3' })
    assert.equal((await put(url, {}, 'fast')).status, 200)
    const first = await Promise.race(many.map(({ received }) => received))
    assert.match(first, /^HTTP\/1\.1 503 [\s\S]*this body came slowly/)
    other.socket.write(' too')
    assert.match(await other.received, /^HTTP\/1\.1 200 /)
  })

  it('of unknown length take room as they come, and end when there is none', async () => {
    const { url, port } = await start({ limits: { bodyBytes: 2 * 1024 * KIB } })
    const held = await begin(port, { length: 1024 * KIB, sent: 'x' })
    const chunked = async (bytes: number) => {
      const socket = await openSocket(port)
      open.push(socket)
      const received = readAll(socket)
      socket.write(
        'PUT /v1/blobs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n',
      )
      socket.write(`${bytes.toString(16)}\r\n`)
      socket.write(Buffer.alloc(bytes))
      socket.write('\r\n0\r\n\r\n')
      return await received
    }
    assert.match(await chunked(1000 * KIB), /^HTTP\/1\.1 200 /)
    assert.match(await chunked(1500 * KIB), /^HTTP\/1\.1 503 [\s\S]*BUSY/)
    held.socket.destroy()
    assert.equal((await put(url, {}, 'next')).status, 200)
    assert.match(await chunked(1500 * KIB), /^HTTP\/1\.1 200 /)
  })
})
