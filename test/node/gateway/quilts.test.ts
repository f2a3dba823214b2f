import assert from 'node:assert/strict'
import { encodeQuilt, type QuiltFile } from '../../../codec/index.ts'
import { officialPatchId, officialQuilt } from '../../codec/support/official-quilt.ts'
import { type Answer, ask, gatewayFactory, jsonOf, openSocket, put, readAll, reasonOf } from './support.ts'

const SHARDS = 100
const text = (words: string) => new TextEncoder().encode(words)
const FILES: QuiltFile[] = [
  {
    identifier: 'a.txt',
    contents: text('0123456789'),
    tags: { author: 'alice', 'content-type': 'text/csv' },
  },
  { identifier: 'empty', contents: new Uint8Array() },
  { identifier: 'b/../ü', contents: text('dots') },
  { identifier: 'ordner/ä b?.png', contents: Buffer.from('89504e470d0a1a0a', 'hex') },
  {
    identifier: 'evil',
    contents: text('<script>'),
    tags: {
      'content-type': 'text/html',
      'set-cookie': 'a=b',
      'access-control-allow-origin': 'null',
      Refresh: '0; url=https://evil.example',
      'content-language': 'de\r\nset-cookie: a=b',
      town: 'Köln',
      'no header': 'x',
    },
  },
]

