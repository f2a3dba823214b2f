import assert from 'node:assert/strict'
import { request } from 'node:http'
import { dataFrame } from '../../../../chain/localnet/rpc/framing.ts'
import { TestChain } from '../support/chain.ts'

const path = '/sui.rpc.v2.LedgerService/GetServiceInfo'

const empty = dataFrame(new Uint8Array(0), 'binary')
const binary = { 'content-type': 'application/grpc-web+proto' }

describe('chain/localnet/server: browsers', function () {
  this.timeout(60_000)
  let chain: TestChain
  before(async () => {
    chain = await TestChain.start({ pageOrigins: ['https://app.example'] })
  })
  after(() => chain?.close())

  const withHeaders = (headers: Record<string, string>, method = 'POST') =>
    new Promise<{ status: number; headers: NodeJS.Dict<string | string[]> }>((resolve, reject) => {
      const { port } = new URL(chain.localnet.url)
      const outgoing = request(
        { host: '127.0.0.1', port, path, method, headers: { ...binary, ...headers } },
        incoming => {
          incoming
            .resume()
            .on('end', () => resolve({ status: incoming.statusCode!, headers: incoming.headers }))
        },
      )
      outgoing.on('error', reject).end(method === 'POST' ? Buffer.from(empty) : undefined)
    })

  it('may call from pages of this machine', async () => {
    const { headers, status } = await withHeaders({ origin: 'http://localhost:5173' }, 'OPTIONS')
    assert.equal(status, 204)
    assert.equal(headers['access-control-allow-origin'], 'http://localhost:5173')
    assert.match(String(headers['access-control-allow-headers']), /x-grpc-web/)
    assert.equal(
      (await withHeaders({ origin: 'http://127.0.0.1:1' })).headers['access-control-allow-origin'],
      'http://127.0.0.1:1',
    )
  })

  it('may call from pages that its owner has named', async () => {
    const { headers, status } = await withHeaders({ origin: 'https://app.example' })
    assert.deepEqual([status, headers['access-control-allow-origin']], [200, 'https://app.example'])
  })

  it('may not from others, nor by another name for this machine', async () => {
    for (const origin of [
      'http://app.example',
      'https://example.com',
      'http://localhost.example.com',
      'null',
    ]) {
      const { status, headers } = await withHeaders({ origin })
      assert.deepEqual([status, headers['access-control-allow-origin']], [403, undefined])
    }
    assert.equal((await withHeaders({ host: 'example.com' })).status, 403)
    assert.equal((await withHeaders({ host: 'localhost:1' })).status, 200)
  })

  it('may not move the clock: no page can read the token', async () => {
    const response = await fetch(`${chain.localnet.url}/admin/advance-clock`, {
      method: 'POST',
      headers: { origin: 'http://localhost:5173', 'content-type': 'text/plain' },
      body: '{"ms":1}',
    })
    assert.equal(response.status, 401)
  })
})
