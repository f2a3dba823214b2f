import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { systemClock } from '../../../base/clock.ts'
import { thisMachine } from '../../../base/processes.ts'
import { createRecords } from '../../../base/records.ts'
import type { ObjectId } from '../../../codec/types.ts'
import { ClientError } from '../../../node/client/errors.ts'
import type { StoreOptions } from '../../../node/client/types.ts'
import { createFakeClient } from '../../support/fake-client.ts'
import { ask, gatewaysInFolder, jsonOf, openSocket, reasonOf } from './support.ts'

describe('gateway: Idempotency-Key', () => {
  const { start, dir } = gatewaysInFolder()
  const put = (url: string, key: string, query = '?force', body = 'Hello') =>
    ask(`${url}/v1/blobs${query}`, {
      method: 'PUT',
      body: Buffer.from(body),
      headers: { 'idempotency-key': key },
    })

  it('has a retry answered as the first one was, at the same time, later, and after a restart', async () => {
    const client = createFakeClient()
    const stores = () => client.calls.filter(({ operation }) => operation === 'store').length
    const { url } = await start({ client, dir: dir() })
    const answers = await Promise.all([1, 2, 3].map(() => put(url, 'one')))
    answers.push(await put(url, 'one'))
    const restarted = await start({ client, dir: dir() })
    answers.push(await put(restarted.url, 'one'))
    const [first, ...others] = answers.map(answer => jsonOf(answer))
    assert.ok(first.newlyCreated)
    for (const other of others) assert.deepEqual(other, first)
    assert.equal(stores(), 1)
    assert.notDeepEqual(jsonOf(await put(url, 'two')), first)
    assert.equal(stores(), 2)
  })

  it('is of one request, and refused for another', async () => {
    const { url } = await start()
    await put(url, 'key')
    for (const [query, body] of [
      ['?force&epochs=2', 'Hello'],
      ['?force', 'longer than that'],
      ['?force', 'Other'],
    ] as const) {
      const answer = await put(url, 'key', query, body)
      assert.deepEqual([answer.status, reasonOf(answer)], [422, 'IDEMPOTENCY_KEY_REUSED'])
    }
    assert.equal((await put(url, 'x'.repeat(256))).status, 400)
  })

  it('is of its sender alone', async () => {
    const { url, client } = await start({ host: '127.0.0.1' })
    await put(url, 'key')
    const body = Buffer.from('Other')
    const headers = { 'idempotency-key': 'key' }
    const other = await ask(`${url}/v1/blobs`, { method: 'PUT', body, headers, from: '127.0.0.2' })
    assert.equal(other.status, 200)
    assert.equal(client.calls.filter(({ operation }) => operation === 'store').length, 2)
  })

  it('has work go on though its sender hangs up, and a retry gets what that comes to', async () => {
    const { url, client, port } = await start()
    const release = client.hold('store')
    const socket = await openSocket(port)
    socket.write(
      'PUT /v1/blobs?force HTTP/1.1\r\nHost: 127.0.0.1\r\nIdempotency-Key: key\r\nContent-Length: 5\r\n\r\nHello',
    )
    await client.begun('store', 1)
    socket.destroy()
    // the gateway has seen that by then
    for (let i = 0; i < 3; i++) assert.equal((await ask(`${url}/status`)).status, 200)
    const retry = put(url, 'key')
    release()
    assert.ok(jsonOf(await retry).newlyCreated)
    assert.deepEqual(jsonOf(await put(url, 'key')), jsonOf(await retry))
    assert.equal(client.calls.filter(({ operation }) => operation === 'store').length, 1)
  })

  it('has a retry, also after a restart, go on with what was registered', async () => {
    const client = createFakeClient()
    const { url, gateway } = await start({ client, dir: dir() })
    client.fail('certify', new ClientError('CHAIN_UNAVAILABLE', 'no', {}))
    assert.equal((await put(url, 'key', '?send_object_to=0x1')).status, 503)
    await gateway.stop()
    client.fail('certify', undefined)
    const { url: restarted } = await start({ client, dir: dir() })
    const other = await put(restarted, 'key', '?send_object_to=0x1', 'Other')
    assert.equal(reasonOf(other), 'IDEMPOTENCY_KEY_REUSED')
    const answer = jsonOf(await put(restarted, 'key', '?send_object_to=0x1'))
    const options = client.calls.map(call => call.options as { goOnWith?: string } | undefined)
    const goneOnWith = options.map(option => option?.goOnWith).filter(id => id !== undefined)
    assert.deepEqual(new Set(goneOnWith), new Set([answer.newlyCreated.blobObject.id]))
  })

  it('has its registration left to its retry, also after a restart, where it is of an object of its own', async () => {
    const client = createFakeClient()
    const { url, gateway } = await start({ client, dir: dir() })
    const optionsOfLast = () => client.calls.findLast(({ operation }) => operation === 'store')?.options
    const mayTake = async () => (optionsOfLast() as StoreOptions).mayTake!(registered.at(-1)!)
    const registered: ObjectId[] = []
    const store = client.store
    client.store = (source, options) =>
      store(source, {
        ...options,
        async onRegistered(objectId) {
          await options.onRegistered?.(objectId)
          registered.push(objectId)
        },
      })
    const no = new ClientError('CHAIN_UNAVAILABLE', 'no', {})
    for (const [query, isReserved] of [
      ['?epochs=1', false],
      ['?force', true],
    ] as const) {
      client.fail('certify', no)
      await put(url, `key ${query}`, query)
      client.fail('certify', undefined)
      client.fail('store', no)
      await put(url, `other ${query}`, query)
      assert.equal(await mayTake(), !isReserved, query)
      await ask(`${url}/v1/blobs${query}`, { method: 'PUT', body: Buffer.from('Hello') })
      assert.equal(await mayTake(), !isReserved, query)
      client.fail('store', undefined)
    }
    await gateway.stop()
    const { url: restarted } = await start({ client, dir: dir() })
    client.fail('store', no)
    await put(restarted, 'third')
    assert.equal(await mayTake(), false)
    await put(restarted, 'key ?force')
    assert.equal(await mayTake(), true)
    client.fail('store', undefined)
    assert.equal((await put(restarted, 'key ?force')).status, 200)
    // what is certified is reserved no longer
    client.fail('store', no)
    await put(restarted, 'fourth')
    assert.equal(await mayTake(), true)
  })

  it('of a request that another process works on is refused for now', async () => {
    const { url } = await start({ dir: dir() })
    const records = createRecords({ folder: join(dir(), 'answers'), limit: 9, clock: systemClock })
    const id = createHash('sha256')
      .update(JSON.stringify(['address 127.0.0.1', 'key']))
      .digest('hex')
    const key = `claim key ${id}`
    await records.add(key, `${thisMachine()}-${process.ppid}-0`, Date.now() + 60_000)
    const answer = await put(url, 'key')
    assert.deepEqual([answer.status, reasonOf(answer)], [409, 'IDEMPOTENCY_KEY_IN_USE'])
    await records.delete(key)
    assert.equal((await put(url, 'key')).status, 200)
  })

  it('lets one that failed be tried again', async () => {
    const { url, client } = await start()
    client.fail('store', new ClientError('CHAIN_UNAVAILABLE', 'no', {}))
    assert.equal((await put(url, 'key')).status, 503)
    client.fail('store', undefined)
    assert.equal((await put(url, 'key')).status, 200)
  })
})
