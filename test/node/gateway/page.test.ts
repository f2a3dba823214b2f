import assert from 'node:assert/strict'
import { gunzipSync, gzipSync } from 'node:zlib'
import { parseObjectId } from '../../../codec/index.ts'
import { ask, gatewayFactory, jsonOf, NETWORK, reasonOf } from './support.ts'

/** docs/gateway.md tells the size: all that a reader loads, packed. */
const MAX_PACKED_BYTES = 300 * 1024

const WHOLE = {
  ...NETWORK,
  stakingObjectId: parseObjectId('0x2'),
  walType: '0x3::wal::WAL',
  suiRpc: ['http://127.0.0.1:9/?key=secret'],
  faucet: 'http://127.0.0.1:9/faucet',
  peers: [{ peerId: 'a', multiaddrs: ['/ip4/127.0.0.1/tcp/1/ws'], http: 'http://127.0.0.1:8' }],
}
const WITH_PAGE = { network: WHOLE, page: { suiRpc: ['http://127.0.0.1:9'] } }

describe('the page of a gateway', () => {
  const gateways = gatewayFactory()
  afterEach(() => gateways.stopAll())

  it('is given with a policy that runs only its own scripts, and lets nobody frame it', async () => {
    const { url } = await gateways.start(WITH_PAGE)
    const { status, headers, body } = await ask(`${url}/read`)
    assert.deepEqual([status, headers['content-type']], [200, 'text/html; charset=utf-8'])
    const policy = String(headers['content-security-policy'])
    assert.match(policy, /script-src 'self' 'wasm-unsafe-eval';.*frame-ancestors 'none'/)
    assert.ok(!policy.includes('unsafe-inline'))
    assert.equal(headers['access-control-allow-origin'], undefined)
    assert.ok(!/<script(?! src)|style=|onclick/.test(body.toString()))
  })

  it('is small, with the kernel', async () => {
    const { url } = await gateways.start(WITH_PAGE)
    let packed = 0
    for (const path of [
      '/read',
      '/read/style.css',
      '/read/page.js',
      '/read/reader.js',
      '/read/build/kernel-relaxed.wasm',
    ]) {
      const { status, headers, body } = await ask(`${url}${path}`, { headers: { 'accept-encoding': 'gzip' } })
      assert.equal(status, 200, path)
      packed += headers['content-encoding'] === 'gzip' ? body.length : gzipSync(body).length
      if (headers['content-encoding'] === 'gzip')
        assert.ok(gunzipSync(body).equals((await ask(`${url}${path}`)).body))
    }
    assert.ok(packed < MAX_PACKED_BYTES, `${packed} bytes`)
  })

  it('may serve the whole origin from its worker, and is not sent again', async () => {
    const { url } = await gateways.start(WITH_PAGE)
    const { headers } = await ask(`${url}/read/reader.js`)
    assert.equal(headers['service-worker-allowed'], '/')
    const again = await ask(`${url}/read/reader.js`, { headers: { 'if-none-match': String(headers.etag) } })
    assert.equal(again.status, 304)
  })

  it('says which network it is of, and nothing that a reader does not need', async () => {
    const { url } = await gateways.start(WITH_PAGE)
    assert.deepEqual(jsonOf(await ask(`${url}/read/network.json`)), {
      schemaVersion: 1,
      ...NETWORK,
      stakingObjectId: WHOLE.stakingObjectId,
      walType: WHOLE.walType,
      suiRpc: WITH_PAGE.page.suiRpc,
      peers: [{ peerId: 'a', multiaddrs: ['/ip4/127.0.0.1/tcp/1/ws'] }],
    })
  })

  it('takes links to blobs that no service worker has taken', async () => {
    const { url } = await gateways.start(WITH_PAGE)
    const id = 'a'.repeat(43)
    const { status, headers } = await ask(`${url}/b/${id}?type=image/png`)
    assert.deepEqual([status, headers.location], [302, `/read#${id}`])
  })

  it('has no other files, and is not there where the gateway was given no Sui RPC for it', async () => {
    const whole = await gateways.start(WITH_PAGE)
    for (const path of [
      '/read/read.html',
      '/read/..%2Fpage.ts',
      '/read/.stamp',
      '/read/build/reader.js',
      '/read/constructor',
    ])
      assert.equal((await ask(`${whole.url}${path}`)).status, 404, path)
    const bare = await gateways.start({ network: WHOLE })
    for (const path of [
      '/read',
      '/read/network.json',
      '/read/build/kernel-plain.wasm',
      `/b/${'a'.repeat(43)}`,
    ]) {
      const refused = await ask(`${bare.url}${path}`)
      assert.deepEqual([refused.status, reasonOf(refused)], [404, 'NO_PAGE'], path)
      assert.ok(!refused.body.includes('secret'))
    }
  })
})
