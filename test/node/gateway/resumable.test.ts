import assert from 'node:assert/strict'
import { join } from 'node:path'
import { systemClock } from '../../../base/clock.ts'
import { thisMachine } from '../../../base/processes.ts'
import { createRecords } from '../../../base/records.ts'
import { ClientError } from '../../../node/client/errors.ts'
import type { StoreOptions } from '../../../node/client/types.ts'
import { createFakeClient } from '../../support/fake-client.ts'
import { ask, gatewaysInFolder, jsonOf, openSocket, reasonOf } from './support.ts'

describe('gateway: resumable uploads (tus)', () => {
  const { start, dir } = gatewaysInFolder()

  const TUS = { 'tus-resumable': '1.0.0' }
  const begin = (url: string, length: number, query = '', headers = {}) =>
    ask(`${url}/v1/uploads${query}`, {
      method: 'POST',
      headers: { ...TUS, 'upload-length': String(length), ...headers },
    })
  const send = (url: string, path: string, offset: number, body: string) =>
    ask(url + path, {
      method: 'PATCH',
      body: Buffer.from(body),
      headers: { ...TUS, 'upload-offset': String(offset), 'content-type': 'application/offset+octet-stream' },
    })
  const offsetOf = async (url: string, path: string) =>
    (await ask(url + path, { method: 'HEAD', headers: TUS })).headers['upload-offset']
  const startHere = (more = {}) => start({ dir: dir(), ...more })

  it('store what came in parts, and answer the last with what it came to', async () => {
    const { url, client } = await startHere()
    const created = await begin(url, 10, '?epochs=3&permanent')
    assert.equal(created.status, 201, created.body.toString())
    const path = String(created.headers.location)
    assert.match(path, /^\/v1\/uploads\/[0-9a-f]{32}$/)
    assert.equal((await send(url, path, 0, 'Hello')).status, 204)
    assert.equal(await offsetOf(url, path), '5')
    const early = await ask(url + path)
    assert.deepEqual([early.status, reasonOf(early)], [409, 'UPLOAD_INCOMPLETE'])
    assert.equal((await send(url, path, 4, 'x')).status, 409)
    const last = await send(url, path, 5, 'world')
    assert.equal(last.status, 200, last.body.toString())
    const { blobObject } = jsonOf(last).newlyCreated
    assert.deepEqual([blobObject.size, blobObject.deletable], [10, false])
    assert.equal(Buffer.from(client.blobs.get(blobObject.blobId)!).toString(), 'Helloworld')
    const { epochs } = client.calls.find(({ operation }) => operation === 'store')!.options as StoreOptions
    assert.equal(epochs, 3)
    // who has not heard the answer asks for it, or sends the end again
    assert.deepEqual(jsonOf(await ask(url + path)), jsonOf(last))
    assert.deepEqual(jsonOf(await send(url, path, 10, '')), jsonOf(last))
    assert.equal(client.calls.filter(({ operation }) => operation === 'store').length, 1)
  })

  it('survive a restart, before the end and after it', async () => {
    const client = createFakeClient()
    const first = await startHere({ client })
    const path = String((await begin(first.url, 10)).headers.location)
    await send(first.url, path, 0, 'Hello')
    await first.gateway.stop()
    const second = await startHere({ client })
    assert.equal(await offsetOf(second.url, path), '5')
    const last = await send(second.url, path, 5, 'world')
    assert.equal(last.status, 200)
    const third = await startHere({ client })
    assert.deepEqual(jsonOf(await ask(third.url + path)), jsonOf(last))
  })

  it('are stored, once all is there, though their sender hangs up', async () => {
    const { url, port, client } = await startHere()
    const path = String((await begin(url, 5)).headers.location)
    const release = client.hold('store')
    const socket = await openSocket(port)
    const type = 'Content-Type: application/offset+octet-stream'
    const head = `PATCH ${path} HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n${type}`
    socket.write(`${head}\r\nContent-Length: 5\r\n\r\nHello`)
    await client.begun('store', 1)
    socket.destroy()
    const asking = ask(url + path)
    release()
    assert.ok(jsonOf(await asking).newlyCreated)
    assert.equal(client.calls.filter(({ operation }) => operation === 'store').length, 1)
  })

  it('are paid for once, though they fail, or their process ends, after they were registered', async () => {
    const { url, client } = await startHere()
    const path = String((await begin(url, 5)).headers.location)
    client.fail('certify', new ClientError('CHAIN_UNAVAILABLE', 'no', {}))
    assert.equal((await send(url, path, 0, 'Hello')).status, 503)
    client.fail('certify', undefined)
    const { url: restarted } = await startHere({ client })
    const { blobObject } = jsonOf(await ask(restarted + path)).newlyCreated
    const second = client.calls.findLast(({ operation }) => operation === 'store')
    assert.equal((second!.options as StoreOptions).goOnWith, blobObject.id)
  })

  it('are left to another process that stores them', async () => {
    const { url, client } = await startHere()
    const path = String((await begin(url, 5)).headers.location)
    const id = path.split('/').at(-1)
    const records = createRecords({ folder: join(dir(), 'stored'), limit: 9, clock: systemClock })
    const owner = `${thisMachine()}-${process.ppid}-0`
    await records.add(`claim upload ${id}`, owner, Date.now() + 60_000)
    const answer = await send(url, path, 0, 'Hello')
    assert.equal(answer.status, 503)
    assert.equal(client.calls.filter(({ operation }) => operation === 'store').length, 0)
  })

  it('can be given up, come in one request, and be empty', async () => {
    const { url } = await startHere()
    const path = String((await begin(url, 5)).headers.location)
    assert.equal((await ask(url + path, { method: 'DELETE', headers: TUS })).status, 204)
    assert.equal(reasonOf(await ask(url + path)), 'NO_SUCH_UPLOAD')
    const whole = await ask(`${url}/v1/uploads`, {
      method: 'POST',
      body: Buffer.from('Hello'),
      headers: { ...TUS, 'upload-length': '5', 'content-type': 'application/offset+octet-stream' },
    })
    assert.equal(whole.status, 201)
    assert.equal(jsonOf(whole).newlyCreated.blobObject.size, 5)
    const empty = await begin(url, 0)
    assert.equal(jsonOf(empty).newlyCreated.blobObject.size, 0)
  })

  it('are refused before a byte has come, as other uploads are', async () => {
    const { url } = await startHere({ limits: { maxBlobBytes: 100, resumable: 1 } })
    const cases: [Parameters<typeof begin>, number, string][] = [
      [[url, 101], 413, 'BODY_TOO_LARGE'],
      [[url, 5, '?epochs=0'], 400, 'INVALID_PARAMETER'],
      [[url, 5, '?nonsense=1'], 400, 'INVALID_PARAMETER'],
      [[url, 5, '', { origin: 'https://elsewhere.example' }], 403, 'FORBIDDEN_ORIGIN'],
    ]
    for (const [args, status, reason] of cases) {
      const answer = await begin(...args)
      assert.deepEqual([answer.status, reasonOf(answer)], [status, reason])
    }
    assert.equal((await ask(`${url}/v1/uploads`, { method: 'POST' })).status, 412)
    assert.equal((await send(url, '/v1/uploads/../../etc/passwd', 0, 'x')).status, 404)
    assert.equal((await send(url, `/v1/uploads/${'0'.repeat(32)}`, 0, 'x')).status, 404)
    assert.equal((await begin(url, 5)).status, 201)
    assert.equal(reasonOf(await begin(url, 5)), 'BUSY')
    const closed = await startHere({ publish: false })
    assert.equal(reasonOf(await begin(closed.url, 5)), 'PUBLISHING_OFF')
    const byToken = await startHere({ publish: { tokens: { key: 'a secret of thirty-two characters' } } })
    assert.equal(reasonOf(await begin(byToken.url, 5)), 'TOKEN_MISSING')
    // where nothing can be kept there are none
    assert.equal((await begin((await start()).url, 5)).status, 404)
  })
})
