import assert from 'node:assert/strict'
import { SignJWT } from 'jose'
import { encodeQuilt, openQuilt, quiltInBlob } from '../../../codec/index.ts'
import { createFakeClient } from '../../support/fake-client.ts'
import { ask, gatewayFactory, jsonOf, reasonOf } from './support.ts'

describe('gateway: publishing quilts', () => {
  const { start, stopAll } = gatewayFactory()
  afterEach(stopAll)

  const N_SHARDS = 10
  const startSmall = (limits = {}) => start({ client: createFakeClient({ nShards: N_SHARDS }), limits })
  const put = async (
    url: string,
    form: FormData | Buffer,
    headers: Record<string, string> = {},
    query = '',
  ) => {
    const request =
      form instanceof FormData ? new Request('http://x', { method: 'PUT', body: form }) : undefined
    const body = form instanceof FormData ? Buffer.from(await request!.arrayBuffer()) : form
    const type = request?.headers.get('content-type')
    if (type) headers = { 'content-type': type, ...headers }
    return await ask(`${url}/v1/quilts${query}`, { method: 'PUT', body, headers })
  }
  const formOf = (files: Record<string, string | Uint8Array<ArrayBuffer>>, metadata?: unknown) => {
    const form = new FormData()
    for (const [name, contents] of Object.entries(files)) form.append(name, new Blob([contents]), 'any.bin')
    if (metadata !== undefined)
      form.append('_metadata', typeof metadata === 'string' ? metadata : JSON.stringify(metadata))
    return form
  }
  const filesOf = (files: Record<string, string | Uint8Array>) =>
    Object.entries(files).map(([identifier, contents]) => ({ identifier, contents: Buffer.from(contents) }))

  it('stores files with their names and tags, whatever is in them', async () => {
    const { url, client } = await startSmall()
    const files = { 'b/Ü 文.txt': 'two', a: Buffer.from([0, 13, 10, 45, 45, 255]), empty: '' }
    const tags = { type: 'text', __proto__x: 'y' }
    const answer = await put(url, formOf(files, [{ identifier: 'b/Ü 文.txt', tags }]), {}, '?epochs=2')
    assert.equal(answer.status, 200, answer.body.toString())
    const { blobStoreResult, storedQuiltBlobs } = jsonOf(answer)
    const { blobId } = blobStoreResult.newlyCreated.blobObject
    assert.deepEqual(
      storedQuiltBlobs.map(({ identifier }: { identifier: string }) => identifier),
      ['a', 'b/Ü 文.txt', 'empty'],
    )
    for (const { quiltPatchId } of storedQuiltBlobs) assert.match(quiltPatchId, /^[A-Za-z0-9_-]{50}$/)
    const quilt = openQuilt(quiltInBlob(blobId, client.blobs.get(blobId)!, N_SHARDS))
    const second = await quilt.readByIdentifier('b/Ü 文.txt')
    assert.equal(Buffer.from(second.contents).toString(), 'two')
    assert.deepEqual(second.tags, tags)
    const [{ quiltPatchId }] = storedQuiltBlobs
    assert.deepEqual(Buffer.from((await quilt.readByPatchId(quiltPatchId)).contents), files.a)
  })

  it('takes parts without a file name, and a form that goes through a file', async () => {
    const { url } = await startSmall({ spoolAboveBytes: 10 })
    const body = '--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nplain\r\n--x--\r\n'
    const answer = await put(url, Buffer.from(body), { 'content-type': 'multipart/form-data; boundary=x' })
    assert.equal(jsonOf(answer).storedQuiltBlobs[0].identifier, 'a')
  })

  it('refuses forms that say something else than they mean, and pays nothing', async () => {
    const { url, client } = await startSmall({ quiltBytes: 100_000 })
    const twice = formOf({ a: '1' })
    twice.append('a', new Blob(['2']), 'x')
    const cases: [FormData | Buffer, Record<string, string>, number, string][] = [
      [formOf({}), {}, 400, 'QUILT_INVALID'],
      [twice, {}, 400, 'QUILT_INVALID'],
      [formOf({ _a: '1' }), {}, 400, 'QUILT_INVALID'],
      [formOf({ a: '1' }, 'no json'), {}, 400, 'QUILT_INVALID'],
      [formOf({ a: '1' }, {}), {}, 400, 'QUILT_INVALID'],
      [formOf({ a: '1' }, [null]), {}, 400, 'QUILT_INVALID'],
      [formOf({ a: '1' }, [{ identifier: 'b' }]), {}, 400, 'QUILT_INVALID'],
      [formOf({ a: '1' }, [{ identifier: 'a', tags: { k: 1 } }]), {}, 400, 'QUILT_INVALID'],
      [formOf({ a: '1' }, [{ identifier: 'a' }, { identifier: 'a' }]), {}, 400, 'QUILT_INVALID'],
      [
        formOf(Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`f${i}`, 'x']))),
        {},
        400,
        'QUILT_INVALID',
      ],
      [formOf({ a: Buffer.alloc(200_000) }), {}, 413, 'BODY_TOO_LARGE'],
      [Buffer.from('plain'), {}, 415, 'UNSUPPORTED_ENCODING'],
      [
        Buffer.from('--x\r\nhalf'),
        { 'content-type': 'multipart/form-data; boundary=x' },
        400,
        'MALFORMED_REQUEST',
      ],
      [Buffer.from(''), { 'content-type': 'multipart/form-data; boundary=x' }, 400, 'MALFORMED_REQUEST'],
      [formOf({ a: '1' }), { 'content-encoding': 'gzip' }, 415, 'UNSUPPORTED_ENCODING'],
    ]
    for (const [i, [form, headers, status, reason]] of cases.entries()) {
      const answer = await put(url, form, headers)
      assert.deepEqual([answer.status, reasonOf(answer)], [status, reason], `case ${i}: ${answer.body}`)
    }
    assert.equal(client.calls.filter(({ operation }) => operation === 'store').length, 0)
  })

  it('charges tokens and quotas with the blob, and takes no memory for one that is too large', async () => {
    const secret = 'a secret of thirty-two characters'
    const token = async (claims: Record<string, number>) => {
      const payload = { jti: `token ${Math.random()}`, exp: Math.floor(Date.now() / 1000) + 600, ...claims }
      const signed = await new SignJWT(payload).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(secret))
      return { authorization: `Bearer ${signed}` }
    }
    // 5 small files leave one column of 7 for the large one, and none is larger
    const small = Object.fromEntries(Array.from({ length: 5 }, (_, i) => [`f${i}`, 'x']))
    const wide = () => formOf({ large: Buffer.alloc(10_000), ...small })
    const fake = createFakeClient({ nShards: N_SHARDS })
    const { url, client } = await start({
      client: fake,
      publish: { tokens: { key: secret } },
      quota: { bytes: 100_000 },
      limits: { quiltBytes: 80_000 },
    })
    const refused = await put(url, wide(), await token({ max_size: 20_000 }))
    assert.deepEqual([refused.status, reasonOf(refused)], [413, 'BLOB_TOO_LARGE'], refused.body.toString())
    assert.match(jsonOf(refused).error.message, /whole columns.*store the large ones by themselves/)
    const larger = await put(url, formOf({ large: Buffer.alloc(15_000), ...small }), await token({}))
    assert.equal(reasonOf(larger), 'BLOB_TOO_LARGE')
    assert.equal(client.blobs.size, 0)
    const size = (await encodeQuilt(filesOf({ large: Buffer.alloc(10_000), ...small }), N_SHARDS)).data.length
    assert.ok(size > 70_000, `${size}`)
    assert.equal(reasonOf(await put(url, wide(), await token({ size: size + 1 }))), 'TOKEN_FOR_OTHER')
    const stored = await put(url, wide(), await token({ size }))
    assert.equal(stored.status, 200, stored.body.toString())
    const again = formOf({ large: Buffer.alloc(10_001), ...small })
    assert.equal(reasonOf(await put(url, again, await token({}))), 'QUOTA_EXCEEDED')
  })
})
