import assert from 'node:assert/strict'
import { ChainError } from '../../../chain/index.ts'
import { blobIdToBytes, blobIdToU256, parseObjectId } from '../../../codec/index.ts'
import type { BlobId, ObjectId } from '../../../codec/types.ts'
import type { GatewayInit } from '../../../node/gateway/index.ts'
import { ask, gatewayFactory, jsonOf, put, reasonOf } from './support.ts'

const OBJECT = parseObjectId(`0x${'ab'.repeat(32)}`)
const INNER = parseObjectId('0x1')

describe('gateway: blobs by their objects', () => {
  const { start, stopAll } = gatewayFactory()
  afterEach(stopAll)

  async function stored(attributes: Record<string, string> = {}, text = 'Hello') {
    let blobId = '' as BlobId
    const chain: GatewayInit['chain'] = {
      blobReference: async (id: ObjectId) =>
        id === OBJECT ? { kind: 'shared', blobId, attributesOf: INNER } : undefined,
      attributes: async (id: ObjectId) => (id === INNER ? attributes : {}),
    }
    const { url } = await start({ chain })
    blobId = (await put(url, text)) as BlobId
    return { url, blobId, chain, get: (path: string, headers = {}) => ask(`${url}${path}`, { headers }) }
  }

  it('come with the attributes that are headers, and no others', async () => {
    const { get, blobId } = await stored({
      'Content-Type': 'application/json',
      'content-disposition': 'inline; filename="a.json"',
      'content-language': 'de',
      'content-encoding': 'identity',
      'content-location': '/a',
      link: '<https://a.example>; rel="license"',
      'set-cookie': 'a=b',
      'access-control-allow-origin': 'null',
      'content-security-policy': '',
      'content-location\n': 'x',
      author: 'alice',
    })
    const { status, headers, body } = await get(`/v1/blobs/by-object-id/${OBJECT}`)
    assert.deepEqual([status, body.toString()], [200, 'Hello'])
    assert.match(String(headers.etag), new RegExp(`^"${blobId}-[\\w-]{16}"$`))
    assert.equal(headers['content-type'], 'application/json')
    assert.equal(headers['content-disposition'], 'inline; filename="a.json"')
    assert.deepEqual(
      ['content-language', 'content-encoding', 'content-location', 'link'].map(name => headers[name]),
      ['de', 'identity', '/a', '<https://a.example>; rel="license"'],
    )
    assert.equal(headers['set-cookie'], undefined)
    assert.equal(headers.author, undefined)
    assert.equal(headers['access-control-allow-origin'], '*')
    assert.match(String(headers['content-security-policy']), /sandbox/)
    assert.match(String(headers['cache-control']), /max-age=300/)
    const part = await get(`/v1/blobs/by-object-id/${OBJECT}`, { range: 'bytes=1-2' })
    assert.deepEqual([part.status, part.body.toString()], [206, 'el'])
  })

  it('are inert, whatever their attributes say', async () => {
    const html = await stored({ 'content-type': 'text/html', 'content-disposition': 'inline' }, '<script>')
    const { headers } = await html.get(`/v1/blobs/by-object-id/${OBJECT}`)
    assert.equal(headers['content-type'], 'text/plain; charset=utf-8')
    const svg = await stored({
      'content-type': 'image/svg+xml',
      'content-disposition': 'inline; filename=a.svg',
    })
    const image = await svg.get(`/v1/blobs/by-object-id/${OBJECT}`)
    assert.equal(image.headers['content-type'], 'image/svg+xml')
    assert.equal(image.headers['content-disposition'], 'attachment; filename=a.svg')
    const nonsense = await stored({ 'content-type': 'no type, but two' }, 'text')
    const plain = await nonsense.get(`/v1/blobs/by-object-id/${OBJECT}`)
    assert.equal(plain.headers['content-type'], 'text/plain; charset=utf-8')
    // the request comes first
    const asked = await svg.get(`/v1/blobs/by-object-id/${OBJECT}?content-type=image/png`)
    assert.equal(asked.headers['content-type'], 'image/png')
  })

  it('are told from objects that are none, and from what is no object ID', async () => {
    const { get, blobId, chain } = await stored()
    const other = `0x${'cd'.repeat(32)}`
    const cases: [string, number, string][] = [
      [other, 404, 'BLOB_NOT_FOUND'],
      ['0x1', 400, 'INVALID_OBJECT_ID'],
      [blobId, 400, 'INVALID_OBJECT_ID'],
    ]
    for (const [id, status, reason] of cases) {
      const answer = await get(`/v1/blobs/by-object-id/${id}`)
      assert.deepEqual([answer.status, reasonOf(answer)], [status, reason], id)
    }
    assert.equal((await get(`/v1/blobs/by-object-id/${'ab'.repeat(32)}`)).status, 200)
    chain!.blobReference = async () => {
      throw new ChainError('RPC_UNAVAILABLE', 'no https://secret.example', {
        urls: ['https://secret.example'],
        attempts: 1,
      })
    }
    const down = await get(`/v1/blobs/by-object-id/${OBJECT}`)
    assert.deepEqual([down.status, reasonOf(down)], [503, 'CHAIN_UNAVAILABLE'])
    assert.doesNotMatch(down.body.toString(), /secret/)
    const { url } = await start()
    assert.equal((await ask(`${url}/v1/blobs/by-object-id/${OBJECT}`)).status, 404)
  })

  it('are named by the 400 to any other form of an ID', async () => {
    const { get, blobId } = await stored()
    const bytes = Buffer.from(blobIdToBytes(blobId))
    const forms = {
      decimal: `${blobIdToU256(blobId)}`,
      hex: bytes.toString('hex'),
      '0x hex': `0x${bytes.toString('hex')}`,
      'padded base64': `${blobId}=`,
      'standard base64': encodeURIComponent(bytes.toString('base64')),
      'object ID': OBJECT,
    }
    for (const [form, text] of Object.entries(forms)) {
      for (const path of [
        `/v1/blobs/${text}`,
        `/v1/blobs/by-quilt-id/${text}/a`,
        `/v1/quilts/${text}/patches`,
      ]) {
        const answer = await get(path)
        assert.deepEqual([answer.status, reasonOf(answer)], [400, 'INVALID_BLOB_ID'], form)
        const { message, details } = jsonOf(answer).error
        assert.ok(message.includes(blobId), `${form}: ${message}`)
        assert.equal(details[0].metadata.blobId, blobId, form)
      }
    }
  })
})
