import assert from 'node:assert/strict'
import { once } from 'node:events'
import fc from 'fast-check'
import { encodeMetadata } from '../../../../codec/index.ts'
import type { SliverRef } from '../../../../codec/types.ts'
import { createMetrics } from '../../../../node/metrics.ts'
import { DEFAULT_API_LIMITS } from '../../../../node/storage/api/index.ts'
import type { MetadataStore } from '../../../../node/storage/store/metadata-store.ts'
import type { AbortOptions } from '../../../../protocols/ports.ts'
import { ask, jsonOf, openSocket, readAll, reasonOf } from '../../../support/http.ts'
import { N, startTestNode, type TestNode } from './support.ts'

describe('node API: towards strangers', () => {
  let node: TestNode
  let blobId: string
  beforeEach(async () => {
    node = await startTestNode()
    blobId = node.blob.metadata.blobId
  })
  afterEach(() => node.close())

  const registered = async () => {
    node.chain.register(node.blob.metadata.blobId)
    await node.blobs.waitFor(node.blob.metadata.blobId, state => state !== undefined, { timeoutMs: 5_000 })
  }
  const metadata = () => encodeMetadata(node.blob.metadata).subarray(32)

  it('answers pages of any origin, refusals too, whatever name it is asked by', async () => {
    const url = await node.api()
    const headers = { origin: 'https://app.example', host: 'storage.example' }
    const preflight = await ask(`${url}/v1/blobs/${blobId}/slivers/0/primary`, {
      method: 'OPTIONS',
      headers: { ...headers, 'access-control-request-method': 'PUT' },
    })
    assert.equal(preflight.status, 204)
    assert.equal(preflight.headers['access-control-allow-origin'], '*')
    assert.match(String(preflight.headers['access-control-allow-methods']), /PUT/)
    assert.equal(preflight.headers['access-control-allow-headers'], '*')
    for (const [path, status] of [
      ['/v1/health', 200],
      [`/v1/blobs/${blobId}/metadata`, 404],
      ['/nothing', 404],
    ] as const) {
      const answer = await ask(url + path, { headers })
      assert.equal(answer.status, status, path)
      assert.equal(answer.headers['access-control-allow-origin'], '*', path)
      assert.equal(answer.headers['access-control-allow-credentials'], undefined)
      assert.equal(answer.headers['x-content-type-options'], 'nosniff')
    }
  })

  it('refuses parameters that are not the one way to write them', async () => {
    const url = await node.api()
    const blob = `/v1/blobs/${blobId}`
    for (const path of [
      `/v1/blobs/${blobId.slice(1)}/metadata`,
      `/v1/blobs/${blobId}%3D/status`,
      `/v1/blobs/${'*'.repeat(43)}/slivers/0/primary`,
      `${blob}/slivers/${N}/primary`,
      `${blob}/slivers/-1/primary`,
      `${blob}/slivers/01/primary`,
      `${blob}/slivers/1e0/primary`,
      `${blob}/slivers/65536000/primary`,
      `${blob}/slivers/0/Primary`,
      `${blob}/slivers/0/tertiary/status`,
      `${blob}/confirmation/deletable/0xzz`,
      `${blob}/confirmation/deletable/${'1'.repeat(65)}`,
      `/v1/blobs/%ff/metadata`,
      '//v1/health',
    ]) {
      assert.equal((await ask(url + path)).status, 400, path)
    }
    for (const path of ['/', '/v1/blobs', blob, `${blob}/slivers/0`, `${blob}/confirmation`]) {
      assert.equal((await ask(url + path)).status, 404, path)
    }
    const posted = await ask(`${url}${blob}/metadata`, { method: 'POST' })
    assert.deepEqual([posted.status, posted.headers.allow], [405, 'GET, HEAD, PUT, OPTIONS'])
  })

  it('neither gives nor takes a blob that its operator has blocked', async () => {
    await registered()
    const url = await node.api({ isBlocked: id => id === blobId })
    const blob = `${url}/v1/blobs/${blobId}`
    for (const path of ['metadata', 'slivers/0/primary', 'confirmation/permanent']) {
      const answer = await ask(`${blob}/${path}`)
      assert.deepEqual([answer.status, reasonOf(answer)], [451, 'BLOCKED'], path)
    }
    assert.equal((await ask(`${blob}/metadata`, { method: 'PUT', body: metadata() })).status, 451)
    assert.equal(jsonOf(await ask(`${blob}/metadata/status`)).success.data, 'Nonexistent')
  })

  it('lets one address have so many requests under way', async () => {
    const gate = Promise.withResolvers<void>()
    let waiting = 0
    const reached = Promise.withResolvers<void>()
    const gated: MetadataStore = {
      ...node.metadata,
      get: async () => {
        if (++waiting === 2) reached.resolve()
        await gate.promise
        return undefined
      },
    }
    const url = await node.api({
      metadata: gated,
      limits: { requestsPerAddress: 2 },
      addressOf: ({ headers }) => String(headers['x-address']),
    })
    const from = (address: string, path = `blobs/${blobId}/metadata/status`) =>
      ask(`${url}/v1/${path}`, { headers: { 'x-address': address } })
    const under = [from('192.0.2.1'), from('192.0.2.1')]
    await reached.promise
    const busy = await from('192.0.2.1', 'health')
    assert.deepEqual([busy.status, reasonOf(busy)], [429, 'BUSY'])
    assert.equal(busy.headers['retry-after'], '1')
    assert.equal((await from('192.0.2.2', 'health')).status, 200)
    gate.resolve()
    for (const answer of await Promise.all(under)) assert.equal(answer.status, 200)
    assert.equal((await from('192.0.2.1', 'health')).status, 200)
  })

  it('shuts out an address that keeps sending lies, but never its own machine', async () => {
    await registered()
    const lies = metadata()
    lies[lies.length - 1]! ^= 1
    const { quotas } = DEFAULT_API_LIMITS
    const url = await node.api({
      limits: { quotas: { ...quotas, peer: { ...quotas.peer, failures: 3 } } },
      addressOf: ({ headers }) => headers['x-address'] as string | undefined,
    })
    const lie = (headers: Record<string, string>) =>
      ask(`${url}/v1/blobs/${blobId}/metadata`, { method: 'PUT', body: lies, headers })
    const liar = { 'x-address': '192.0.2.1' }
    for (let i = 0; i < 3; i++) assert.equal((await lie(liar)).status, 400)
    const out = await ask(`${url}/v1/health`, { headers: liar })
    assert.deepEqual([out.status, reasonOf(out)], [429, 'TOO_MANY_FAILURES'])
    assert.ok(Number(out.headers['retry-after']) > 0)
    for (let i = 0; i < 5; i++) assert.equal((await lie({})).status, 400)
    assert.equal((await ask(`${url}/v1/health`)).status, 200)
  })

  it('holds no more bytes than its budget: the next upload waits for the one before', async () => {
    await registered()
    await node.custody.putMetadata(node.blob.metadata, {
      peer: 'client',
      signal: new AbortController().signal,
    })
    const refs = node.ours().slice(0, 2)
    const { quotas } = DEFAULT_API_LIMITS
    const seen = Promise.withResolvers<void>()
    let count = 0
    const holds = node.slivers.holds.bind(node.slivers)
    node.slivers.holds = async (...args) => {
      if (++count === 2) seen.resolve()
      return await holds(...args)
    }
    const url = await node.api({ limits: { quotas: { ...quotas, nodeBytesInFlight: 1 } } })
    const announce = async ({ pair, axis }: SliverRef, length: number) => {
      const socket = await openSocket(Number(new URL(url).port))
      const text = readAll(socket)
      const asked = once(socket, 'data')
      socket.write(
        `PUT /v1/blobs/${blobId}/slivers/${pair}/${axis} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n` +
          `Content-Length: ${length}\r\nExpect: 100-continue\r\n\r\n`,
      )
      return { socket, asked, text }
    }
    const [first, second] = refs.map(ref => node.blob.sliver(ref)) as [Uint8Array, Uint8Array]
    const one = await announce(refs[0]!, first.length)
    await one.asked
    const two = await announce(refs[1]!, second.length)
    let early = true
    const askedTwo = two.asked.then(() => assert.equal(early, false, 'asked for bytes without room for them'))
    await seen.promise
    assert.equal((await ask(`${url}/v1/health`)).status, 200)
    early = false
    one.socket.write(first)
    await askedTwo
    two.socket.write(second)
    assert.match(await one.text, /200 OK/)
    assert.match(await two.text, /200 OK/)
    for (const ref of refs) assert.ok(await node.slivers.has(node.blob.metadata.blobId, ref))
  })

  it('gives up on a body that stalls, and takes nothing of one that breaks off', async () => {
    await registered()
    const url = await node.api({ limits: { bodyIdleMs: 50, requestsPerAddress: 1 } })
    const body = metadata()
    const begin = async () => {
      const socket = await openSocket(Number(new URL(url).port))
      socket.write(
        `PUT /v1/blobs/${blobId}/metadata HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`,
      )
      socket.write(body.subarray(0, 100))
      return socket
    }
    assert.match(await readAll(await begin()), /^HTTP\/1.1 408 [\s\S]*BODY_TOO_SLOW/)
    const broken = await begin()
    broken.destroy()
    // its place is free again, soon
    let answer = await ask(`${url}/v1/blobs/${blobId}/metadata`, { method: 'PUT', body })
    while (answer.status === 429) {
      answer = await ask(`${url}/v1/blobs/${blobId}/metadata`, { method: 'PUT', body })
    }
    assert.equal(answer.status, 200)
  })

  it('counts requests by route, never by path', async () => {
    const metrics = createMetrics({ version: 'test' })
    const url = await node.api({ metrics: metrics.http('node-x') })
    await ask(`${url}/v1/blobs/${blobId}/slivers/3/primary`)
    const text = await metrics.text()
    assert.match(text, /route="\/v1\/blobs\/:blobId\/slivers\/:pair\/:axis",method="GET",status="404"} 1/)
    assert.ok(!text.includes(blobId))
  })

  it('ends on stop, requests that wait included', async () => {
    const reached = Promise.withResolvers<void>()
    node.chain.committees = ({ signal }: AbortOptions = {}) => {
      reached.resolve()
      return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
    }
    const url = await node.api({ limits: { stopGraceMs: 0 } })
    const pending = ask(`${url}/v1/blobs/${blobId}/confirmation/permanent`)
    await reached.promise
    await node.close()
    const answer = await pending
    assert.deepEqual([answer.status, reasonOf(answer)], [503, 'STOPPING'])
    node = await startTestNode()
  })

  it('answers whatever it is sent, never with 500, and stores nothing of it', async () => {
    await registered()
    const url = await node.api()
    const part = fc.oneof(
      fc.constantFrom(
        'v1',
        'blobs',
        blobId,
        'metadata',
        'slivers',
        'confirmation',
        'permanent',
        'status',
        'inconsistencyProof',
        '0',
      ),
      fc.string({ maxLength: 20 }).map(encodeURIComponent),
      fc.constantFrom('..', '%00', '%2f', 'primary', '9', '1e3', '0x1'),
    )
    const request = fc.record({
      method: fc.constantFrom('GET', 'PUT', 'HEAD', 'POST', 'DELETE', 'OPTIONS'),
      path: fc.array(part, { maxLength: 8 }),
      body: fc.uint8Array({ maxLength: 800 }),
    })
    const known = fc.record({
      method: fc.constant('PUT'),
      path: fc.constantFrom(
        ['v1', 'blobs', blobId, 'metadata'],
        ['v1', 'blobs', blobId, 'slivers', '0', 'primary'],
      ),
      body: fc.uint8Array({ minLength: metadata().length, maxLength: metadata().length }),
    })
    await fc.assert(
      fc.asyncProperty(fc.oneof(request, known), async ({ method, path, body }) => {
        const sent = method === 'GET' || method === 'HEAD' ? {} : { body }
        const { status } = await ask(`${url}/${path.join('/')}`, { method, ...sent })
        assert.ok(status < 500, `${method} /${path.join('/')}: ${status}`)
      }),
      { numRuns: 200 },
    )
    assert.equal(await node.metadata.get(node.blob.metadata.blobId), undefined)
    assert.deepEqual(await node.slivers.list(node.blob.metadata.blobId), [])
  })
})
