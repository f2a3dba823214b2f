import assert from 'node:assert/strict'
import { once } from 'node:events'
import fc from 'fast-check'
import { ClientError } from '../../../node/client/errors.ts'
import type { HandleReadOptions } from '../../../node/client/types.ts'
import { createMetrics } from '../../../node/metrics.ts'
import { createFakeClient } from '../../support/fake-client.ts'
import { ask, gatewayFactory, jsonOf, openSocket, put, readAll, reasonOf } from './support.ts'

const UNKNOWN = 'A'.repeat(43)

describe('gateway: reading', () => {
  const { start, stopAll } = gatewayFactory()
  afterEach(stopAll)

  it('sends a blob with the headers of an aggregator', async () => {
    const { url } = await start()
    const blobId = await put(url, 'Hello')
    const { status, headers, body } = await ask(`${url}/v1/blobs/${blobId}`)
    assert.equal(status, 200)
    assert.equal(body.toString(), 'Hello')
    assert.equal(headers.etag, `"${blobId}"`)
    assert.equal(headers['content-type'], 'text/plain; charset=utf-8')
    assert.equal(headers['content-length'], '5')
    assert.equal(headers['accept-ranges'], 'bytes')
    assert.equal(headers['x-content-type-options'], 'nosniff')
    assert.equal(headers['cache-control'], 'public, max-age=86400, stale-while-revalidate=3600')
    assert.equal(headers['access-control-allow-origin'], '*')
    assert.match(String(headers['content-security-policy']), /sandbox/)
  })

  it('answers HEAD without a body, looks at the blob for its type alone, and ignores Range there', async () => {
    const { url, client } = await start()
    const blobId = await put(url, 'Hello')
    const answer = await ask(`${url}/v1/blobs/${blobId}`, { method: 'HEAD', headers: { range: 'bytes=1-2' } })
    assert.equal(answer.status, 200)
    assert.equal(answer.headers['content-length'], '5')
    assert.equal(answer.headers['content-range'], undefined)
    assert.equal(answer.body.length, 0)
    const reads = () => client.calls.filter(call => call.operation === 'read').length
    assert.equal(reads(), 1)
    const again = await ask(`${url}/v1/blobs/${blobId}`, { method: 'HEAD' })
    assert.deepEqual([again.headers['content-type'], reads()], [answer.headers['content-type'], 1])
  })

  it('sends the empty blob', async () => {
    const { url } = await start()
    const answer = await ask(`${url}/v1/blobs/${await put(url, '')}`)
    assert.deepEqual([answer.status, answer.headers['content-length'], answer.body.length], [200, '0', 0])
  })

  it('sends any range as slicing would', async () => {
    const { url } = await start()
    const data = Buffer.from(Array.from({ length: 500 }, (_, i) => i % 251))
    const blobId = await put(url, data)
    await fc.assert(
      fc.asyncProperty(fc.nat(520), fc.option(fc.nat(520)), async (first, last) => {
        const range = `bytes=${first}-${last ?? ''}`
        const { status, headers, body } = await ask(`${url}/v1/blobs/${blobId}`, { headers: { range } })
        const expected = data.subarray(first, (last ?? 499) + 1)
        if (expected.length === 0) {
          assert.equal(status, 416)
          assert.equal(headers['content-range'], 'bytes */500')
          return
        }
        assert.equal(status, 206)
        assert.ok(body.equals(expected))
        assert.equal(headers['content-range'], `bytes ${first}-${first + expected.length - 1}/500`)
        assert.equal(headers['content-length'], String(expected.length))
      }),
      { numRuns: 60 },
    )
  })

  it('knows suffix ranges, and ignores other units', async () => {
    const { url } = await start()
    const blobId = await put(url, '0123456789')
    const get = async (range: string) => {
      const { status, body } = await ask(`${url}/v1/blobs/${blobId}`, { headers: { range } })
      return [status, body.toString()]
    }
    assert.deepEqual(await get('bytes=-3'), [206, '789'])
    assert.deepEqual(await get('lines=0-1'), [200, '0123456789'])
  })

  it('sends several ranges as parts, with their types and places', async () => {
    const { url } = await start()
    const blobId = await put(url, '0123456789')
    const answer = await ask(`${url}/v1/blobs/${blobId}`, { headers: { range: 'bytes=8-,0-1,99-' } })
    assert.equal(answer.status, 206)
    const [, boundary] =
      /^multipart\/byteranges; boundary=(.+)$/.exec(String(answer.headers['content-type'])) ?? []
    const part = (range: string, text: string) =>
      `--${boundary}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-range: bytes ${range}/10\r\n\r\n${text}\r\n`
    assert.equal(answer.body.toString(), `${part('8-9', '89')}${part('0-1', '01')}--${boundary}--\r\n`)
    assert.equal(answer.headers['content-length'], `${answer.body.length}`)
    assert.equal(answer.headers['content-range'], undefined)
  })

  it('answers 412 when the client wants another version, before anything else', async () => {
    const { url } = await start()
    const blobId = await put(url, 'Hello')
    const get = async (match: string) =>
      (await ask(`${url}/v1/blobs/${blobId}`, { headers: { 'if-match': match, 'if-none-match': '*' } }))
        .status
    assert.equal(await get('"other"'), 412)
    assert.equal(await get(`W/"${blobId}"`), 412)
    assert.equal(await get(`"other", "${blobId}"`), 304)
    const late = { 'if-unmodified-since': 'Thu, 01 Jan 1970 00:00:00 GMT' } // a blob has no date
    assert.equal((await ask(`${url}/v1/blobs/${blobId}`, { headers: late })).status, 200)
  })

  it('checks as the request says, and knows no other parameters', async () => {
    const { url, client } = await start()
    const blobId = await put(url, 'Hello')
    const get = async (query: string) => await ask(`${url}/v1/blobs/${blobId}?${query}`)
    const checks: [string, string | undefined][] = [
      ['strict_consistency_check=true', 'blob'],
      ['skip_consistency_check=true', 'rows'],
      ['skip_consistency_check=false', undefined],
    ]
    for (const [query, check] of checks) {
      assert.equal((await get(query)).status, 200)
      const { options } = client.calls.at(-1)!
      assert.equal((options as { check?: string }).check, check, query)
    }
    const wrong = [
      'strict_consistency_check=true&skip_consistency_check=true',
      'strict_consistency_check=maybe',
      'skip_consistency_check=true&skip_consistency_check=true',
      'skip-consistency-check=true',
      'content-type=nonsense',
      'content-type=image/png%0d%0aset-cookie:%20a',
    ]
    for (const query of wrong) {
      const answer = await get(query)
      assert.deepEqual([answer.status, reasonOf(answer)], [400, 'INVALID_PARAMETER'], query)
    }
  })

  it('encodes a blob again once for all its ranges, and does not hold a large one', async () => {
    const { url, client } = await start()
    const strict = (blobId: string) => `${url}/v1/blobs/${blobId}?strict_consistency_check=true`
    const blobId = await put(url, '0123456789')
    const before = client.calls.filter(({ operation }) => operation === 'read').length
    const parts = await ask(strict(blobId), { headers: { range: 'bytes=0-1,4-5,8-9' } })
    assert.equal(parts.status, 206)
    for (const part of ['01', '45', '89']) assert.ok(parts.body.includes(`\r\n\r\n${part}\r\n`), part)
    assert.equal(client.calls.filter(({ operation }) => operation === 'read').length, before + 1)
    const large = await put(url, Buffer.alloc(64 * 2 ** 20 + 1))
    const last = await ask(strict(large), { headers: { range: 'bytes=-1' } })
    assert.deepEqual([last.status, last.body.length], [206, 1])
    // the client has it by way of files: nothing but the range is asked for
    const asked = client.calls.at(-1)?.options as HandleReadOptions
    assert.deepEqual([asked.start, asked.check], [64 * 2 ** 20, 'blob'])
  })

  it('sends a part with 200 as Walrus does, and a stream of verified rows', async () => {
    const { url, client } = await start()
    const blobId = await put(url, '0123456789')
    const get = async (path: string) => await ask(`${url}${path}`)
    const part = await get(`/v1/blobs/${blobId}/byte-range?start=3&length=4`)
    assert.deepEqual([part.status, part.body.toString(), part.headers.etag], [200, '3456', `"${blobId}-3-4"`])
    const path = `/v1/blobs/${blobId}/byte-range?start=3&length=4`
    const range = await ask(`${url}${path}`, { headers: { range: 'bytes=1-2' } })
    assert.deepEqual(
      [range.status, range.body.toString(), range.headers['content-range']],
      [206, '45', 'bytes 1-2/4'],
    )
    for (const query of [
      'start=3',
      'start=3&length=0',
      'start=3&length=8',
      'start=-1&length=2',
      'start=1e1&length=1',
      `start=${'9'.repeat(30)}&length=1`,
    ]) {
      const wrong = await get(`/v1/blobs/${blobId}/byte-range?${query}`)
      assert.deepEqual([wrong.status, reasonOf(wrong)], [400, 'INVALID_PARAMETER'], query)
    }
    const stream = await get(`/v1alpha/blobs/${blobId}/stream`)
    assert.deepEqual([stream.body.toString(), stream.headers['x-walrus-streaming']], ['0123456789', 'true'])
    assert.equal((client.calls.at(-1)!.options as { check?: string }).check, 'rows')
  })

  it('answers 304 when the client has it, also before a range', async () => {
    const { url, client } = await start()
    const blobId = await put(url, 'Hello')
    const headers = { 'if-none-match': `"${blobId}"`, range: 'bytes=0-1' }
    const answer = await ask(`${url}/v1/blobs/${blobId}`, { headers })
    assert.deepEqual([answer.status, answer.body.length, answer.headers.etag], [304, 0, `"${blobId}"`])
    assert.ok(client.calls.every(call => call.operation !== 'read'))
    const unknown = { 'if-none-match': `"${UNKNOWN}"` }
    assert.equal((await ask(`${url}/v1/blobs/${UNKNOWN}`, { headers: unknown })).status, 404)
  })

  it('sends everything when If-Range names another version', async () => {
    const { url } = await start()
    const blobId = await put(url, 'Hello')
    const get = (validator: string) =>
      ask(`${url}/v1/blobs/${blobId}`, { headers: { range: 'bytes=0-1', 'if-range': validator } })
    assert.equal((await get(`"${blobId}"`)).status, 206)
    assert.equal((await get('"other"')).status, 200)
  })

  it('refuses what is no blob ID with 400, and asks nobody', async () => {
    const { url, client } = await start()
    for (const id of ['x', `${UNKNOWN}A`, `${'A'.repeat(42)}B`, `${'A'.repeat(42)}=`, '%2e%2e%2f', 'a%00b']) {
      const answer = await ask(`${url}/v1/blobs/${id}`)
      assert.deepEqual([answer.status, reasonOf(answer)], [400, 'INVALID_BLOB_ID'], id)
    }
    assert.equal((await ask(`${url}/v1/blobs/%zz`)).status, 400)
    assert.equal(client.calls.length, 0)
  })

  it('shapes errors as Walrus does', async () => {
    const { url } = await start()
    const answer = await ask(`${url}/v1/blobs/${UNKNOWN}`)
    assert.equal(answer.status, 404)
    assert.equal(answer.headers['content-type'], 'application/json')
    assert.equal(answer.headers['cache-control'], 'no-store')
    const { error } = jsonOf(answer)
    assert.equal(error.status, 'NOT_FOUND')
    assert.equal(error.code, 404)
    assert.match(error.message, /no blob/)
    assert.deepEqual(error.details, [
      {
        '@type': 'ErrorInfo',
        reason: 'BLOB_NOT_FOUND',
        domain: 'floe',
        metadata: { blobId: UNKNOWN, answeredShards: 100, neededShards: 67 },
      },
    ])
  })

  it('tells unavailable, invalid, too slow and unexpected apart', async () => {
    const { url, client } = await start()
    const shards = { answeredShards: 10, neededShards: 34 }
    const timeout = new DOMException('timed out', 'TimeoutError')
    const cases: [Error, number, string][] = [
      [new ClientError('TOO_FEW_SHARDS', 'only 10 shards answered', shards), 503, 'TOO_FEW_SHARDS'],
      [new ClientError('BLOB_INVALID', 'invalid', { blobId: UNKNOWN }), 410, 'BLOB_INVALID'],
      [new ClientError('CHAIN_UNAVAILABLE', 'no Sui', {}), 503, 'CHAIN_UNAVAILABLE'],
      [timeout as unknown as Error, 504, 'TIMEOUT'],
      [new Error('secret path /home/me'), 500, 'INTERNAL'],
    ]
    for (const [error, status, reason] of cases) {
      client.fail('open', error)
      const answer = await ask(`${url}/v1/blobs/${UNKNOWN}`)
      assert.deepEqual([answer.status, reasonOf(answer)], [status, reason])
      if (status === 503 || status === 504) assert.match(String(answer.headers['retry-after']), /^\d+$/)
      assert.doesNotMatch(answer.body.toString(), /secret/)
    }
  })

  it('gives up when the network does not answer in time', async () => {
    const { url, client } = await start({ limits: { readMs: 50 } })
    const blobId = await put(url, 'Hello')
    const release = client.hold('open')
    const answer = await ask(`${url}/v1/blobs/${blobId}`)
    release()
    assert.deepEqual([answer.status, reasonOf(answer)], [504, 'TIMEOUT'])
  })

  it('stops working for a client that hangs up', async () => {
    const { url, port, client } = await start()
    const blobId = await put(url, 'Hello')
    const release = client.hold('read')
    const socket = await openSocket(port)
    socket.write(`GET /v1/blobs/${blobId} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    await client.begun('read', 1)
    socket.destroy()
    await client.ended('read', 1)
    release()
    assert.equal(client.calls.find(call => call.operation === 'read')?.outcome, 'aborted')
  })

  it('sends large blobs to slow readers at their pace, and cuts off those that stall', async () => {
    const metrics = createMetrics({ version: 'test' })
    const data = Buffer.alloc(24 * 1024 * 1024, 7)
    const limits = { readerStallMs: 1_000, downloadBytes: data.length + 1_000 }
    const { url, port, client } = await start({ metrics, limits })
    const blobId = await put(url, data)
    const socket = await openSocket(port)
    socket.pause()
    socket.write(`GET /v1/blobs/${blobId} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    await client.ended('read', 1)
    // there is room for one: the next download gets it once the stalled one was cut off
    const answer = await ask(`${url}/v1/blobs/${blobId}`)
    assert.ok(answer.body.equals(data))
    let received = 0
    socket.on('data', chunk => {
      received += chunk.length
    })
    socket.resume()
    await once(socket, 'close')
    assert.ok(received < data.length)
    // what was not taken does not count as sent
    const sent = /floe_http_bytes_total\{node="gateway",direction="out"\} (\d+)/.exec(
      await metrics.text(),
    )?.[1]
    assert.equal(Number(sent), data.length)
  })

  it('sends the first byte before the last has been read, and holds no more than the client does', async () => {
    const pieceBytes = 1024 * 1024
    const data = Buffer.alloc(24 * pieceBytes, 7)
    const client = createFakeClient({ pieceBytes })
    const { url, port } = await start({ client, limits: { downloadBytes: 4 * pieceBytes } })
    const blobId = await put(url, data)
    const reads: string[] = []
    const sockets = await Promise.all([openSocket(port), openSocket(port)])
    // two of them have room side by side, though neither blob fits
    await Promise.all(
      sockets.map(async (socket, i) => {
        socket.write(`GET /v1/blobs/${blobId} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
        const [head] = await once(socket, 'data')
        socket.pause()
        reads.push(`${i} ${String(head).split('\r\n')[0]}`)
      }),
    )
    assert.deepEqual(reads.sort(), ['0 HTTP/1.1 200 OK', '1 HTTP/1.1 200 OK'])
    for (const socket of sockets) socket.destroy()
    assert.ok((await ask(`${url}/v1/blobs/${blobId}`)).body.equals(data))
  })

  it('cuts the connection when the network fails after the first byte, and tells of it before', async () => {
    const pieceBytes = 1024 * 1024
    const client = createFakeClient({ pieceBytes })
    const { url, port } = await start({ client })
    const blobId = await put(url, Buffer.alloc(64 * pieceBytes, 7))
    const socket = await openSocket(port)
    socket.write(`GET /v1/blobs/${blobId} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    await once(socket, 'data')
    const shards = { answeredShards: 10, neededShards: 34 }
    client.fail('read', new ClientError('TOO_FEW_SHARDS', 'only 10 shards answered', shards))
    await readAll(socket)
    assert.ok(socket.bytesRead < 64 * pieceBytes)
    const answer = await ask(`${url}/v1/blobs/${blobId}`)
    assert.deepEqual([answer.status, reasonOf(answer)], [503, 'TOO_FEW_SHARDS'])
  })

  it('refuses with 429 and 503 when too much is under way', async () => {
    for (const waitMs of [60_000, 100]) {
      const { url, client } = await start({ limits: { downloads: 1, waiting: 1, waitMs } })
      const blobId = await put(url, 'Hello')
      const release = client.hold('read')
      const first = ask(`${url}/v1/blobs/${blobId}`)
      await client.begun('read', 1)
      const second = ask(`${url}/v1/blobs/${blobId}`)
      await client.begun('open', 2)
      // as long as the second waits; else that it has waited long enough
      if (waitMs === 60_000) {
        const third = await ask(`${url}/v1/blobs/${blobId}`)
        assert.deepEqual([third.status, reasonOf(third), third.headers['retry-after']], [429, 'BUSY', '1'])
      } else assert.equal((await second).status, 503)
      release()
      assert.equal((await first).status, 200)
      assert.equal((await second).status, waitMs === 60_000 ? 200 : 503)
      assert.equal((await ask(`${url}/v1/blobs/${blobId}`)).status, 200)
    }
  })

  it('asks the network for few blobs at a time, and leaves a place to other addresses', async () => {
    const { url, port, client } = await start({ limits: { lookups: 4, waiting: 8, waitMs: 10_000 } })
    const release = client.hold('open')
    // one connection, and then another: a few of each are taken in, and three of the four places given
    const flood = `GET /v1/blobs/${UNKNOWN} HTTP/1.1\r\nHost: localhost\r\n\r\n`.repeat(60)
    const sockets = [await openSocket(port), await openSocket(port)]
    for (const socket of sockets) socket.write(flood)
    await client.begun('open', 3)
    const honest = ask(`${url}/v1/blobs/${UNKNOWN}`, { from: '127.0.0.2' })
    await client.begun('open', 4)
    assert.equal(client.calls.length, 4)
    release()
    assert.equal((await honest).status, 404)
    for (const socket of sockets) socket.destroy()
  })

  it('cuts off who reads slowly when others need the room', async () => {
    const data = Buffer.alloc(24 * 1024 * 1024, 7)
    const { url, port, client } = await start({ limits: { downloadBytes: data.length + 1_000, paceMs: 100 } })
    const blobId = await put(url, data)
    const socket = await openSocket(port)
    socket.pause()
    socket.write(`GET /v1/blobs/${blobId} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    await client.ended('read', 1)
    const answer = await ask(`${url}/v1/blobs/${blobId}`)
    assert.ok(answer.body.equals(data))
    await readAll(socket.resume())
    assert.ok(socket.bytesRead < data.length)
  })
})