describe('gateway: quilts', () => {
  const { start, stopAll } = gatewayFactory()
  afterEach(stopAll)

  async function stored() {
    const { url, client, port } = await start()
    const quilt = officialQuilt(FILES, SHARDS)
    const quiltId = await put(url, quilt.quilt)
    const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
      ask(`${url}${path}`, { headers, method })
    return {
      url,
      client,
      port,
      quiltId,
      get,
      patches: quilt.index.patches as { startIndex: number; endIndex: number; identifier: string }[],
    }
  }

  it('are listed as Walrus lists them, and their files read by patch ID and by identifier', async () => {
    const { quiltId, get, patches } = await stored()
    const listed = jsonOf(await get(`/v1/quilts/${quiltId}/patches`))
    assert.deepEqual(
      listed,
      patches.map(({ startIndex, endIndex, identifier }) => ({
        identifier,
        patch_id: officialPatchId(quiltId, startIndex, endIndex),
        tags: FILES.find(file => file.identifier === identifier)!.tags ?? {},
      })),
    )
    for (const { identifier, patch_id } of listed) {
      const { contents } = FILES.find(file => file.identifier === identifier)!
      const path = identifier.split('/').map(encodeURIComponent).join('/')
      for (const answer of [
        await get(`/v1/blobs/by-quilt-patch-id/${patch_id}`),
        // a URL's dots never leave the client
        ...(identifier.includes('..') ? [] : [await get(`/v1/blobs/by-quilt-id/${quiltId}/${path}`)]),
        await get(`/v1/blobs/by-quilt-id/${quiltId}/${encodeURIComponent(identifier)}`),
      ]) {
        assert.equal(answer.status, 200, identifier)
        assert.ok(answer.body.equals(contents), identifier)
        assert.equal(answer.headers.etag, `"${patch_id}"`)
        assert.equal(answer.headers['content-length'], `${contents.length}`)
        assert.equal(answer.headers['access-control-allow-origin'], '*')
        assert.match(String(answer.headers['access-control-expose-headers']), /X-Quilt-Patch-Identifier/)
      }
    }
  })

  it('are read several at once, as the form that stores them', async () => {
    const { url, quiltId, get } = await stored()
    const ask = async (query: string) => {
      const answer = await fetch(`${url}/v1/quilts/${quiltId}/files?${query}`)
      assert.equal(answer.status, 200)
      const form = await answer.formData()
      const described = form.get('_metadata')
      form.delete('_metadata')
      const files = await Promise.all(
        Array.from(form, async ([name, part]) => {
          const file = part as File
          assert.equal(file.name, name)
          return [name, Buffer.from(await file.arrayBuffer()).toString('latin1'), file.type]
        }),
      )
      return { files, tags: described === null ? [] : JSON.parse(String(described)), answer }
    }
    const all = await ask('')
    const wanted = FILES.map(({ identifier, contents, tags }) => [
      identifier,
      Buffer.from(contents).toString('latin1'),
      tags?.['content-type'] ?? 'application/octet-stream',
    ])
    assert.deepEqual(all.files.toSorted(), wanted.toSorted())
    const tagged = FILES.filter(({ tags }) => tags !== undefined)
    assert.deepEqual(
      all.tags.toSorted((a: QuiltFile, b: QuiltFile) => (a.identifier < b.identifier ? -1 : 1)),
      tagged.map(({ identifier, tags }) => ({ identifier, tags })),
    )
    const two = await ask(`identifier=empty&identifier=${encodeURIComponent('b/../ü')}`)
    assert.deepEqual([two.files.map(([name]) => name).toSorted(), two.tags], [['b/../ü', 'empty'], []])
    assert.deepEqual(
      (await ask('tag=author:alice')).files.map(([name]) => name),
      ['a.txt'],
    )
    assert.deepEqual((await ask('tag=author:bob')).files, [])

    // what it answers can be stored as it is
    const body = await fetch(`${url}/v1/quilts/${quiltId}/files`)
    const again = await fetch(`${url}/v1/quilts?force`, {
      method: 'PUT',
      body: Buffer.from(await body.arrayBuffer()),
      headers: { 'content-type': String(body.headers.get('content-type')) },
    })
    const { newlyCreated } = (
      (await again.json()) as { blobStoreResult: { newlyCreated: { blobObject: { blobId: string } } } }
    ).blobStoreResult
    assert.equal(newlyCreated.blobObject.blobId, quiltId)

    const path = `/v1/quilts/${quiltId}/files`
    const etag = String(all.answer.headers.get('etag'))
    assert.equal((await get(path, { 'if-none-match': etag })).status, 304)
    assert.equal((await get(`${path}?identifier=empty`, { 'if-none-match': etag })).status, 200)
    assert.equal((await get(path, {}, 'HEAD')).headers.etag, etag)
    for (const [query, status, reason] of [
      ['identifier=none', 404, 'QUILT_PATCH_NOT_FOUND'],
      ['tag=author', 400, 'INVALID_PARAMETER'],
      ['name=a', 400, 'INVALID_PARAMETER'],
    ] as const) {
      const answer = await get(`${path}?${query}`)
      assert.deepEqual([answer.status, reasonOf(answer)], [status, reason])
    }
  })

  it('tell identifier, type and tags in headers, and no header that a stranger may not set', async () => {
    const { quiltId, get } = await stored()
    const file = (identifier: string) =>
      get(`/v1/blobs/by-quilt-id/${quiltId}/${encodeURIComponent(identifier)}`)
    const { headers } = await file('a.txt')
    assert.equal(headers['x-quilt-patch-identifier'], 'a.txt')
    assert.equal(headers['content-type'], 'text/csv')
    assert.equal(headers['x-quilt-patch-tag-author'], 'alice')
    assert.equal(headers.author, 'alice')

    const odd = await file('ordner/ä b?.png')
    assert.equal(odd.headers['x-quilt-patch-identifier'], "UTF-8''ordner%2F%C3%A4%20b%3F.png")
    assert.equal(odd.headers['content-type'], 'image/png')

    const evil = await file('evil')
    assert.equal(evil.headers['content-type'], 'text/plain; charset=utf-8')
    for (const name of ['set-cookie', 'refresh', 'content-language', 'no header'])
      assert.equal(evil.headers[name], undefined, name)
    assert.equal(evil.headers['access-control-allow-origin'], '*')
    assert.equal(evil.headers.town, "UTF-8''K%C3%B6ln")
    assert.equal(evil.headers['x-quilt-patch-tag-set-cookie'], 'a=b')
  })

  it('are read by a name with dots, which no URL would keep', async () => {
    const { port, quiltId } = await stored()
    const socket = await openSocket(port)
    const received = readAll(socket)
    const head = `GET /v1/blobs/by-quilt-id/${quiltId}/b/../%C3%BC HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`
    socket.write(head)
    assert.match(await received, /^HTTP\/1\.1 200 OK[\s\S]*\r\n\r\ndots$/)
  })

  it('have ranges, conditions and HEAD', async () => {
    const { quiltId, get } = await stored()
    const path = `/v1/blobs/by-quilt-id/${quiltId}/a.txt`
    const part = await get(path, { range: 'bytes=3-5' })
    assert.deepEqual([part.status, part.body.toString()], [206, '345'])
    assert.equal(part.headers['content-range'], 'bytes 3-5/10')
    const head = await get(path, {}, 'HEAD')
    assert.deepEqual([head.status, head.headers['content-length'], head.body.length], [200, '10', 0])
    const unchanged = await get(path, { 'if-none-match': String(head.headers.etag) })
    assert.equal(unchanged.status, 304)
    // a cache puts them in place of those that it has
    const { etag, 'cache-control': cacheControl, vary } = head.headers
    assert.deepEqual(
      [unchanged.headers.etag, unchanged.headers['cache-control'], unchanged.headers.vary],
      [etag, cacheControl, vary],
    )
    for (const name of ['content-type', 'content-security-policy', 'content-disposition'])
      assert.equal(unchanged.headers[name], undefined, name)
    assert.equal((await get(path, { range: 'bytes=10-' })).status, 416)
  })

  it('are told from what is none, and files from what is not in them', async () => {
    const { url, quiltId, get } = await stored()
    const said = ({ status }: Answer, answer: Answer) => [status, reasonOf(answer)]
    const check = async (path: string, status: number, reason: string) => {
      const answer = await get(path)
      assert.deepEqual(said(answer, answer), [status, reason], path)
    }
    const plain = await put(url, 'no quilt')
    await check(`/v1/blobs/by-quilt-id/${quiltId}/nothing`, 404, 'QUILT_PATCH_NOT_FOUND')
    await check(`/v1/blobs/by-quilt-id/${quiltId}/`, 404, 'QUILT_PATCH_NOT_FOUND')
    await check(`/v1/blobs/by-quilt-id/${quiltId}/a%ff`, 400, 'MALFORMED_REQUEST')
    await check(`/v1/blobs/by-quilt-id/${plain}/a`, 400, 'QUILT_INVALID')
    await check(`/v1/quilts/${plain}/patches`, 400, 'QUILT_INVALID')
    await check(`/v1/quilts/${'A'.repeat(43)}/patches`, 404, 'BLOB_NOT_FOUND')
    await check('/v1/quilts/x/patches', 400, 'INVALID_BLOB_ID')
    await check('/v1/blobs/by-quilt-patch-id/x', 400, 'INVALID_PATCH_ID')
    await check(`/v1/blobs/by-quilt-patch-id/${officialPatchId(quiltId, 1, 99)}`, 400, 'QUILT_INVALID')
    await check(`/v1/quilts/${quiltId}/patches?page=2`, 400, 'INVALID_PARAMETER')
  })

  it('do not cost memory by a huge index or many tags', async () => {
    const { url, get } = await stored()
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`t${i}`, 'x'.repeat(50)]))
    const { data } = await encodeQuilt(
      [{ identifier: 'x'.repeat(60_000), contents: text('a'), tags: many }],
      SHARDS,
    )
    const quiltId = await put(url, data)
    const [{ patch_id }] = jsonOf(await get(`/v1/quilts/${quiltId}/patches`))
    const answer = await get(`/v1/blobs/by-quilt-patch-id/${patch_id}`)
    assert.deepEqual([answer.status, answer.body.toString()], [200, 'a'])
    assert.ok(JSON.stringify(answer.headers).length < 16_000)

    // ten columns of index, as the format has it, of a blob of 40 MiB
    const large = Buffer.alloc(40 * 2 ** 20)
    large.set([1, 0xff, 0xff, 0xff, 0])
    const huge = await get(`/v1/quilts/${await put(url, large)}/patches`)
    assert.deepEqual([huge.status, reasonOf(huge)], [400, 'QUILT_INVALID'])
  })
})
