import assert from 'node:assert/strict'
import { ClientError } from '../../../node/client/errors.ts'
import { createFakeClient } from '../../support/fake-client.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { ask, gatewayFactory, jsonOf, reasonOf } from './support.ts'

describe('gateway: Idempotency-Key', () => {
  const { start, stopAll } = gatewayFactory()
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  beforeEach(async () => {
    folder = await temporaryFolder()
  })
  afterEach(async () => {
    await stopAll()
    await folder.remove()
  })
  const put = (url: string, key: string, query = '?force', body = 'Hello') =>
    ask(`${url}/v1/blobs${query}`, {
      method: 'PUT',
      body: Buffer.from(body),
      headers: { 'idempotency-key': key },
    })

  it('has a retry answered as the first one was, at the same time, later, and after a restart', async () => {
    const client = createFakeClient()
    const stores = () => client.calls.filter(({ operation }) => operation === 'store').length
    const dir = folder.path
    const { url } = await start({ client, dir })
    const answers = await Promise.all([1, 2, 3].map(() => put(url, 'one')))
    answers.push(await put(url, 'one'))
    const restarted = await start({ client, dir })
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
    ] as const) {
      const answer = await put(url, 'key', query, body)
      assert.deepEqual([answer.status, reasonOf(answer)], [422, 'IDEMPOTENCY_KEY_REUSED'])
    }
    assert.equal((await put(url, 'x'.repeat(256))).status, 400)
  })

  it('lets one that failed be tried again', async () => {
    const { url, client } = await start()
    client.fail('store', new ClientError('CHAIN_UNAVAILABLE', 'no', {}))
    assert.equal((await put(url, 'key')).status, 503)
    client.fail('store', undefined)
    assert.equal((await put(url, 'key')).status, 200)
  })
})
