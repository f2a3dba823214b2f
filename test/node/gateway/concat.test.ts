import assert from 'node:assert/strict'
import { parseObjectId } from '../../../codec/index.ts'
import type { BlobId } from '../../../codec/types.ts'
import { ask, gatewayFactory, put, reasonOf } from './support.ts'

const OBJECT = parseObjectId(`0x${'ab'.repeat(32)}`)

describe('gateway: blobs one after the other', () => {
  const { start, stopAll } = gatewayFactory()
  afterEach(stopAll)

  async function stored() {
    let third = '' as BlobId
    const chain = {
      blobReference: async () => ({ kind: 'owned' as const, blobId: third, attributesOf: OBJECT }),
      attributes: async () => ({ 'content-type': 'text/csv' }),
    }
    const { url, client } = await start({ chain })
    const ids = [await put(url, '01234'), await put(url, ''), await put(url, '56789')]
    third = ids[2] as BlobId
    const get = (query: string, headers: Record<string, string> = {}, method = 'GET') =>
      ask(`${url}/v1alpha/blobs/concat?${query}`, { headers, method })
    const post = (body: string, headers: Record<string, string> = {}) =>
      ask(`${url}/v1alpha/blobs/concat`, { method: 'POST', headers, body: Buffer.from(body) })
    return { ids, get, post, client, url }
  }

  it('come as one, with ranges across them, by GET and POST', async () => {
    const { ids, get, post } = await stored()
    const [a, empty, b] = ids
    const whole = await get(`ids=${ids.join()}`)
    assert.deepEqual(
      [whole.status, whole.body.toString(), whole.headers['content-length']],
      [200, '0123456789', '10'],
    )
    const part = await get(`ids=${ids.join('%2C')}`, { range: 'bytes=3-6' })
    assert.deepEqual(
      [part.status, part.body.toString(), part.headers['content-range']],
      [206, '3456', 'bytes 3-6/10'],
    )
    const several = await get(`ids=${a},${b}`, { range: 'bytes=0-0,4-5' })
    assert.match(several.body.toString(), /\r\n\r\n0\r\n--[\s\S]*\r\n\r\n45\r\n--/)
    const twice = await get(`ids=${a},${a},${empty}`)
    assert.equal(twice.body.toString(), '0123401234')
    assert.notEqual(twice.headers.etag, whole.headers.etag)
    assert.equal(
      (await get(`ids=${ids.join()}`, { 'if-none-match': String(whole.headers.etag) })).status,
      304,
    )
    const head = await get(`ids=${ids.join()}`, {}, 'HEAD')
    assert.deepEqual([head.headers['content-length'], head.body.length], ['10', 0])

    const posted = await post(JSON.stringify({ ids, skip_consistency_check: null }), {
      'content-type': 'application/json',
      'if-none-match': '*',
    })
    assert.deepEqual([posted.status, posted.body.toString()], [200, '0123456789'])
    assert.equal(posted.headers['content-type'], 'text/plain; charset=utf-8')
    assert.equal(posted.headers.etag, whole.headers.etag)
  })

  it('may be named by object IDs, of which the first has the attributes', async () => {
    const { ids, get } = await stored()
    const first = await get(`ids=${OBJECT},${ids[0]}`)
    assert.deepEqual([first.body.toString(), first.headers['content-type']], ['5678901234', 'text/csv'])
    const second = await get(`ids=${ids[0]},${OBJECT}`)
    assert.deepEqual(
      [second.body.toString(), second.headers['content-type']],
      ['0123456789', 'text/plain; charset=utf-8'],
    )
  })

  it('are refused before a byte is sent when one is not there, or the request is wrong', async () => {
    const { ids, get, post, client } = await stored()
    const check = async (answer: ReturnType<typeof get>, status: number, reason: string) => {
      const got = await answer
      assert.deepEqual([got.status, reasonOf(got)], [status, reason])
    }
    await check(get(`ids=${ids[0]},${'A'.repeat(43)}`), 404, 'BLOB_NOT_FOUND')
    await check(get(`ids=${ids[0]},x`), 400, 'INVALID_BLOB_ID')
    await check(get('ids='), 400, 'INVALID_PARAMETER')
    await check(get(''), 400, 'INVALID_PARAMETER')
    await check(get(`ids=${ids[0]}&more=1`), 400, 'INVALID_PARAMETER')
    const flags = 'strict_consistency_check=true&skip_consistency_check=true'
    await check(get(`ids=${ids[0]}&${flags}`), 400, 'INVALID_PARAMETER')
    const { length } = client.calls
    await check(get(`ids=${Array(129).fill(ids[0]).join()}`), 400, 'INVALID_PARAMETER')
    await check(post('{'), 400, 'MALFORMED_REQUEST')
    await check(post('[]'), 400, 'MALFORMED_REQUEST')
    await check(post('{"ids":[1]}'), 400, 'INVALID_PARAMETER')
    await check(post('{"ids":[]}'), 400, 'INVALID_PARAMETER')
    await check(post('{"ids":["x"],"more":true}'), 400, 'INVALID_PARAMETER')
    await check(post('{"ids":["x"],"skip_consistency_check":"yes"}'), 400, 'INVALID_PARAMETER')
    await check(post(`"${'x'.repeat(70_000)}"`), 413, 'BODY_TOO_LARGE')
    assert.equal(client.calls.length, length)
  })
})
