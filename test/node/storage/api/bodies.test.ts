import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { encodeMetadata } from '../../../../codec/index.ts'
import type { MetadataStore } from '../../../../node/storage/store/metadata-store.ts'
import { ask, openSocket, readAll, reasonOf } from '../../../support/http.ts'
import { startTestNode, type TestNode } from './support.ts'

describe('node API: bodies and strangers', () => {
  let node: TestNode
  let url: string
  let path: string
  let body: Uint8Array
  beforeEach(async () => {
    node = await startTestNode()
    const { blobId } = node.blob.metadata
    node.chain.register(blobId)
    await node.blobs.waitFor(blobId, state => state !== undefined, { timeoutMs: 5_000 })
    url = await node.api()
    path = `/v1/blobs/${blobId}/metadata`
    body = encodeMetadata(node.blob.metadata).subarray(32)
  })
  afterEach(() => node.close())
  const digest = (bytes: Uint8Array) => `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`
  const put = (headers: Record<string, string>) => ask(url + path, { method: 'PUT', body, headers })

  it('takes no parts, forms or frames, and nothing that has another digest', async () => {
    for (const [status, reason, headers] of [
      [400, 'CONTENT_RANGE', { 'content-range': 'bytes 0-1/2' }],
      [415, 'UNSUPPORTED_ENCODING', { 'content-type': 'multipart/form-data; boundary=x' }],
      [415, 'UNSUPPORTED_ENCODING', { 'content-encoding': 'aws-chunked' }],
      [415, 'UNSUPPORTED_ENCODING', { 'content-encoding': 'gzip' }],
      [400, 'INVALID_DIGEST', { 'content-digest': 'sha-256=abc' }],
      [400, 'DIGEST_MISMATCH', { 'content-digest': digest(body.subarray(1)) }],
      [400, 'DIGEST_MISMATCH', { 'content-md5': createHash('md5').update('').digest('base64') }],
    ] as [number, string, Record<string, string>][]) {
      const answer = await put(headers)
      assert.deepEqual([answer.status, reasonOf(answer)], [status, reason], JSON.stringify(headers))
      assert.equal(answer.headers['access-control-allow-origin'], '*')
    }
    assert.equal(await node.metadata.get(node.blob.metadata.blobId), undefined)
    assert.equal((await put({ 'content-digest': digest(body), 'repr-digest': digest(body) })).status, 200)
  })

  it('lets a body take its time, but ends one that comes too slowly', async () => {
    const slow = await node.api({ limits: { bodyIdleMs: 300, bodyBytesPerSecond: 200 } })
    const drip = async (partBytes: number) => {
      const socket = await openSocket(Number(new URL(slow).port))
      const received = readAll(socket)
      socket.write(
        `PUT ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`,
      )
      let at = 0
      const timer = setInterval(() => {
        if (at < body.length && socket.writable) socket.write(body.subarray(at, at + partBytes))
        at += partBytes
      }, 20)
      return await received.finally(() => clearInterval(timer))
    }
    assert.match(await drip(1), /^HTTP\/1\.1 408 [\s\S]*BODY_TOO_SLOW/)
    // longer than the silence that is borne
    assert.match(await drip(Math.ceil(body.length / 25)), /^HTTP\/1\.1 200 /)
  })

  it('counts each address of its own machine for itself', async () => {
    const gate = Promise.withResolvers<void>()
    const reached = Promise.withResolvers<void>()
    const metadata: MetadataStore = {
      ...node.metadata,
      get: async () => {
        reached.resolve()
        await gate.promise
        return undefined
      },
    }
    const own = await node.api({ metadata, limits: { requestsPerAddress: 1 } })
    const first = ask(`${own}${path}/status`)
    await reached.promise
    assert.equal((await ask(`${own}/v1/health`)).status, 429)
    assert.equal((await ask(`${own}/v1/health`, { from: '127.0.0.2' })).status, 200)
    gate.resolve()
    assert.equal((await first).status, 200)
  })

  it('closes idle connections rather than to refuse new ones', async () => {
    const own = await node.api({ limits: { connections: 4, connectionsPerAddress: 3 } })
    const sockets = []
    for (let i = 0; i < 12; i++) sockets.push(await openSocket(Number(new URL(own).port)))
    assert.equal((await ask(`${own}/v1/health`)).status, 200)
    assert.equal((await ask(`${own}/v1/health`, { from: '127.0.0.2' })).status, 200)
    for (const socket of sockets) socket.destroy()
  })

  it('lets a page see that there is nothing, by a preflight that it may pass', async () => {
    const headers = { origin: 'https://app.example', 'access-control-request-method': 'PUT' }
    const answer = await ask(`${url}/nothing`, { method: 'OPTIONS', headers })
    assert.deepEqual([answer.status, answer.headers['access-control-allow-origin']], [204, '*'])
    assert.match(String(answer.headers['access-control-allow-methods']), /PUT/)
    assert.equal((await ask(`${url}/nothing`, { method: 'OPTIONS' })).status, 404)
  })
})
