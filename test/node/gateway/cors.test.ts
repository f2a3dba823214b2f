import assert from 'node:assert/strict'
import { createMetrics } from '../../../node/metrics.ts'
import { type Answer, ask, gatewayFactory, openSocket, put, readAll } from './support.ts'

const PAGE = 'https://any.example'
const ORIGIN = 'access-control-allow-origin'
const METHODS = 'access-control-allow-methods'

describe('gateway: pages of other origins', () => {
  const { start, stopAll } = gatewayFactory()
  afterEach(stopAll)
  const allowed = ({ headers }: Answer) => headers[ORIGIN]

  it('may read every answer, errors and unknown paths too', async () => {
    const { url, client } = await start()
    const blobId = await put(url, 'Hello')
    const requests: [number, string, string, Record<string, string>][] = [
      [200, 'GET', '/', {}],
      [200, 'GET', '/v1/health', {}],
      [200, 'GET', `/v1/blobs/${blobId}`, {}],
      [200, 'HEAD', `/v1/blobs/${blobId}`, {}],
      [206, 'GET', `/v1/blobs/${blobId}`, { range: 'bytes=0-1' }],
      [304, 'GET', `/v1/blobs/${blobId}`, { 'if-none-match': `"${blobId}"` }],
      [416, 'GET', `/v1/blobs/${blobId}`, { range: 'bytes=9-' }],
      [404, 'GET', `/v1/blobs/${'A'.repeat(43)}`, {}],
      [400, 'GET', '/v1/blobs/x', {}],
      [400, 'GET', '//x', {}],
      [400, 'GET', '/v1/blobs/%zz', {}],
      [404, 'GET', '/nothing', {}],
      [404, 'GET', '/metrics', {}],
      [404, 'OPTIONS', '/nothing', {}],
      [405, 'DELETE', `/v1/blobs/${blobId}`, {}],
      [405, 'GET', '/v1/blobs', {}],
      [403, 'PUT', '/v1/blobs', {}],
      [403, 'GET', '/', { host: 'evil.example' }],
      [417, 'PUT', '/v1/blobs', { expect: 'tea' }],
    ]
    for (const [status, method, path, headers] of requests) {
      const answer = await ask(url + path, { method, headers: { origin: PAGE, ...headers } })
      assert.deepEqual([answer.status, allowed(answer)], [status, '*'], `${method} ${path}`)
      assert.match(String(answer.headers['access-control-expose-headers']), /Retry-After/)
      assert.equal(answer.headers['access-control-allow-credentials'], undefined)
    }
    client.fail('open', new Error('inside'))
    const failed = await ask(`${url}/v1/blobs/${blobId}`, { headers: { origin: PAGE } })
    assert.deepEqual([failed.status, allowed(failed)], [500, '*'])
  })

  it('may read what is wrong with requests that cannot be parsed', async () => {
    const { port } = await start()
    for (const text of [
      'rubbish\r\n\r\n',
      `GET /${'a'.repeat(20_000)} HTTP/1.1\r\n\r\n`,
      'CONNECT a:1 HTTP/1.1\r\n\r\n',
    ]) {
      const socket = await openSocket(port)
      const received = readAll(socket)
      socket.write(text)
      const answer = await received
      assert.match(answer, /^HTTP\/1\.1 4\d\d [\s\S]*\r\naccess-control-allow-origin: \*\r\n/)
      assert.match(answer, /\r\nconnection: close\r\n[\s\S]*"@type":"ErrorInfo"/)
    }
  })

  it('hear from a preflight what they may send, on unknown paths too', async () => {
    const { url } = await start({ allowedOrigins: ['https://app.example'] })
    const preflight = (path: string, method: string, origin = PAGE) =>
      ask(url + path, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': method } })
    const read = await preflight('/v1/blobs/x', 'GET')
    const any = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'
    assert.deepEqual([read.status, allowed(read), read.headers[METHODS]], [204, '*', any])
    assert.equal(read.headers['access-control-max-age'], '86400')
    assert.match(String(read.headers['access-control-allow-headers']), /Range/)
    const unknown = await preflight('/nothing', 'PUT')
    assert.deepEqual([unknown.status, allowed(unknown)], [204, '*'])
    assert.match(String(unknown.headers[METHODS]), /PUT/)
    assert.match(String(unknown.headers['access-control-allow-headers']), /Content-Type/)

    const store = await preflight('/v1/blobs', 'PUT', 'https://app.example')
    assert.deepEqual([store.status, allowed(store)], [204, 'https://app.example'])
    assert.match(String(store.headers[METHODS]), /PUT/)
    assert.match(String(store.headers['access-control-allow-headers']), /Content-Digest/)
    assert.match(String(store.headers.vary), /Origin/)
    const refused = await preflight('/v1/blobs', 'PUT')
    assert.equal(refused.status, 204)
    assert.doesNotMatch(String(refused.headers[METHODS]), /PUT/)
  })

  it('do not see the metrics', async () => {
    const { url } = await start({ metrics: createMetrics({ version: 'test' }) })
    const answer = await ask(`${url}/metrics`, { headers: { origin: PAGE } })
    assert.deepEqual([answer.status, allowed(answer)], [200, undefined])
    assert.equal(allowed(await ask(`${url}/metrics`, { method: 'DELETE' })), '*')
  })
})
