import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { type BlobCodec, createCodec } from '../../../../codec/index.ts'
import type { Epoch } from '../../../../codec/types.ts'
import type { PageReader, PageReadOptions } from '../../../../node/page/page-reader.ts'
import { createBlobServer } from '../../../../node/page/service/blob-server.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

const SHARDS = 10
const DATA = new Uint8Array(3_000).map((_, i) => i)

describe("a page's service worker", () => {
  let codec: Pick<BlobCodec, 'metadata' | 'close'>
  let blobId: string
  before(async () => {
    codec = createCodec({ threads: 0 })
    blobId = (await codec.metadata(DATA, SHARDS)).blobId
  })
  after(() => codec.close())

  interface World {
    /** of the nodes */
    read?: (options: PageReadOptions) => AsyncGenerator<Uint8Array, void, undefined>
    gateway?: () => Response
  }
  const nodesHave = async function* ({ range, onFound }: PageReadOptions) {
    onFound?.(DATA.length)
    const part = DATA.subarray(range?.start, range?.end)
    if (part.length > 0) yield part
  }
  const unreachable = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    yield await Promise.reject(Object.assign(new Error('nobody answers'), { code: 'TOO_FEW_SHARDS' }))
  }
  const serve = ({ read = nodesHave, gateway = () => new Response(null, { status: 503 }) }: World = {}) => {
    const reader = {
      committee: { epoch: 1 as Epoch, nShards: SHARDS, members: [] },
      rpcs: [],
      read: (_: string, options: PageReadOptions) => read(options),
      close: async () => undefined,
    } as PageReader
    const server = createBlobServer({
      location: { href: 'http://127.0.0.1:1/read/reader.js' },
      files: {
        async get(path) {
          if (path === '/read/network.json') return Response.json({})
          const kernel = path.replace('/read/build/', '../../../../codec/build/')
          return new Response(await readFile(new URL(kernel, import.meta.url)))
        },
      },
      fetch: async () => gateway(),
      clock: new VirtualClock(),
      random: () => 0,
      create: async () => reader,
    })
    return (query = '', headers = {}) =>
      server.answer(new Request(`http://127.0.0.1:1/b/${blobId}${query}`, { headers }))
  }
  const bytesOf = async (answer: Response) => new Uint8Array(await answer.arrayBuffer())

  it('serves blobs of its own origin, and nothing else', () => {
    const { serves } = createBlobServer({
      location: { href: 'http://127.0.0.1:1/read/reader.js' },
      files: { get: () => assert.fail() },
      fetch: () => assert.fail(),
      clock: new VirtualClock(),
      random: () => 0,
    })
    const id = 'x'.repeat(43)
    const urls = [`http://127.0.0.1:1/b/${id}`, `http://127.0.0.1:2/b/${id}`, `http://127.0.0.1:1/b/${id}x`]
    assert.deepEqual(
      urls.map(url => serves(new URL(url))),
      [true, false, false],
    )
  })

  it('gives the whole as bytes to be saved, or as what it is asked to be, never with rights', async () => {
    const ask = serve()
    const plain = await ask()
    assert.deepEqual([plain.status, await bytesOf(plain)], [200, DATA])
    const get = (answer: Response, ...names: string[]) => names.map(name => answer.headers.get(name))
    assert.deepEqual(
      get(plain, 'content-type', 'content-disposition', 'x-content-type-options', 'content-length'),
      ['application/octet-stream', 'attachment', 'nosniff', '3000'],
    )
    const html = await ask('?type=text/html')
    assert.equal(html.headers.get('content-type'), 'text/html; charset=utf-8')
    assert.match(html.headers.get('content-security-policy')!, /^sandbox; default-src 'none'/)
    const svg = await ask('?type=image/svg%2Bxml')
    assert.match(svg.headers.get('content-security-policy')!, /^sandbox; default-src 'none'/)
    for (const type of ['video/mp4', 'audio/mpeg']) {
      const media = await ask(`?type=${type}`)
      // in a sandbox, what a player asks for next would not come to the service worker
      assert.deepEqual(get(media, 'content-security-policy', 'x-content-type-options'), [
        "default-src 'none'; media-src 'self'",
        'nosniff',
      ])
    }
    const script = await ask('?type=text/javascript')
    assert.equal(script.headers.get('content-type'), 'application/octet-stream')
  })

  it('gives ranges', async () => {
    const ask = serve()
    const part = await ask('?type=video/mp4', { range: 'bytes=10-19' })
    assert.deepEqual([part.status, part.headers.get('content-range')], [206, 'bytes 10-19/3000'])
    assert.deepEqual(await bytesOf(part), DATA.slice(10, 20))
    const beyond = await ask('', { range: 'bytes=3000-' })
    assert.deepEqual([beyond.status, beyond.headers.get('content-range')], [416, 'bytes */3000'])
  })

  it('takes the next piece when the one before was, and stops when the reader does', async () => {
    let given = 0
    let ended = false
    const ask = serve({
      async *read({ onFound }) {
        onFound?.(DATA.length)
        try {
          for (; given < 30; given++) yield DATA.slice(given * 100, given * 100 + 100)
        } finally {
          ended = true
        }
      },
    })
    const reader = (await ask()).body!.getReader()
    await reader.read()
    assert.ok(given <= 2, `${given} pieces`)
    await reader.cancel()
    assert.ok(ended)
  })

  it('reads nothing, and gives nothing up, within a call of its stream', async () => {
    // an abort that Chromium is made to do there keeps its service worker for ever
    let isWithin = false
    const done: ['read' | 'stop', boolean][] = []
    const ask = serve({
      async *read({ onFound, signal }) {
        onFound?.(DATA.length)
        signal.addEventListener('abort', () => done.push(['stop', isWithin]))
        for (;;) {
          yield DATA.slice(0, 100)
          done.push(['read', isWithin])
        }
      },
    })
    const reader = (await ask()).body!.getReader()
    const within = async (call: () => Promise<unknown>): Promise<void> => {
      isWithin = true
      const called = call()
      isWithin = false
      await called
    }
    await within(() => reader.read())
    await within(() => reader.read())
    await within(() => reader.cancel())
    const reads = done.slice(0, -1)
    assert.ok(reads.length > 0)
    assert.deepEqual(done, [...reads.map(() => ['read', false]), ['stop', false]])
  })

  it('asks the gateway when no node answers, and believes only what has the blob ID', async () => {
    const honest = serve({ read: unreachable, gateway: () => new Response(DATA) })
    assert.deepEqual(await bytesOf(await honest()), DATA)
    const part = await honest('', { range: 'bytes=0-4' })
    assert.deepEqual([part.status, await bytesOf(part)], [206, DATA.slice(0, 5)])
    const liar = await serve({ read: unreachable, gateway: () => new Response(DATA.slice(1)) })()
    assert.equal(liar.status, 502)
    assert.match(await liar.text(), /^TOO_FEW_SHARDS: nobody answers/)
  })

  it('says that there is no such blob, without asking the gateway', async () => {
    const ask = serve({
      async *read() {
        yield await Promise.reject(Object.assign(new Error('nobody has it'), { code: 'BLOB_NOT_FOUND' }))
      },
      gateway: () => assert.fail(),
    })
    assert.equal((await ask()).status, 404)
  })
})
